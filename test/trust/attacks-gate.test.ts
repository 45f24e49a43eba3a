import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sql } from '#metadata/sql.ts';
import { type Digest, hexOf } from '#oci/digest.ts';
import { tagOf } from '#test/support/attachments.ts';
import { type Answer, call } from '#test/support/client.ts';
import { type TestManifest, aManifest, anIndex, pushBlob } from '#test/support/images.ts';
import { as, askToken, bearerOf } from '#test/support/people.ts';
import { bundleFor, legacyFor } from '#test/support/signing.ts';
import { type AttackScene, MALLORY, type Place, RELEASE, comesTrue, openAttackScene } from './attack-scene.ts';

/*
 * Whoever may only pull, and wants what is held; whoever may push, and wants it seen without the right signature.
 */
let scene: AttackScene;
let here: Place;
let viewer: string;
let editor: string;
beforeAll(async () => {
  scene = await openAttackScene();
  ({ viewer, editor } = scene);
  await scene.people.grant('group', 'system:anonymous', ['registry-viewer team-a/']);
});
afterAll(() => scene[Symbol.asyncDispose]());

/** A policy for each test of a group, and a repository nobody has used. */
function under(policy: object): void {
  beforeEach(async () => {
    here = scene.place();
    await scene.configure(policy);
  });
}

/** An image that is signed by the right key: when everybody sees it, all that was pushed before has been judged. */
async function settle(): Promise<void> {
  await here.release(await here.pushNew());
}

describe('whoever only pulls', () => {
  under({ mode: 'hold' });

  /** What identifies the one who asks, by the name of the attack. */
  const spies = async (): Promise<[string, Record<string, string>][]> => {
    const elsewhere = await scene.people.robot(`spy-${here.repository.split('-').at(-1)}`, [
      'registry-viewer team-a/',
      'registry-admin team-b/',
    ]);
    const token = async (who: string | undefined): Promise<string> =>
      bearerOf(await askToken(scene.gatehouse.url, who, [`repository:${here.repository}:pull,push,delete`]));
    return [
      ['a viewer', { authorization: viewer }],
      ['UA spoof: cosign', { authorization: viewer, 'user-agent': 'cosign/v2.4.1 (linux; amd64)' }],
      ['UA spoof: notation', { authorization: viewer, 'user-agent': 'notation/1.3.0' }],
      [
        'UA spoof: gatehouse itself',
        { authorization: viewer, 'user-agent': 'gatehouse', 'x-forwarded-for': '127.0.0.1' },
      ],
      ['a token with push scope of a pull-only user', { authorization: await token(viewer) }],
      ['nobody, by a public grant', {}],
      ['a token of nobody', { authorization: await token(undefined) }],
      ['an admin of somewhere else', { authorization: elsewhere }],
    ];
  };

  test('a held tag is found by nobody of them, whatever they ask', async () => {
    const [old, held] = [await here.pushNew('moved'), await here.pushNew('fresh')];
    await here.release(old);
    await here.push(held, 'moved');
    const signature = await here.sign(held, MALLORY);
    await here.push(legacyFor(held, MALLORY), tagOf(held));
    const index = anIndex([held]);
    await here.push(index, 'multi');
    await settle();
    const secrets = [held, signature, index, ...held.blobs].map(({ digest }) => hexOf(digest));
    const R = here.repository;
    const blob = held.blobs[1]?.digest ?? '';
    const references = ['fresh', 'multi', held.digest, index.digest, signature.digest, tagOf(held)];
    const conditions = [{}, { 'if-none-match': '*' }, { 'if-none-match': `"${held.digest}"` }, { 'if-match': '*' }];
    const hidden = [
      ...references.flatMap((reference) => conditions.map((headers) => [`/v2/${R}/manifests/${reference}`, headers])),
      ...[{}, { range: 'bytes=0-0' }, { 'if-none-match': `"${blob}"` }].map((headers) => [
        `/v2/${R}/blobs/${blob}`,
        headers,
      ]),
      [`/api/v1/tags/history?repository=${R}&tag=fresh`, {}],
      [`/api/v1/trust/explain?repository=${R}&tag=fresh`, {}],
      [`/api/v1/trust/explain?repository=${R}&digest=${held.digest}`, {}],
    ] as [string, Record<string, string>][];
    const lists = [
      `/v2/${R}/tags/list`,
      '/v2/_catalog',
      `/v2/${R}/referrers/${held.digest}`,
      `/v2/${R}/manifests/moved`,
      `/api/v1/tags/history?repository=${R}&tag=moved`,
      `/api/v1/trust/explain?repository=${R}&tag=moved`,
      '/api/v1/trust/held',
      `/api/v1/trust/held?repository=${R}`,
      '/api/v1/events',
      `/api/v1/events?repository=${R}`,
    ];
    const told = ({ text, headers }: Answer): string[] =>
      // What was asked for may be said back, by an error as by an empty list.
      ['fresh', 'multi', ...secrets].filter((secret) => (text + JSON.stringify(headers)).includes(secret));
    for (const [name, who] of await spies()) {
      const ask = (method: string, path: string, headers = {}): Promise<Answer> =>
        call(scene.gatehouse.url, { method, path, anonymous: true, headers: { ...who, ...headers } });
      for (const [path, headers] of hidden) {
        for (const method of path.startsWith('/api') ? ['GET'] : ['GET', 'HEAD']) {
          const { status } = await ask(method, path, headers);
          expect([name, method, path, [401, 403, 404].includes(status)]).toEqual([name, method, path, true]);
        }
      }
      for (const path of lists) expect([name, path, told(await ask('GET', path))]).toEqual([name, path, []]);
      expect((await ask('GET', `/v2/${R}/manifests/moved`)).headers['docker-content-digest']).toBe(old.digest);
    }
  });

  test('cross-repository mount gives nobody a blob of what is held, by name of its repository or without', async () => {
    const held = await here.pushNew('fresh');
    const released = await here.pushNew('1.0');
    await here.release(released);
    const mounter = await scene.people.robot(`mounter-${hexOf(held.digest).slice(0, 8)}`, [
      'registry-viewer team-a/',
      'registry-editor team-b/',
    ]);
    const mount = (digest: string, query: string): Promise<Answer> =>
      call(scene.gatehouse.url, {
        method: 'POST',
        path: `/v2/team-b/app/blobs/uploads/?mount=${digest}${query}`,
        ...as(mounter),
      });
    for (const query of ['', `&from=${here.repository}`]) {
      for (const { digest } of held.blobs) expect((await mount(digest, query)).status).toBe(202);
    }
    for (const { digest } of released.blobs) expect((await mount(digest, `&from=${here.repository}`)).status).toBe(201);
  });

  test('HEAD and GET say the same of the same, to insiders and outsiders', async () => {
    const [held, released] = [await here.pushNew('fresh'), await here.pushNew('1.0')];
    await here.release(released);
    for (const who of [viewer, editor, scene.signer, undefined]) {
      for (const reference of ['fresh', '1.0', held.digest, released.digest]) {
        const [get, head] = [
          await here.ask(who, 'GET', `/manifests/${reference}`),
          await here.ask(who, 'HEAD', `/manifests/${reference}`),
        ];
        expect(head.status).toBe(get.status);
        expect(head.headers['docker-content-digest']).toBe(get.headers['docker-content-digest']);
        expect(head.headers['warning']).toBe(get.headers['warning']);
      }
    }
  });
});

describe('a signature that is moved', () => {
  under({ mode: 'hold' });

  test('.sig copied to another digest', async () => {
    const [signed, target] = [await here.pushNew('1.0'), await here.pushNew('2.0')];
    const signature = legacyFor(signed, RELEASE);
    await here.push(signature, tagOf(signed));
    await comesTrue(() => here.seen(viewer, '1.0'), signed.digest);
    await here.push(signature, tagOf(target));
    await settle();
    expect(await here.seen(viewer, '2.0')).toBe(404);
    // The signature is seen by whoever sees what it is about, under the tag of the other one too.
    expect(await here.seen(viewer, target.digest)).toBe(404);
  });

  test('bundle referrer with swapped subject', async () => {
    const [signed, target] = [await here.pushNew('1.0'), await here.pushNew('2.0')];
    await here.release(signed);
    const swapped = bundleFor(target, RELEASE, { digest: signed.digest });
    await here.push(swapped);
    await settle();
    expect(await here.seen(viewer, '2.0')).toBe(404);
    expect(await here.seen(viewer, swapped.digest)).toBe(404);
  });

  test.each([
    ['another repository, where it is asked', 'repository', (R: string) => `registry.example.com/${R}-other`, 404],
    ['another repository, where it is not', 'any', (R: string) => `registry.example.com/${R}-other`, 200],
    ['the same repository', 'repository', (R: string) => `registry.example.com/${R}:1.0`, 200],
    ['a repository of which the name is only an end', 'repository', (R: string) => `registry.example.com/x/${R}`, 404],
    [
      'a repository of which the name is only a beginning',
      'repository',
      (R: string) => `registry.example.com/${R}/x`,
      404,
    ],
    ['no repository', 'repository', () => '', 200],
  ] as const)(
    'legacy signature replayed to another repository: made for %s',
    async (_name, reference, of, expected) => {
      await scene.configure({ mode: 'hold', reference });
      const image = await here.pushNew('1.0');
      await here.push(legacyFor(image, RELEASE, { reference: of(here.repository) }), tagOf(image));
      const isSeen = async () => (await here.ask(viewer, 'GET', '/manifests/1.0')).status;
      if (expected === 200) await comesTrue(isSeen, 200);
      else await settle();
      expect(await isSeen()).toBe(expected);
    },
  );

  test('a signature in another repository of the same registry says nothing here', async () => {
    const there = scene.place();
    const image = await here.pushNew('1.0');
    await there.push(image, '1.0');
    await there.release(image);
    await settle();
    expect(await here.seen(viewer, '1.0')).toBe(404);
  });

  test('a signature of the same manifest under its other digest says nothing', async () => {
    const image = aManifest({ algorithm: 'sha512' });
    const twin: TestManifest = { ...image, digest: aManifest().digest };
    await here.push(image, image.digest);
    await here.push(bundleFor(twin, RELEASE));
    await settle();
    expect(await here.seen(viewer, image.digest)).toBe(404);
  });
});

/** Writes referrers of a manifest, each like the only one that is there, of which no bytes can be read. */
async function multiply(repository: string, subject: Digest, times: number): Promise<void> {
  const numbers = sql`
    with recursive numbers (number) as (select 1 union all select number + 1 from numbers where number < ${times})
    insert into blobs (digest, size_bytes, location, created_at)
    select 'sha256:' || substr(${'0'.repeat(64)} || number, -64), 1, 'blobs/none/' || number, 1 from numbers`;
  await scene.people.metadata.transaction(async (inside) => {
    await inside.all(numbers);
    await inside.all(sql`
      insert into manifests
        (repository, digest, media_type, size_bytes, artifact_type, subject, annotations, pushed_at, pushed_by)
      select repository, blobs.digest, media_type, manifests.size_bytes, artifact_type, subject, annotations, pushed_at,
        pushed_by
      from manifests, blobs
      where repository = ${repository} and subject = ${subject} and location like 'blobs/none/%'`);
  });
}

describe('discovery', () => {
  under({ mode: 'hold' });

  test('200 junk referrers before a good one, and as many layers before a good layer', async () => {
    const image = await here.pushNew('1.0');
    const junk = Array.from({ length: 200 }, () => bundleFor(image, MALLORY));
    await Promise.all(junk.map((one) => here.push(one)));
    const began = performance.now();
    await here.sign(image);
    await comesTrue(() => here.seen(viewer, '1.0'), image.digest);
    expect(performance.now() - began).toBeLessThan(5000);
  });

  test('10,000 referrers end, and leave the judge to others', async () => {
    const image = await here.pushNew('1.0');
    await here.sign(image, MALLORY);
    await multiply(here.repository, image.digest, 10_000);
    const memory = process.memoryUsage().heapUsed;
    const began = performance.now();
    await here.sign(image, MALLORY);
    await settle();
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(process.memoryUsage().heapUsed - memory).toBeLessThan(256 << 20);
    expect(await here.seen(viewer, '1.0')).toBe(404);
    // Another place to sign is as good as it was.
    await here.push(legacyFor(image, RELEASE), tagOf(image));
    await comesTrue(() => here.seen(viewer, '1.0'), image.digest);
    // Whoever changes the policy next need not judge them.
    await scene.people.metadata.transaction((inside) =>
      inside.all(
        sql`delete from manifests where digest in (select digest from blobs where location like 'blobs/none/%')`,
      ),
    );
  });

  test('deletion of the only signature is noticed before the next tag', async () => {
    const image = await here.pushNew('1.0');
    const signature = await here.release(image);
    await here.remove(signature.digest);
    await here.push(image, '1.1');
    await settle();
    expect(await here.seen(viewer, '1.1')).toBe(404);
    expect(await here.seen(viewer, '1.0')).toBe(image.digest);
  });
});

describe('an index', () => {
  under({ mode: 'hold' });

  test('signed child and unsigned index; signed index and unsigned child', async () => {
    const [one, two] = [await here.pushNew(), await here.pushNew()];
    const index = anIndex([one, two]);
    await here.push(index, 'multi');
    for (const child of [one, two]) await here.release(child);
    await settle();
    expect(await here.seen(viewer, 'multi')).toBe(404);
    const covered = await here.pushNew();
    const signed = anIndex([covered]);
    await here.push(signed, 'signed');
    await here.release(signed);
    expect(await here.seen(viewer, covered.digest)).toBe(covered.digest);
    for (const { digest } of covered.blobs)
      expect((await here.ask(viewer, 'GET', `/blobs/${digest}`)).status).toBe(200);
  });

  test('index re-pushed with one more child', async () => {
    const [known, added] = [await here.pushNew(), await here.pushNew()];
    const index = anIndex([known]);
    await here.push(index, 'multi');
    await here.release(index);
    const grown = anIndex([known, added]);
    await here.push(grown, 'multi');
    await settle();
    expect(await here.seen(viewer, 'multi')).toBe(index.digest);
    expect(await here.seen(viewer, added.digest)).toBe(404);
  });

  test('nested index: covered as deep as eight, and no deeper', async () => {
    const leaf = await here.pushNew();
    const chain: TestManifest[] = [leaf];
    for (let depth = 0; depth < 10; depth += 1) {
      const above = anIndex([chain[0] ?? leaf]);
      await here.push(above);
      chain.unshift(above);
    }
    const [top] = chain;
    await here.release(top ?? leaf);
    const seen = await Promise.all(chain.map(async ({ digest }) => (await here.seen(viewer, digest)) === digest));
    expect(seen).toEqual([...Array.from({ length: 9 }, () => true), false, false]);
  });

  test('attestation child of BuildKit: covered with the index, and no key to it', async () => {
    const platform = await here.pushNew();
    const attestation = aManifest({
      layers: 0,
      fields: { annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } },
    });
    await here.push(attestation);
    const described = (image: TestManifest, fields: object) => ({
      mediaType: image.mediaType,
      digest: image.digest,
      size: image.bytes.length,
      ...fields,
    });
    const index = anIndex([], {
      fields: {
        manifests: [
          described(platform, { platform: { architecture: 'amd64', os: 'linux' } }),
          described(attestation, {
            platform: { architecture: 'unknown', os: 'unknown' },
            annotations: {
              'vnd.docker.reference.type': 'attestation-manifest',
              'vnd.docker.reference.digest': platform.digest,
            },
          }),
        ],
      },
    });
    await here.push(index, 'multi');
    await here.release(attestation);
    await settle();
    expect(await here.seen(viewer, 'multi')).toBe(404);
    expect(await here.seen(viewer, platform.digest)).toBe(404);
    await here.release(index);
    for (const { digest } of [index, platform, attestation]) expect(await here.seen(viewer, digest)).toBe(digest);
  });
});

describe('an index that covers none', () => {
  under({ mode: 'hold', covers: 'none' });

  test('shows no child that has no signature of its own, nor its blobs', async () => {
    const [one, two] = [await here.pushNew(), await here.pushNew()];
    const index = anIndex([one, two]);
    await here.push(index, 'multi');
    await here.release(index);
    await here.release(one);
    expect(await here.seen(viewer, 'multi')).toBe(index.digest);
    expect(await here.seen(viewer, two.digest)).toBe(404);
    for (const { digest } of two.blobs) expect((await here.ask(viewer, 'GET', `/blobs/${digest}`)).status).toBe(404);
  });
});

describe('a threshold of two', () => {
  under({ mode: 'hold', require: { root: 'release', threshold: 2 } });

  test('same key signs twice, in every layout; the second key is the second signer', async () => {
    await scene.configure({ mode: 'hold', require: { root: 'release', threshold: 2 } }, [RELEASE, MALLORY]);
    const image = await here.pushNew('1.0');
    await here.sign(image);
    await here.sign(image);
    await here.push(legacyFor(image, RELEASE), tagOf(image));
    const done = await here.pushNew('done');
    await here.sign(done);
    await here.sign(done, MALLORY);
    await comesTrue(() => here.seen(viewer, 'done'), done.digest);
    expect(await here.seen(viewer, '1.0')).toBe(404);
    await here.sign(image, MALLORY);
    await comesTrue(() => here.seen(viewer, '1.0'), image.digest);
    expect(await here.seen(viewer, image.digest)).toBe(image.digest);
  });
});

describe('a blob', () => {
  under({ mode: 'hold' });

  test('of an image that is held is seen once an image that is released names it, and not for being uploaded', async () => {
    const held = await here.pushNew('fresh');
    const [, layer] = held.blobs;
    const isSeen = async () => (await here.ask(viewer, 'HEAD', `/blobs/${layer?.digest ?? ''}`)).status;
    for (const blob of held.blobs) await pushBlob(scene.gatehouse.url, here.repository, blob);
    expect(await isSeen()).toBe(404);
    const document = JSON.parse(held.bytes.toString());
    const annotations = { 'com.example.shared': 'yes' };
    const sharing = aManifest({ fields: { config: document.config, layers: document.layers, annotations } });
    await here.push({ ...sharing, blobs: [] }, 'shared');
    expect(await isSeen()).toBe(404);
    await here.release(sharing);
    expect(await isSeen()).toBe(200);
    expect(await here.seen(viewer, held.digest)).toBe(404);
  });
});
