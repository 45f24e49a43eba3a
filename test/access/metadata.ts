import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openMetadata } from '#metadata/open.ts';
import type { Sql } from '#metadata/sql.ts';

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
