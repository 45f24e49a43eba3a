import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Origin } from '#metadata/events.ts';
import { openMetadata } from '#metadata/open.ts';
import type { Sql } from '#metadata/sql.ts';
import type { Context } from '#registry/context.ts';
import { openGate } from '#registry/gate.ts';
import { type Registry, openRegistry } from '#registry/open.ts';
import { openStorage } from '#storage/open.ts';

/** The rooms below http, on a folder of their own, with a clock that the test sets. */
export interface Rooms {
  readonly folder: string;
  readonly metadata: Sql;
  readonly context: Context;
  readonly registry: Registry;
  /** Moves the clock of the rooms, in milliseconds. */
  advance(byMs: number): void;
  close(): Promise<void>;
}

export async function openRooms(): Promise<Rooms> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-rooms-'));
  const metadata = await openMetadata('sqlite', { path: join(folder, 'gatehouse.sqlite') });
  const store = await openStorage('filesystem', { root: join(folder, 'storage') });
  let ahead = 0;
  const context: Context = {
    metadata,
    store,
    clock: () => Date.now() + ahead,
    options: { manifests: { maxSize: 4 * 1024 * 1024, sparse: 'off' }, blobs: {} },
    graces: { blobMs: 3_600_000, referrerMs: 24 * 3_600_000 },
    gate: openGate,
  };
  return {
    folder,
    metadata,
    context,
    registry: openRegistry(context),
    advance: (byMs) => {
      ahead += byMs;
    },
    async close() {
      await metadata.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Who acts in tests of the rooms below http. */
export const ORIGIN: Origin = { actor: 'tester', address: '192.0.2.1', requestId: 'r1' };

/** Bytes as a body. */
export async function* bodyOf(...chunks: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

/** The keys in the store that begin with the prefix. */
export async function keysOf({ context }: Rooms, prefix: string): Promise<string[]> {
  return await Array.fromAsync(context.store.list(prefix));
}
