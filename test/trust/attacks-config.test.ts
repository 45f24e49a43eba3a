import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sql } from '#metadata/sql.ts';
import { call } from '#test/support/client.ts';
import { anIndex } from '#test/support/images.ts';
import { as, startElsewhere } from '#test/support/people.ts';
import { type AttackScene, MALLORY, type Place, comesTrue, openAttackScene } from './attack-scene.ts';

/*
 * What the gate trusts, changed or broken under it; and whoever lets something pass by hand.
 */
let scene: AttackScene;
let here: Place;
let viewer: string;
beforeAll(async () => {
  scene = await openAttackScene();
  ({ viewer } = scene);
});
afterAll(() => scene[Symbol.asyncDispose]());
beforeEach(async () => {
  here = scene.place();
  await scene.configure({ mode: 'hold' });
});

const administration = () => scene.gatehouse.installation.administration(scene.gatehouse.installation.localCaller);
const explained = (digest: string) => administration().trustExplain({ repository: here.repository, digest });
/** What cannot be used at one look may be half written: two looks. */
const lookTwice = async (): Promise<void> => {
  await scene.gatehouse.reload();
  await scene.gatehouse.reload();
};

describe('a root', () => {
  const breakages: [string, (file: string) => Promise<void>][] = [
    ['garbage', (file) => writeFile(file, 'no key at all')],
    ['empty', (file) => writeFile(file, '')],
    ['a key with its last line gone', async (file) => writeFile(file, (await readFile(file, 'utf8')).slice(0, -40))],
    [
      'a key and garbage',
      async (file) => writeFile(file, `${await readFile(file, 'utf8')}\n-----BEGIN PUBLIC KEY-----\nx`),
    ],
  ];

  test.each(breakages)(
    'whose file becomes %s vouches for nobody, in words, until it is mended',
    async (_name, damage) => {
      const good = await readFile(scene.keyFile, 'utf8');
      await damage(scene.keyFile);
      await lookTwice();
      const image = await here.pushNew('1.0');
      await here.sign(image);
      await administration().trustVerify({ repository: here.repository, digest: image.digest });
      for (const reference of ['1.0', image.digest]) expect(await here.seen(viewer, reference)).toBe(404);
      expect(JSON.stringify(await explained(image.digest))).toMatch(/the root cannot be used: /);
      await writeFile(scene.keyFile, good);
      await scene.gatehouse.reload();
      await comesTrue(() => here.seen(viewer, '1.0'), image.digest);
      expect(await here.seen(viewer, image.digest)).toBe(image.digest);
    },
  );

  test('that breaks takes away what it vouched for where pulls are enforced, at once', async () => {
    await scene.configure({ mode: 'hold', pull: 'enforce' });
    const image = await here.pushNew('1.0');
    await here.release(image);
    const good = await readFile(scene.keyFile, 'utf8');
    await writeFile(scene.keyFile, 'no key at all');
    await lookTwice();
    expect(await here.seen(viewer, '1.0')).toBe(404);
    expect(await here.seen(scene.editor, '1.0')).toBe(image.digest);
    await writeFile(scene.keyFile, good);
    await scene.gatehouse.reload();
    expect(await here.seen(viewer, '1.0')).toBe(image.digest);
  });

  test('that is unreadable at the start keeps the server from starting, and says which and why', async () => {
    const good = await readFile(scene.keyFile, 'utf8');
    await writeFile(scene.keyFile, 'no key at all');
    await expect(startElsewhere(scene.gatehouse)).rejects.toThrow(
      /trust\.roots\.release: .*; correct the files or the roots/,
    );
    await writeFile(scene.keyFile, good);
    const other = await startElsewhere(scene.gatehouse);
    await other.stop();
  });
});

describe('a configuration', () => {
  test.each([
    ['is no YAML', () => 'trust: [', ''],
    ['asks for a root that is not there', (text: string) => text.replace('root: release', 'root: nobody'), ''],
    ['spells mode wrongly', (text: string) => text.replace('mode: hold', 'mode: hodl'), ''],
    ['names no file for its root', (text: string) => text.replace(/ {8}- .*release\.pub/, '        - 17'), ''],
  ])('that %s is not taken: the one before stays in force', async (_name, broken) => {
    const good = await readFile(scene.gatehouse.configFile, 'utf8');
    const bad = broken(good);
    expect(bad).not.toBe(good);
    await writeFile(scene.gatehouse.configFile, bad);
    await lookTwice();
    const [image, unsigned] = [await here.pushNew('1.0'), await here.pushNew('2.0')];
    await here.release(image);
    expect(await here.seen(viewer, '1.0')).toBe(image.digest);
    expect(await here.seen(viewer, unsigned.digest)).toBe(404);
    await writeFile(scene.gatehouse.configFile, good);
    await scene.gatehouse.reload();
  });
});

describe('a policy that comes and goes', () => {
  test('toggled on with existing unsigned tags: they stay, and what is pushed from now on is held', async () => {
    await scene.configure(undefined);
    const before = await here.pushNew('1.0');
    await scene.configure({ mode: 'strict' });
    expect(await here.seen(viewer, '1.0')).toBe(before.digest);
    await scene.configure({ mode: 'hold' });
    const after = await here.pushNew('1.0');
    expect(await here.seen(viewer, '1.0')).toBe(before.digest);
    await scene.configure({ mode: 'audit' });
    expect(await here.seen(viewer, '1.0')).toBe(after.digest);
    await scene.configure({ mode: 'hold' });
    // It was seen while nobody asked, and nothing that was seen is taken away but by pull: enforce.
    expect(await here.seen(viewer, '1.0')).toBe(after.digest);
    await scene.configure({ mode: 'hold', pull: 'enforce' });
    expect(await here.seen(viewer, '1.0')).toBe(404);
  });

  test('a key that is removed publishes nothing more, and blocks nothing where pulls are open', async () => {
    const [image, later] = [await here.pushNew('1.0'), await here.pushNew('2.0')];
    await here.release(image);
    await scene.configure({ mode: 'hold' }, [MALLORY]);
    await here.sign(later);
    const other = await here.pushNew('3.0');
    await here.sign(other, MALLORY);
    await comesTrue(() => here.seen(viewer, '3.0'), other.digest);
    expect(await here.seen(viewer, '2.0')).toBe(404);
    expect(await here.seen(viewer, '1.0')).toBe(image.digest);
    // Its next tag needs a signature that counts now.
    await here.push(image, '1.1');
    expect(await here.seen(viewer, '1.1')).toBe(404);
  });
});

describe('a release by hand', () => {
  const release = (authorization: string | undefined, digest: string, reason = 'it burns') =>
    call(scene.gatehouse.url, {
      method: 'POST',
      path: '/api/v1/trust/release',
      ...as(authorization),
      headers: {
        'content-type': 'application/json',
        ...(authorization === undefined ? {} : { authorization }),
      },
      body: JSON.stringify({ repository: here.repository, digest, reason }),
    });

  test('is refused to whoever is no administrator of the system', async () => {
    const image = await here.pushNew('1.0');
    const admin = await scene.people.robot(`admin-${image.digest.slice(7, 15)}`, ['registry-admin team-a/']);
    for (const who of [undefined, viewer, scene.editor, scene.signer, admin]) {
      expect([401, 403]).toContain((await release(who, image.digest)).status);
    }
    expect(await here.seen(viewer, '1.0')).toBe(404);
    expect(await here.events('tag.release')).toEqual([]);
  });

  test('shows an index with children and attachments, is in the trail, and outlives a change of the policy', async () => {
    const children = [await here.pushNew(), await here.pushNew()];
    const index = anIndex(children);
    await here.push(index, 'multi');
    const signature = await here.sign(index, MALLORY);
    await comesTrue(async () => (await explained(index.digest)).signatures.length, 1);
    const answer = await call(scene.gatehouse.url, {
      method: 'POST',
      path: '/api/v1/trust/release',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ repository: here.repository, tag: 'multi', reason: 'it burns' }),
    });
    expect([answer.status, answer.json]).toMatchObject([200, { tags: ['multi'] }]);
    const all = [index, ...children, signature];
    const expectSeen = async () => {
      expect(await here.seen(viewer, 'multi')).toBe(index.digest);
      for (const { digest } of all) expect(await here.seen(viewer, digest)).toBe(digest);
      const blobs = children.flatMap((child) => child.blobs);
      for (const { digest } of blobs) expect((await here.ask(viewer, 'GET', `/blobs/${digest}`)).status).toBe(200);
    };
    await expectSeen();
    const by = { reference: 'multi', digest: index.digest, actor: 'admin', reason: 'it burns' };
    expect(await here.events('tag.release')).toEqual([by]);
    for (const policy of [{ mode: 'hold', pull: 'enforce' }, { mode: 'strict' }, { mode: 'strict', pull: 'enforce' }]) {
      await scene.configure(policy, [MALLORY, MALLORY]);
      await scene.configure(policy);
      await expectSeen();
      expect((await here.push(index, 'again')).status).toBe(201);
      expect(await here.seen(viewer, 'again')).toBe(index.digest);
    }
  });

  test('ends with the manifest: pushed again, or restored, it has to be signed', async () => {
    const image = await here.pushNew('1.0');
    await administration().trustRelease({ repository: here.repository, tag: '1.0', reason: 'it burns' });
    expect(await here.seen(viewer, '1.0')).toBe(image.digest);
    await here.remove(image.digest);
    await here.push(image, '1.0');
    expect(await here.seen(viewer, '1.0')).toBe(404);
    await administration().trustRelease({ repository: here.repository, tag: '1.0', reason: 'it burns' });
    await here.remove(image.digest);
    await administration().restore({ repository: here.repository, digest: image.digest });
    expect(await here.seen(viewer, image.digest)).toBe(404);
  });

  test('of one image lets no other pass, nor a tag that moved on', async () => {
    const [released, newer] = [await here.pushNew('1.0'), await here.pushNew()];
    await here.push(newer, '1.0');
    await administration().trustRelease({ repository: here.repository, digest: released.digest, reason: 'it burns' });
    expect(await here.seen(viewer, released.digest)).toBe(released.digest);
    expect(await here.seen(viewer, '1.0')).toBe(404);
    expect(await here.seen(viewer, newer.digest)).toBe(404);
  });
});

test('a database that cannot be read while a signature is judged: the puller hears 404 and no more', async () => {
  await scene.configure({ mode: 'hold', pull: 'enforce' });
  const image = await here.pushNew('1.0');
  await here.sign(image);
  await comesTrue(() => here.seen(viewer, '1.0'), image.digest);
  await scene.people.metadata.transaction((inside) =>
    inside.all(sql`update verdicts set policy = '', is_satisfied = 0 where repository = ${here.repository}`),
  );
  await scene.people.metadata.transaction((inside) => inside.all(sql`alter table simple_signatures rename to gone`));
  try {
    for (const method of ['GET', 'HEAD']) {
      expect((await here.ask(viewer, method, '/manifests/1.0')).status).toBe(404);
      expect((await here.ask(viewer, method, `/manifests/${image.digest}`)).status).toBe(404);
      expect((await here.ask(viewer, method, `/blobs/${image.blobs[1]?.digest ?? ''}`)).status).toBe(404);
    }
    expect(await here.seen(scene.editor, '1.0')).toBe(image.digest);
  } finally {
    await scene.people.metadata.transaction((inside) => inside.all(sql`alter table gone rename to simple_signatures`));
  }
  expect(await here.seen(viewer, '1.0')).toBe(image.digest);
});
