import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findTag } from '#metadata/tags.ts';
import { collect } from '#retention/collect.ts';
import { EMPTY, part, subjectOf, tagOf } from '#test/support/attachments.ts';
import { DAY, HOUR } from '#test/support/history.ts';
import { type TestManifest, aManifest, anIndex } from '#test/support/images.ts';
import { ORIGIN } from '#test/support/rooms.ts';
import { legacyFor } from '#test/support/signing.ts';
import { type GatedRooms, R, openGatedRooms } from './attack-rooms.ts';
import { RELEASE } from './attack-scene.ts';

/*
 * What goes and comes back, by deletion, collection, rollback and restore.
 */
let here: GatedRooms;
beforeEach(async () => {
  here = await openGatedRooms();
});
afterEach(() => here.close());

const collecting = () => collect(here.context, { undoWindowMs: 7 * DAY });
const restore = async (reference: { digest: TestManifest['digest'] } | { tag: string }) => {
  const restored = await here.history.restore(R, reference, ORIGIN);
  await here.trust.judge.settled();
  return restored;
};

describe('restore', () => {
  test('an image disguised as signatures does not become visible by coming back with what it is not about', async () => {
    const image = await here.pushNew('1.0');
    const evil = aManifest();
    await here.push(evil, tagOf(image));
    expect(await here.seen(evil.digest)).toBeUndefined();
    await here.remove(image.digest);
    await here.remove(evil.digest);
    await restore({ digest: image.digest });
    // It did come back, with its tag: for those who push.
    expect(await here.seen(tagOf(image), 'insider')).toBe(evil.digest);
    for (const reference of [evil.digest, tagOf(image)]) expect(await here.seen(reference)).toBeUndefined();
  });

  test('the same when collection took it away', async () => {
    const image = await here.pushNew('1.0');
    const evil = aManifest();
    await here.push(evil, tagOf(image));
    await here.remove(image.digest);
    here.rooms.advance(2 * DAY);
    await collecting();
    expect(await here.seen(evil.digest, 'insider')).toBeUndefined();
    await restore({ digest: image.digest });
    expect(await here.seen(evil.digest, 'insider')).toBe(evil.digest);
    expect(await here.seen(evil.digest)).toBeUndefined();
  });

  test.each([
    ['a referrer', async (image: TestManifest) => here.sign(image)],
    [
      'a tag of cosign',
      async (image: TestManifest) => {
        const signature = legacyFor(image, RELEASE);
        await here.push(signature, tagOf(image));
        return signature;
      },
    ],
  ])('a signed image comes back with its signature under %s, and is seen at once', async (_name, sign) => {
    for (const policy of [{ mode: 'hold' }, { mode: 'strict' }]) {
      await here.configure(policy);
      const image = aManifest();
      await here.push(image);
      const signature = await sign(image);
      await here.push(image, '1.0');
      expect(await here.seen('1.0')).toBe(image.digest);
      await here.remove(image.digest);
      here.rooms.advance(2 * DAY);
      await collecting();
      expect(await here.seen(image.digest, 'insider')).toBeUndefined();
      expect(await here.seen(signature.digest, 'insider')).toBeUndefined();
      await restore({ digest: image.digest });
      for (const reference of ['1.0', image.digest]) expect(await here.seen(reference)).toBe(image.digest);
      expect(await here.seen(signature.digest)).toBe(signature.digest);
    }
  });

  test('an unsigned image that comes back under strict is held, and not refused', async () => {
    await here.configure({ mode: 'off' });
    const image = await here.pushNew('1.0');
    await here.configure({ mode: 'strict' });
    await here.remove(image.digest);
    expect(await restore({ digest: image.digest })).toMatchObject({ tags: [], held: ['1.0'] });
    expect(await here.seen('1.0')).toBeUndefined();
    await here.sign(image);
    expect(await here.seen('1.0')).toBe(image.digest);
  });

  test('deletion of the last signature takes a pull away under enforce, and restoring it gives it back', async () => {
    await here.configure({ mode: 'hold', pull: 'enforce' });
    const image = await here.pushNew('1.0');
    const signature = await here.sign(image);
    expect(await here.seen('1.0')).toBe(image.digest);
    await here.remove(signature.digest);
    expect(await here.seen('1.0')).toBeUndefined();
    expect(await here.seen('1.0', 'insider')).toBe(image.digest);
    await restore({ digest: signature.digest });
    expect(await here.seen('1.0')).toBe(image.digest);
  });

  test('deletion of the last signature holds the next tag of the image, and restoring it publishes that', async () => {
    const image = await here.pushNew('1.0');
    const signature = await here.sign(image);
    await here.remove(signature.digest);
    await here.push(image, '1.1');
    expect(await here.seen('1.1')).toBeUndefined();
    expect(await here.seen('1.0')).toBe(image.digest);
    await restore({ digest: signature.digest });
    expect(await here.seen('1.1')).toBe(image.digest);
  });

  test('children of an index that comes back are covered again; what was beside them is not', async () => {
    const [child, stranger] = [await here.pushNew(), await here.pushNew()];
    const index = anIndex([child]);
    await here.push(index, 'multi');
    await here.sign(index);
    expect(await here.seen(child.digest)).toBe(child.digest);
    await here.remove(index.digest);
    await here.work();
    await here.push(child, 'alone');
    expect(await here.seen('alone')).toBeUndefined();
    await restore({ digest: index.digest });
    await here.work();
    for (const reference of [child.digest, 'alone']) expect(await here.seen(reference)).toBe(child.digest);
    expect(await here.seen(stranger.digest)).toBeUndefined();
  });
});

describe('collection while a tag is held', () => {
  test('takes nothing of it: signed later, it is there whole', async () => {
    const child = await here.pushNew();
    const index = anIndex([child]);
    await here.push(index, 'multi');
    const image = await here.pushNew('1.0');
    here.rooms.advance(12 * HOUR);
    await collecting();
    here.rooms.advance(11 * HOUR);
    await collecting();
    for (const one of [image, index]) await here.sign(one);
    expect(await here.seen('1.0')).toBe(image.digest);
    expect(await here.seen('multi')).toBe(index.digest);
    for (const one of [image, child]) {
      for (const { digest } of one.blobs) {
        expect(await here.registry.blobs.find(R, digest, 'outsider')).toMatchObject({ digest });
      }
    }
  });

  test('leaves a signature that waits for its image', async () => {
    const image = aManifest();
    const artifact = aManifest({
      layers: 0,
      fields: {
        config: part('application/vnd.oci.empty.v1+json', EMPTY),
        layers: [],
        subject: subjectOf(image),
        artifactType: 'application/vnd.example',
      },
    });
    await here.push({ ...artifact, blobs: [EMPTY] });
    await here.sign(image);
    here.rooms.advance(23 * HOUR);
    await collecting();
    await here.push(image, '1.0');
    await here.work();
    expect(await here.seen('1.0')).toBe(image.digest);
    // Nobody can tell that this is about the image: it is a manifest that nobody signed.
    expect(await here.seen(artifact.digest)).toBeUndefined();
    expect(await findTag(here.rooms.metadata, R, '1.0')).toBe(image.digest);
  });
});
