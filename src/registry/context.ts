import type { Sql } from '#metadata/sql.ts';
import type { BlobStore } from '#storage/driver.ts';
import type { Gate } from './gate.ts';
import type { RegistryOptions } from './options.ts';

/** For how long what nothing uses yet can be relied on. Milliseconds. */
export interface Graces {
  /** A blob that a client was told of: it can still name it in a manifest. */
  readonly blobMs: number;
  /** A manifest whose subject is not there: it may still come. */
  readonly referrerMs: number;
}

/** What every part of the registry works with. */
export interface Context {
  readonly metadata: Sql;
  readonly store: BlobStore;
  readonly options: RegistryOptions;
  readonly graces: Graces;
  /** What tags have to pass, and what those who only pull see. */
  readonly gate: Gate;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}
