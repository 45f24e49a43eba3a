import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import Database from 'better-sqlite3';
import { type Image, imageManifest, putManifest, request } from './images.ts';
import { progress } from './report.ts';
import { type Server, startAgain } from './servers.ts';

/** The registry's own listings that the bench fills. */
export const taggedRepository = 'bench/tagged';

/** How far filling a server over HTTP came. */
export interface Filling {
  readonly wanted: number;
  readonly filled: number;
  readonly seconds: number;
}

// A request line of ours stays under 8 KiB: 300 tags of 12 characters with `&tag=`.
const tagsPerRequest = 300;
const parallel = 16;

/** The name of the entry at an index; all sort as their index does. */
export function entryName(index: number): string {
  return `entry-${String(index).padStart(6, '0')}`;
}

/** Tags one manifest many times over HTTP, within a limit. */
export async function addTags(
  server: Server,
  image: Image,
  limits: { count: number; seconds: number },
): Promise<Filling> {
  const path = `/v2/${taggedRepository}/manifests/`;
  const takesMany = await pushesManyTags(server, image);
  const step = takesMany ? tagsPerRequest : 1;
  return await fill(limits, step, async (first, end) => {
    const names = Array.from({ length: end - first }, (_, offset) => entryName(first + offset));
    const reference = takesMany ? `${image.digest}?${names.map((name) => `tag=${name}`).join('&')}` : entryName(first);
    await putManifest(server, path + reference, image.manifest);
  });
}

/** Makes many repositories over HTTP by mounting one blob into each, within a limit. */
export async function addRepositories(
  server: Server,
  image: Image,
  limits: { count: number; seconds: number },
): Promise<Filling> {
  const layer = image.layers[0];
  if (layer === undefined) throw new Error('expected an image with a layer');
  const query = new URLSearchParams({ mount: layer.digest, from: image.repository });
  const mount = async (index: number): Promise<void> => {
    await request(server, `/v2/catalog/${entryName(index)}/blobs/uploads/?${query.toString()}`, {
      method: 'POST',
      expect: [201],
    });
  };
  await mount(0);
  // distribution v3 lists a repository only once it has a manifest.
  const needsManifest = !(await listsRepository(server, `catalog/${entryName(0)}`));
  const manifest = imageManifest(layer, [layer]);
  return await fill(limits, 1, async (first) => {
    await mount(first);
    if (needsManifest) await putManifest(server, `/v2/catalog/${entryName(first)}/manifests/1.0`, manifest);
  });
}

/** Writes the tags and repositories that HTTP was too slow for into Gatehouse's database, and starts it again. */
export async function finishInDatabase(
  server: Server,
  image: Image,
  counts: { tags: number; repositories: number },
): Promise<Server> {
  await server.stop();
  const database = new Database(join(server.place.folder, 'gatehouse.sqlite'));
  const now = Date.now();
  const [layer] = image.layers;
  // Not `or ignore`, which passes over a row that lacks something as well.
  const unlessThere = 'on conflict do nothing';
  const tag = database.prepare(
    `insert into tags (repository, name, digest, updated_at, updated_by) values (?, ?, ?, ?, ?) ${unlessThere}`,
  );
  const repository = database.prepare(`insert into repositories (name, created_at) values (?, ?) ${unlessThere}`);
  const linked = database.prepare(
    `insert into repository_blobs (repository, digest, size_bytes, linked_at) values (?, ?, ?, ?) ${unlessThere}`,
  );
  database.transaction(() => {
    for (let index = 0; index < counts.tags; index++)
      tag.run(taggedRepository, entryName(index), image.digest, now, 'admin');
    for (let index = 0; index < counts.repositories; index++) {
      repository.run(`catalog/${entryName(index)}`, now);
      linked.run(`catalog/${entryName(index)}`, layer?.digest, layer?.size, now);
    }
  })();
  database.close();
  return await startAgain(server.registry, server.place);
}

async function fill(
  limits: { count: number; seconds: number },
  step: number,
  add: (first: number, end: number) => Promise<void>,
): Promise<Filling> {
  const begin = performance.now();
  const elapsed = (): number => (performance.now() - begin) / 1000;
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < limits.count && elapsed() < limits.seconds) {
      const first = next;
      next = Math.min(limits.count, next + step);
      await add(first, next);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  const filling = { wanted: limits.count, filled: next, seconds: elapsed() };
  progress(`filled ${filling.filled} of ${filling.wanted} entries in ${filling.seconds.toFixed(1)} s`);
  return filling;
}

async function listsRepository(server: Server, name: string): Promise<boolean> {
  const response = await fetch(`${server.origin}/v2/_catalog?n=100`, { headers: server.headers });
  return (await response.text()).includes(`"${name}"`);
}

/** Distribution Spec main (after v1.1.1): a push by digest may name tags in its query; the answer lists them in OCI-Tag. */
async function pushesManyTags(server: Server, image: Image): Promise<boolean> {
  const path = `/v2/${taggedRepository}/manifests/${image.digest}?tag=${entryName(0)}`;
  const headers = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' };
  const response = await request(server, path, { method: 'PUT', body: image.manifest, headers, expect: [201] });
  return response.headers.get('oci-tag') !== null;
}
