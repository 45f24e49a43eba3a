import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openMetadata } from '#metadata/open.ts';
import type { Query, Sql } from '#metadata/sql.ts';

/** A database of its own, gone when disposed. */
export interface TemporaryMetadata extends AsyncDisposable {
  readonly metadata: Sql;
  readonly path: string;
}

/** Opens a real, empty database in a folder of its own. */
export async function temporaryMetadata(): Promise<TemporaryMetadata> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-access-'));
  const path = join(folder, 'gatehouse.sqlite');
  const metadata = await openMetadata('sqlite', { path });
  return {
    metadata,
    path,
    async [Symbol.asyncDispose]() {
      await metadata.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** The same database, seen from outside: `onRead` is told the number of each read once its rows are there. */
export function watchedReads(metadata: Sql, onRead: (count: number) => Promise<void> | void): Sql {
  let count = 0;
  return {
    all: async <Row>(query: Query) => {
      const rows = await metadata.all<Row>(query);
      count += 1;
      await onRead(count);
      return rows;
    },
    transaction: (work) => metadata.transaction(work),
    close: () => metadata.close(),
  };
}
