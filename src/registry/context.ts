import type { Sql } from '#metadata/sql.ts';
import type { BlobStore } from '#storage/driver.ts';
import type { RegistryOptions } from './options.ts';

/** What every part of the registry works with. */
export interface Context {
  readonly metadata: Sql;
  readonly store: BlobStore;
  readonly options: RegistryOptions;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}
