import { join } from 'node:path';
import { type GrantKey, deleteGrant, insertGrant } from '#metadata/grants.ts';
import { openMetadata } from '#metadata/open.ts';
import type { Sql } from '#metadata/sql.ts';

/** Works on the data of a registry that runs, as another process does. */
export async function onItsData<T>(folder: string, work: (metadata: Sql) => Promise<T>): Promise<T> {
  const metadata = await openMetadata('sqlite', { path: join(folder, 'gatehouse.sqlite') });
  try {
    return await metadata.transaction(work);
  } finally {
    await metadata.close();
  }
}

/** Gives a role; subjects that are groups say so. */
export async function grant(folder: string, key: Omit<GrantKey, 'kind'> & { kind?: GrantKey['kind'] }): Promise<void> {
  await onItsData(folder, (metadata) => insertGrant(metadata, { kind: 'user', ...key }, 'tester', Date.now()));
}

export async function revoke(folder: string, key: Omit<GrantKey, 'kind'> & { kind?: GrantKey['kind'] }): Promise<void> {
  await onItsData(folder, (metadata) => deleteGrant(metadata, { kind: 'user', ...key }));
}
