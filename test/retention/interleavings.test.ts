import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openRegistry } from '#registry/open.ts';
import { collect } from '#retention/collect.ts';
import { DAY, HOUR, type Playground, aPlayground, aReferrer, pushOf } from '#test/support/history.ts';
import { type TestManifest, aBlob, aManifest } from '#test/support/images.ts';
import { type Moment, pausing } from '#test/support/pausing-store.ts';
import { ORIGIN, type Rooms, bodyOf, keysOf, openRooms } from '#test/support/rooms.ts';

/*
 * Each race of docs/garbage-collection.md, by its number there. The store stops where told, and what happens meanwhile
 * is done whole: the order that a scheduler would have to hit, each time.
 */
let rooms: Rooms;
let here: Playground;
beforeEach(async () => {
  rooms = await openRooms();
  here = aPlayground(rooms);
});
afterEach(() => rooms.close());

const R = 'race/app';
const collecting = () => collect(rooms.context, { undoWindowMs: 7 * DAY });
const registryThatPauses = (moment: Moment, meanwhile: () => Promise<unknown>) =>
  openRegistry({ ...rooms.context, store: pausing(rooms.context.store, moment, meanwhile) });
const collectingThatPauses = (moment: Moment, meanwhile: () => Promise<unknown>) =>
  collect({ ...rooms.context, store: pausing(rooms.context.store, moment, meanwhile) }, { undoWindowMs: 7 * DAY });
const pushBlobs = async (image: TestManifest) => {
  for (const blob of image.blobs) await rooms.registry.uploads.push(R, blob.digest, bodyOf(blob.bytes));
};

describe('race 1: a client asks for a blob that is about to be let go', () => {
  it('asked first: it can rely on the answer, however long it takes to push the manifest', async () => {
    const image = aManifest();
    await pushBlobs(image);
    rooms.advance(HOUR - 1000);
    for (const { digest } of image.blobs) await rooms.registry.blobs.find(R, digest, 'outsider');
    rooms.advance(HOUR / 2);
    await collecting();
    await rooms.registry.manifests.push(pushOf(R, image, 'v1'));
    expect(await here.isWhole(R, image)).toBe(true);
  });

  /** Asks for blobs that an image names, and pushes another image over them without uploading. */
  const canRelyOn = async (old: TestManifest, meanwhile: () => Promise<unknown>): Promise<boolean> => {
    const document = { ...JSON.parse(old.bytes.toString()), annotations: { 'com.example.second': 'yes' } };
    const derived = { ...old, ...aBlob({ bytes: JSON.stringify(document) }) };
    for (const { digest } of old.blobs) await rooms.registry.blobs.find(R, digest, 'outsider');
    await meanwhile();
    await rooms.registry.manifests.push(pushOf(R, derived, 'v1'));
    return await here.isWhole(R, derived);
  };

  it('asked while an image names it that is then deleted for good: the same', async () => {
    const old = await here.pushNew(R, 'old');
    rooms.advance(2 * HOUR);
    await collecting();
    const isWhole = await canRelyOn(old, async () => {
      await rooms.registry.manifests.remove(R, { digest: old.digest }, ORIGIN);
      rooms.advance(HOUR / 2);
      await here.collect(0);
    });
    expect(isWhole).toBe(true);
  });

  it('asked while only a deleted image names it, whose undo window then ends: the same', async () => {
    const old = await here.pushNew(R, 'old');
    await rooms.registry.manifests.remove(R, { digest: old.digest }, ORIGIN);
    rooms.advance(7 * DAY - 1000);
    await collecting();
    const isWhole = await canRelyOn(old, async () => {
      rooms.advance(HOUR / 2);
      await collecting();
    });
    expect(isWhole).toBe(true);
  });

  it('asked last: it is told that there is none, and uploads', async () => {
    const image = aManifest();
    await pushBlobs(image);
    rooms.advance(2 * HOUR);
    await collecting();
    await expect(
      rooms.registry.blobs.find(R, image.blobs[0]?.digest ?? image.digest, 'outsider'),
    ).rejects.toMatchObject({
      code: 'BLOB_UNKNOWN',
    });
    await here.push(R, image, 'v1');
    expect(await here.isWhole(R, image)).toBe(true);
  });
});

describe('race 2: a manifest is put while its blobs are let go', () => {
  it('collection comes between the first look and the transaction: the second look refuses it, and all is as before', async () => {
    const image = aManifest();
    await pushBlobs(image);
    const registry = registryThatPauses('before write', async () => {
      rooms.advance(2 * HOUR);
      await collecting();
    });
    await expect(registry.manifests.push(pushOf(R, image, 'v1'))).rejects.toMatchObject({
      errors: [{ code: 'MANIFEST_BLOB_UNKNOWN' }, {}, {}],
    });
    expect(await keysOf(rooms, 'blobs/')).toEqual([]);
  });

  it('the transaction comes first: collection finds the blobs named', async () => {
    const image = aManifest();
    await pushBlobs(image);
    await rooms.registry.manifests.push(pushOf(R, image, 'v1'));
    rooms.advance(2 * HOUR);
    await collecting();
    expect(await here.isWhole(R, image)).toBe(true);
  });
});

describe('race 3: bytes are pushed again while they are given back', () => {
  it.each(['before delete', 'after delete'] as const)('%s of the old object: the new one stays', async (moment) => {
    const blob = aBlob();
    await rooms.registry.uploads.push(R, blob.digest, bodyOf(blob.bytes));
    rooms.advance(2 * HOUR);
    await collectingThatPauses(moment, () => rooms.registry.uploads.push(R, blob.digest, bodyOf(blob.bytes)));
    expect(await rooms.registry.blobs.find(R, blob.digest, 'outsider')).toMatchObject({ sizeBytes: blob.bytes.length });
    expect(await keysOf(rooms, 'blobs/')).toHaveLength(1);
  });

  it('collection runs whole between the landing of the new bytes and their fact', async () => {
    const blob = aBlob();
    await rooms.registry.uploads.push(R, blob.digest, bodyOf(blob.bytes));
    rooms.advance(2 * HOUR);
    const registry = registryThatPauses('after write', collecting);
    await registry.uploads.push(R, blob.digest, bodyOf(blob.bytes));
    expect(await rooms.registry.blobs.find(R, blob.digest, 'outsider')).toMatchObject({ sizeBytes: blob.bytes.length });
    expect(await keysOf(rooms, 'blobs/')).toHaveLength(1);
  });
});

describe('race 4: a blob is mounted while its source lets it go', () => {
  const mount = (digest: Parameters<typeof rooms.registry.blobs.mount>[1]) =>
    rooms.registry.blobs.mount('race/other', digest, { from: R, mayRead: () => true, eyesFor: () => 'outsider' });

  it('mounted first: the bytes stay', async () => {
    const blob = aBlob();
    await rooms.registry.uploads.push(R, blob.digest, bodyOf(blob.bytes));
    rooms.advance(HOUR + 1000);
    expect(await mount(blob.digest)).toBe(true);
    await collecting();
    expect(await rooms.registry.blobs.find('race/other', blob.digest, 'outsider')).toBeTruthy();
  });

  it('let go first: there is nothing to mount, and the client uploads', async () => {
    const blob = aBlob();
    await rooms.registry.uploads.push(R, blob.digest, bodyOf(blob.bytes));
    rooms.advance(2 * HOUR);
    await collecting();
    expect(await mount(blob.digest)).toBe(false);
  });
});

describe('race 5: a manifest is restored as its undo window ends', () => {
  it('restored first: it lives, and nothing it needs is given back', async () => {
    const image = await here.pushNew(R, 'v1');
    await rooms.registry.manifests.remove(R, { digest: image.digest }, ORIGIN);
    rooms.advance(7 * DAY + HOUR);
    await rooms.registry.history.restore(R, { tag: 'v1' }, ORIGIN);
    await collecting();
    rooms.advance(DAY);
    await collecting();
    expect(await here.isWhole(R, image)).toBe(true);
  });

  it('ended first: it is gone for good, and says so', async () => {
    const image = await here.pushNew(R, 'v1');
    await rooms.registry.manifests.remove(R, { digest: image.digest }, ORIGIN);
    rooms.advance(7 * DAY + HOUR);
    await collecting();
    await expect(rooms.registry.history.restore(R, { digest: image.digest }, ORIGIN)).rejects.toMatchObject({
      code: 'MANIFEST_UNKNOWN',
    });
  });

  it('restored while its objects are being removed: it is too late, and no fact points at nothing', async () => {
    const image = await here.pushNew(R, 'v1');
    await rooms.registry.manifests.remove(R, { digest: image.digest }, ORIGIN);
    rooms.advance(7 * DAY + HOUR);
    await collectingThatPauses('before delete', async () => {
      await expect(rooms.registry.history.restore(R, { tag: 'v1' }, ORIGIN)).rejects.toMatchObject({
        code: 'MANIFEST_UNKNOWN',
      });
    });
    expect(await keysOf(rooms, 'blobs/')).toEqual([]);
  });
});

describe('race 6: a manifest is pushed again as its undo window ends', () => {
  it.each(['before write', 'after write'] as const)('collection runs whole %s of its bytes', async (moment) => {
    const image = await here.pushNew(R, 'v1');
    await rooms.registry.manifests.remove(R, { digest: image.digest }, ORIGIN);
    rooms.advance(7 * DAY + HOUR);
    await pushBlobs(image);
    const registry = registryThatPauses(moment, collecting);
    await registry.manifests.push(pushOf(R, image, 'v1'));
    await collecting();
    expect(await here.isWhole(R, image)).toBe(true);
  });
});

describe('race 7: a signature and the manifest it belongs to', () => {
  it('the image comes while its signature is about to go: both stay', async () => {
    const image = aManifest();
    const signature = await here.push(R, aReferrer(image));
    rooms.advance(25 * HOUR);
    await here.push(R, image, 'v1');
    await collecting();
    expect([await here.has(R, image.digest), await here.has(R, signature.digest)]).toEqual([true, true]);
  });

  it('the image goes while its signature is pushed: the signature goes when its time is up, and not before', async () => {
    const image = await here.pushNew(R, 'v1');
    const signature = aReferrer(image);
    await rooms.registry.manifests.remove(R, { digest: image.digest }, ORIGIN);
    await here.push(R, signature);
    await collecting();
    expect(await here.has(R, signature.digest)).toBe(true);
    rooms.advance(25 * HOUR);
    await collecting();
    expect(await here.has(R, signature.digest)).toBe(false);
  });
});
