import { join } from 'node:path';
import { openUsers } from '#access/users.ts';
import { insertGrant } from '#metadata/grants.ts';
import { openMetadata } from '#metadata/open.ts';
import type { Server } from './servers.ts';

const reader = { name: 'reader', password: 'reads what is under bench' };

/** What somebody sends with each request who may pull what is under `bench/`. */
export const readerHeaders: Readonly<Record<string, string>> = {
  authorization: `Basic ${Buffer.from(`${reader.name}:${reader.password}`).toString('base64')}`,
};

/** Makes them somebody, through the database, as another process does; anybody may pull what is under `public/`. */
export async function admitReader({ place }: Pick<Server, 'place'>): Promise<void> {
  const metadata = await openMetadata('sqlite', { path: join(place.folder, 'gatehouse.sqlite') });
  try {
    await openUsers({ metadata, clock: Date.now }).create(reader.name, reader.password);
    await metadata.transaction(async (inside) => {
      const grants = [
        { kind: 'user', subject: reader.name, role: 'registry-viewer', scope: 'bench/' },
        { kind: 'group', subject: 'system:anonymous', role: 'registry-viewer', scope: 'public/' },
      ] as const;
      for (const grant of grants) await insertGrant(inside, grant, 'bench', Date.now());
    });
  } finally {
    await metadata.close();
  }
}
