import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '#metadata/sql.ts';
import { writeVerdict } from '#metadata/verdicts.ts';
import type { Digest } from '#oci/digest.ts';
import { type Answer, codesOf } from '#test/support/client.ts';
import { withhold } from '#test/support/guarded.ts';
import { type TestManifest, aBlob, aManifest, pushBlob, pushImage } from '#test/support/images.ts';
import { GUARDED, type Looker, type Scene, VOID, ask, images, lookers, openScene, whole } from './sight-scene.ts';

let scene: Scene;
let everybody: ReadonlyMap<string, Looker>;
beforeAll(async () => {
  scene = await openScene();
  everybody = await lookers(scene);
});
afterAll(() => scene[Symbol.asyncDispose]());

const send = (name: string, method: string, path: string, headers: Record<string, string> = {}): Promise<Answer> => {
  const looker = everybody.get(name);
  if (looker === undefined) throw new Error(`nobody is called ${name}`);
  return ask(scene.guarded.url, looker, { method, path, headers });
};
const put = async (
  image: TestManifest,
  tag: string,
  headers: Record<string, string> = {},
  repository = GUARDED,
): Promise<Answer> => {
  for (const blob of image.blobs) await pushBlob(scene.gatehouse.url, repository, blob);
  const looker = everybody.get('an editor') ?? { eyes: 'insider', headers: {} };
  const path = `/v2/${repository}/manifests/${tag}`;
  const type = { 'content-type': image.mediaType };
  return await ask(scene.guarded.url, looker, {
    method: 'PUT',
    path,
    headers: { ...type, ...headers },
    body: image.bytes,
  });
};

/** Has the gate say something of an image that everybody sees. */
async function say(digest: Digest, summary: string): Promise<void> {
  const verdict = {
    policy: 'p',
    isSatisfied: false,
    via: null,
    isWithheld: false,
    judgedAt: 1,
    goodUntil: 1,
    judgeAt: null,
  };
  await scene.people.metadata.transaction((inside) =>
    writeVerdict(inside, { ...verdict, repository: GUARDED, digest, summary, evidence: null }),
  );
}

describe('a warning', () => {
  test('goes with every answer that shows the manifest, to everybody', async () => {
    const { digest } = images.published;
    await say(digest, 'nobody signed "it", says C:\\policy');
    const expected = '299 - "nobody signed \\"it\\", says C:\\\\policy"';
    for (const name of everybody.keys()) {
      for (const reference of ['published', digest]) {
        for (const [method, headers] of [
          ['GET', {}],
          ['HEAD', {}],
          ['GET', { 'if-none-match': '*' }],
        ] as const) {
          const { headers: found } = await send(name, method, `/v2/${GUARDED}/manifests/${reference}`, headers);
          expect([name, method, found.warning]).toEqual([name, method, expected]);
        }
      }
    }
    await say(digest, '');
    expect((await send('a viewer', 'GET', `/v2/${GUARDED}/manifests/${digest}`)).headers.warning).toBeUndefined();
  });

  test('of what is withheld is for insiders alone', async () => {
    const image = aManifest();
    for (const repository of [GUARDED, VOID]) await pushImage(scene.gatehouse.url, repository, aManifest());
    await pushImage(scene.gatehouse.url, GUARDED, image);
    await withhold(scene.people.metadata, GUARDED, [image.digest], 'the key is gone');
    const path = (repository: string): string => `/v2/${repository}/manifests/${image.digest}`;
    expect((await send('an editor', 'GET', path(GUARDED))).headers.warning).toBe('299 - "the key is gone"');
    expect(whole(await send('a viewer', 'GET', path(GUARDED)))).toEqual(
      whole(await send('a viewer', 'GET', path(VOID))),
    );
  });

  test('cannot break out of its header', async () => {
    const { digest } = images.published;
    await say(digest, `a\r\nSet-Cookie: b\u0000\u001b[31m – ü\u{1f511}`);
    const { status, headers } = await send('a viewer', 'GET', `/v2/${GUARDED}/manifests/published`);
    expect([status, headers.warning]).toEqual([200, '299 - "a??Set-Cookie: b??[31m ? ??"']);
    await say(digest, '');
  });

  test('is said to whoever pushes a tag that is held', async () => {
    const image = aManifest();
    const answer = await put(image, 'held-new');
    expect([answer.status, answer.headers['docker-content-digest'], answer.headers.warning]).toEqual([
      201,
      image.digest,
      '299 - "held-new is held: nobody signed \\"it\\" ? yet"',
    ]);
    expect((await send('a signer', 'HEAD', `/v2/${GUARDED}/manifests/held-new`)).status).toBe(200);
    expect((await send('a viewer', 'HEAD', `/v2/${GUARDED}/manifests/held-new`)).status).toBe(404);
    expect((await put(aManifest(), 'free')).headers.warning).toBeUndefined();
  });
});

describe('a conditional push', () => {
  test('speaks of what its client sees: what is held', async () => {
    const [first, second, third] = [aManifest(), aManifest(), aManifest()];
    await pushImage(scene.gatehouse.url, GUARDED, first, 'held-again');
    expect((await put(second, 'held-again')).status).toBe(201);
    const stale = await put(third, 'held-again', { 'if-match': `"${first.digest}"` });
    expect([stale.status, codesOf(stale)]).toEqual([412, ['DENIED']]);
    const { headers } = await send('an editor', 'GET', `/v2/${GUARDED}/manifests/held-again`);
    expect(headers.etag).toBe(`"${second.digest}"`);
    expect((await put(third, 'held-again', { 'if-match': String(headers.etag) })).status).toBe(201);
    expect((await put(first, 'held-fresh', { 'if-none-match': '*' })).status).toBe(201);
    expect((await put(second, 'held-fresh', { 'if-none-match': '*' })).status).toBe(412);
  });
});

describe('a pull', () => {
  test('that is refused counts nothing', async () => {
    await scene.guarded.flushPulls();
    await scene.people.metadata.transaction((inside) => inside.all(sql`delete from pulls`));
    for (const reference of ['waiting', 'blocked', images.withheld.digest, 'moved']) {
      await send('a viewer', 'GET', `/v2/${GUARDED}/manifests/${reference}`);
    }
    await scene.guarded.flushPulls();
    const rows = await scene.people.metadata.all(sql`
      select tag as "tag", digest as "digest" from pulls where repository = ${GUARDED}`);
    expect(rows).toEqual([{ tag: 'moved', digest: images.old.digest }]);
  });
});

describe('the gate', () => {
  const [blob] = images.published.blobs;
  const reads = (repository: string): [method: string, path: string][] => [
    ['GET', `/v2/${repository}/manifests/published`],
    ['GET', `/v2/${repository}/manifests/${images.published.digest}`],
    ['HEAD', `/v2/${repository}/blobs/${blob?.digest}`],
    ['GET', `/v2/${repository}/blobs/${blob?.digest}`],
    ['GET', `/v2/${repository}/tags/list`],
    ['GET', `/v2/${repository}/referrers/${images.published.digest}`],
  ];
  const askedFor = async (name: string, repository: string): Promise<string[]> => {
    scene.guarded.asked.length = 0;
    for (const [method, path] of reads(repository)) expect((await send(name, method, path)).status).toBe(200);
    return scene.guarded.asked.map((line) => line.split(' ')[0] ?? '');
  };

  test('is not asked of a repository that it does not guard', async () => {
    await pushImage(scene.gatehouse.url, VOID, images.published, 'published');
    for (const name of ['nobody', 'a viewer', 'an editor']) expect(await askedFor(name, VOID)).toEqual([]);
  });

  test('is asked once for a manifest, and by insiders of nothing else', async () => {
    await pushImage(scene.gatehouse.url, 'guarded/small', images.published, 'published');
    await scene.people.grant('group', 'system:anonymous', ['registry-viewer guarded/small']);
    await scene.people.grant('user', 'robot+editor', ['registry-editor guarded/small']);
    expect(await askedFor('an editor', 'guarded/small')).toEqual(['sightOf', 'sightOf']);
    const outsider = ['sightOf', 'sightOf', 'showsBlob', 'showsBlob', 'sightOf'];
    expect(await askedFor('nobody', 'guarded/small')).toEqual(outsider);
  });

  test('is asked of ten sources of a mount, and no more', async () => {
    const blob = aBlob();
    for (let number = 1; number <= 11; number += 1) await pushBlob(scene.gatehouse.url, `guarded/base-${number}`, blob);
    const authorization = await scene.people.robot('many-sources', [
      'registry-editor target/',
      'registry-viewer guarded/',
    ]);
    scene.guarded.asked.length = 0;
    const path = `/v2/target/app/blobs/uploads/?mount=${blob.digest}`;
    const looker = { eyes: 'outsider', headers: { authorization } } as const;
    expect((await ask(scene.guarded.url, looker, { method: 'POST', path })).status).toBe(202);
    expect(scene.guarded.asked).toHaveLength(10);
  });

  test('is asked before anybody vouches for a blob', async () => {
    const { unnamed } = images;
    const review = async (): Promise<object[]> =>
      await scene.people.metadata.all(sql`
        select * from link_reviews where repository = ${GUARDED} and digest = ${unnamed.digest}`);
    const age = sql`update link_reviews set review_after = 1 where digest = ${unnamed.digest}`;
    await scene.people.metadata.transaction((inside) => inside.all(age));
    const before = await review();
    await send('a viewer', 'HEAD', `/v2/${GUARDED}/blobs/${unnamed.digest}`);
    expect(await review()).toEqual(before);
    await send('a signer', 'HEAD', `/v2/${GUARDED}/blobs/${unnamed.digest}`);
    expect(await review()).not.toEqual(before);
  });
});
