import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Digest, hexOf } from '#oci/digest.ts';
import { tagOf } from '#test/support/attachments.ts';
import { type TestManifest, aManifest, anIndex } from '#test/support/images.ts';
import { bundleFor, legacyFor } from '#test/support/signing.ts';
import { type AttackScene, type Place, RELEASE, comesTrue, openAttackScene } from './attack-scene.ts';

/*
 * Bytes on the disk that are not what they were.
 */
let scene: AttackScene;
let here: Place;
let viewer: string;
beforeAll(async () => {
  scene = await openAttackScene();
  ({ viewer } = scene);
  await scene.configure({ mode: 'hold' });
});
afterAll(() => scene[Symbol.asyncDispose]());
beforeEach(() => {
  here = scene.place();
});

/** The only file that holds the bytes of a digest. */
async function fileOf(digest: Digest): Promise<string> {
  const hex = hexOf(digest);
  const folder = join(scene.gatehouse.folder, 'storage', 'blobs', 'sha256', hex.slice(0, 2));
  const found = (await readdir(folder)).find((name) => name.startsWith(hex));
  if (found === undefined) throw new Error(`expected a file of ${digest}`);
  return join(folder, found);
}

const damages: [string, (file: string) => Promise<void>][] = [
  [
    'flipped bytes',
    async (file) => {
      const bytes = await readFile(file);
      await writeFile(
        file,
        bytes.map((byte, at) => (at === bytes.length >> 1 ? byte ^ 1 : byte)),
      );
    },
  ],
  ['a truncated file', async (file) => writeFile(file, (await readFile(file)).subarray(0, 20))],
  ['an empty file', (file) => writeFile(file, '')],
  ['no file', (file) => rm(file)],
];

const explained = (image: TestManifest) => {
  const administration = scene.gatehouse.installation.administration(scene.gatehouse.installation.localCaller);
  return administration.trustExplain({ repository: here.repository, digest: image.digest });
};
const judged = async (image: TestManifest): Promise<void> => {
  const administration = scene.gatehouse.installation.administration(scene.gatehouse.installation.localCaller);
  await administration.trustVerify({ repository: here.repository, digest: image.digest });
};

describe.each(damages)('%s', (name, damage) => {
  test.each([
    ['the bundle', (signature: TestManifest) => signature.blobs[1]?.digest],
    ['the manifest of the signature', (signature: TestManifest) => signature.digest],
  ])('in %s vouches for nothing, says so, and is healed by pushing it again', async (_what, digestIn) => {
    const image = aManifest();
    // Nobody judges before the damage is done: the image is not there yet.
    const signature = bundleFor(image, RELEASE);
    await here.push(signature);
    await damage(await fileOf(digestIn(signature) ?? signature.digest));
    expect(await here.push(image, '1.0')).toMatchObject({ status: 201 });
    await judged(image);
    for (const reference of ['1.0', image.digest]) expect(await here.seen(viewer, reference)).toBe(404);
    const { state, signatures } = await explained(image);
    expect(state).toBe('held');
    expect(signatures.map(({ problem }) => problem)).toEqual([
      expect.stringMatching(/it cannot be read: |does not hash to it/),
    ]);
    // Bytes of the same length are taken for what they were: `gatehouse verify` finds them.
    if (name === 'flipped bytes') return;
    await here.push(signature);
    await comesTrue(() => here.seen(viewer, '1.0'), image.digest);
  });

  test('in one signature keeps no other from counting', async () => {
    const image = aManifest();
    const [broken, good] = [bundleFor(image, RELEASE), legacyFor(image, RELEASE)];
    await here.push(broken);
    await damage(await fileOf(broken.blobs[1]?.digest ?? broken.digest));
    await here.push(good, tagOf(image));
    await here.push(image, '1.0');
    await comesTrue(() => here.seen(viewer, '1.0'), image.digest);
    expect((await explained(image)).state).toBe('visible');
  });

  test('in the list of attachments keeps no signature from counting', async () => {
    const image = aManifest();
    const signature = bundleFor(image, RELEASE);
    await here.push(signature);
    const list = anIndex([signature]);
    await here.push(list, tagOf(image).replace('.sig', ''));
    await damage(await fileOf(list.digest));
    await here.push(image, '1.0');
    await comesTrue(() => here.seen(viewer, '1.0'), image.digest);
    expect((await explained(image)).state).toBe('visible');
  });
});
