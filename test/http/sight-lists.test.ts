import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '#metadata/sql.ts';
import type { Digest } from '#oci/digest.ts';
import { tagOf } from '#test/support/attachments.ts';
import type { Answer } from '#test/support/client.ts';
import { withhold } from '#test/support/guarded.ts';
import { aManifest, pushBlob, pushImage } from '#test/support/images.ts';
import {
  GUARDED,
  type Looker,
  type Scene,
  VOID,
  aReferrer,
  ask,
  images,
  lookers,
  openScene,
  whole,
} from './sight-scene.ts';

const SIG = tagOf(images.withheld);

let scene: Scene;
let everybody: ReadonlyMap<string, Looker>;
beforeAll(async () => {
  scene = await openScene();
  everybody = await lookers(scene);
});
afterAll(() => scene[Symbol.asyncDispose]());

function looker(name: string): Looker {
  const found = everybody.get(name);
  if (found === undefined) throw new Error(`nobody is called ${name}`);
  return found;
}

const get = (name: string, path: string): Promise<Answer> =>
  ask(scene.guarded.url, looker(name), { method: 'GET', path });

const outsiders = (): string[] => [...everybody].filter(([, { eyes }]) => eyes === 'outsider').map(([name]) => name);
const insiders = (): string[] => [...everybody].filter(([, { eyes }]) => eyes === 'insider').map(([name]) => name);

/** The names of a list, from one page. */
function namesIn({ json }: Answer): string[] {
  if (typeof json !== 'object' || json === null) return [];
  if ('tags' in json && Array.isArray(json.tags)) return json.tags;
  if ('manifests' in json && Array.isArray(json.manifests)) return json.manifests.map(({ digest }) => String(digest));
  return [];
}

/** Follows a list to its end: its pages, and everything that its links say. */
async function walk(name: string, path: string): Promise<{ pages: string[][]; links: string }> {
  const pages: string[][] = [];
  let links = '';
  for (let next: string | undefined = path; next !== undefined; ) {
    const answer: Answer = await get(name, next);
    pages.push(namesIn(answer));
    const link = String(answer.headers.link ?? '');
    links += link;
    next = /^<([^>]*)>; rel="next"$/.exec(link)?.[1];
    if (pages.length > 50) throw new Error('expected the list to end');
  }
  return { pages, links };
}

describe('tags/list', () => {
  const path = `/v2/${GUARDED}/tags/list`;

  test('has for outsiders what they can pull, however it is paged', async () => {
    for (const name of outsiders()) {
      expect([name, namesIn(await get(name, path))]).toEqual([name, ['moved', 'published']]);
    }
    for (const n of [1, 2, 3]) {
      const { pages, links } = await walk('a viewer', `${path}?n=${n}`);
      expect(pages.flat()).toEqual(['moved', 'published']);
      expect(Math.max(...pages.map((page) => page.length))).toBeLessThanOrEqual(n);
      for (const hidden of ['waiting', 'blocked', 'multi', SIG]) expect(links).not.toContain(hidden);
    }
  });

  test('has for insiders what is held too, once', async () => {
    const all = ['blocked', 'moved', 'multi', 'published', SIG, 'waiting'];
    for (const name of insiders()) expect([name, namesIn(await get(name, path))]).toEqual([name, all]);
    for (const n of [1, 4]) expect((await walk('a signer', `${path}?n=${n}`)).pages.flat()).toEqual(all);
  });

  test('answers for a repository in which everything is held as for one whose tags are gone', async () => {
    const image = aManifest();
    await pushImage(scene.gatehouse.url, 'guarded/new', image);
    const { metadata } = scene.people;
    await withhold(metadata, 'guarded/new', [image.digest]);
    await scene.people.grant('group', 'system:anonymous', ['registry-viewer guarded/new']);
    expect((await get('nobody', '/v2/guarded/new/tags/list')).json).toEqual({ name: 'guarded/new', tags: [] });
  });

  test('goes on behind thousands that are hidden', async () => {
    const { people } = scene;
    const many = 'guarded/many';
    const [hidden, shown] = [aManifest(), aManifest()];
    await pushImage(scene.gatehouse.url, many, hidden, 'a');
    await pushImage(scene.gatehouse.url, many, shown, 'z');
    await withhold(people.metadata, many, [hidden.digest]);
    await people.metadata.transaction((inside) =>
      inside.all(sql`
        insert into tags (repository, name, digest, updated_at, updated_by)
        with recursive numbers (number) as (select 1 union all select number + 1 from numbers where number < 10500)
        select ${many}, 'b' || number, ${hidden.digest}, 1, 'test' from numbers`),
    );
    await people.grant('group', 'system:anonymous', [`registry-viewer ${many}`]);
    for (const query of ['', '?n=1']) {
      const { pages } = await walk('nobody', `/v2/${many}/tags/list${query}`);
      // Two pages, or one more where the machine took a second for the first.
      expect([pages[0], pages.flat()]).toEqual([[], ['z']]);
    }
  });
});

describe('the referrers of an image', () => {
  test('that is withheld are for outsiders those of one that is not there', async () => {
    const path = (repository: string) => `/v2/${repository}/referrers/${images.withheld.digest}`;
    for (const name of outsiders()) {
      const [found, nothing] = [await get(name, path(GUARDED)), await get(name, path(VOID))];
      expect([name, whole(found)]).toEqual([name, whole(nothing)]);
    }
    for (const name of insiders()) {
      expect([name, namesIn(await get(name, path(GUARDED)))]).toEqual([name, [images.referrer.digest]]);
    }
  });

  test('are without what is withheld, however they are paged', async () => {
    const all = await attach(7);
    const hidden = all.filter((_, at) => [0, 2, 3, 6].includes(at));
    const visible = all.filter((digest) => !hidden.includes(digest));
    await withhold(scene.people.metadata, GUARDED, hidden);
    const path = `/v2/${GUARDED}/referrers/${images.published.digest}`;
    for (const n of [1, 2, 3, 100]) {
      const { pages, links } = await walk('a viewer', `${path}?n=${n}`);
      expect([n, pages.flat()]).toEqual([n, visible]);
      expect(Math.max(...pages.map((page) => page.length))).toBeLessThanOrEqual(n);
      for (const digest of hidden) expect(decodeURIComponent(links)).not.toContain(digest);
      expect((await walk('a signer', `${path}?n=${n}`)).pages.flat()).toEqual(all);
    }
    expect((await get('a viewer', `${path}?n=3`)).headers.link).toBeUndefined();
    expect(namesIn(await get('a viewer', `${path}?artifactType=application/vnd.example`))).toEqual(visible);
  });
});

/** Attaches to what is published; returns the digests in order. */
async function attach(count: number): Promise<Digest[]> {
  const referrers = Array.from({ length: count }, () => aReferrer(images.published));
  for (const referrer of referrers) await pushImage(scene.gatehouse.url, GUARDED, referrer);
  return referrers.map(({ digest }) => digest).toSorted();
}

describe('a mount', () => {
  const from = (authorization: string, target: string, query: string): Promise<Answer> =>
    ask(
      scene.guarded.url,
      { eyes: 'outsider', headers: { authorization } },
      { method: 'POST', path: `/v2/${target}/blobs/uploads/?${query}` },
    );

  test('takes from where one only pulls what one can pull there, and of the rest nobody learns', async () => {
    const pusher = await scene.people.robot('mounter', ['registry-editor mine/', `registry-viewer ${GUARDED}`]);
    const { own, unnamed, shared } = images;
    for (const source of ['', `&from=${GUARDED}`]) {
      for (const { digest } of [own, unnamed]) {
        const answer = await from(pusher, 'mine/app', `mount=${digest}${source}`);
        expect([source, answer.status, answer.headers['docker-content-digest']]).toEqual([source, 202, undefined]);
      }
      expect((await from(pusher, `mine/${source === '' ? 'a' : 'b'}`, `mount=${shared.digest}${source}`)).status).toBe(
        201,
      );
    }
    const looking: Looker = { eyes: 'outsider', headers: { authorization: pusher } };
    for (const { digest } of [own, unnamed]) {
      const path = `/v2/mine/app/blobs/${digest}`;
      expect((await ask(scene.guarded.url, looking, { method: 'HEAD', path })).status).toBe(404);
    }
  });

  test('takes from where one signs or pushes whatever is there, also when a token is to pull there', async () => {
    const grants = ['registry-editor yours/', `registry-signer ${GUARDED}`] as const;
    const signer = await scene.people.robot('signing-mounter', grants);
    for (const [place, source] of [
      ['yours/a', ''],
      ['yours/b', `&from=${GUARDED}`],
    ] as const) {
      expect((await from(signer, place, `mount=${images.own.digest}${source}`)).status).toBe(201);
    }
  });

  test('prefers the source that needs no gate', async () => {
    const pusher = await scene.people.robot('two-sources', [
      'registry-editor ours/',
      `registry-viewer ${GUARDED}`,
      `registry-viewer zone/app`,
    ]);
    await pushBlob(scene.gatehouse.url, 'zone/app', images.unnamed);
    expect((await from(pusher, 'ours/app', `mount=${images.unnamed.digest}`)).status).toBe(201);
  });
});
