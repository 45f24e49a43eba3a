import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newLocation } from '#registry/bytes.ts';
import { collect, isCollectionDue } from '#retention/collect.ts';
import { collectOrphans } from '#retention/orphans.ts';
import { previewCollection } from '#retention/preview.ts';
import type { BlobStore } from '#storage/driver.ts';
import { DAY, HOUR, type Playground, aPlayground, aReferrer } from '#test/support/history.ts';
import { aBlob, aManifest, anIndex } from '#test/support/images.ts';
import { ORIGIN, type Rooms, bodyOf, keysOf, openRooms } from '#test/support/rooms.ts';

let rooms: Rooms;
let here: Playground;
beforeEach(async () => {
  rooms = await openRooms();
  here = aPlayground(rooms);
});
afterEach(() => rooms.close());

const NOTHING = { forgottenManifests: 0, removedReferrers: 0, unlinkedBlobs: 0, removedObjects: 0, freedBytes: 0 };
const remove = (repository: string, digest: Parameters<Playground['has']>[1]) =>
  rooms.registry.manifests.remove(repository, { digest }, ORIGIN);

describe('collection', () => {
  it('is due when there is something to look at, and not otherwise', async () => {
    const isDue = () => isCollectionDue(rooms.context, { undoWindowMs: 7 * DAY });
    const image = await here.pushNew('c/r', 'v1');
    expect(await isDue()).toBe(false);
    rooms.advance(2 * HOUR);
    expect(await isDue()).toBe(true);
    await here.collect();
    expect(await isDue()).toBe(false);
    await remove('c/r', image.digest);
    expect(await isDue()).toBe(true);
    await here.collect();
    expect(await isDue()).toBe(false);
    rooms.advance(8 * DAY);
    expect(await isDue()).toBe(true);
  });

  it('takes nothing that lives, however old', async () => {
    const image = await here.pushNew('c/used', 'v1');
    const child = await here.pushNew('c/used');
    const index = await here.push('c/used', anIndex([child]), 'several');
    const signature = await here.push('c/used', aReferrer(index));
    const signedSignature = await here.push('c/used', aReferrer(signature));
    const before = await keysOf(rooms, '');
    rooms.advance(1000 * DAY);
    expect(await here.collect()).toEqual(NOTHING);
    expect(await keysOf(rooms, '')).toEqual(before);
    for (const one of [image, child, index, signature, signedSignature]) {
      expect(await here.isWhole('c/used', one)).toBe(true);
    }
  });

  it('takes what was deleted once it can no longer be restored, and not before', async () => {
    const kept = await here.pushNew('c/kept', 'v1');
    const gone = await here.pushNew('c/gone', 'v1');
    await remove('c/gone', gone.digest);
    rooms.advance(7 * DAY - HOUR);
    expect(await here.collect()).toEqual(NOTHING);
    rooms.advance(2 * HOUR);
    const freedBytes = gone.bytes.length + gone.blobs.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const expected = { ...NOTHING, forgottenManifests: 1, unlinkedBlobs: 3, removedObjects: 4, freedBytes };
    expect(await previewCollection(rooms.context, { undoWindowMs: 7 * DAY })).toEqual(expected);
    expect(await here.collect()).toEqual(expected);
    expect(await keysOf(rooms, 'blobs/')).toHaveLength(4);
    expect(await here.isWhole('c/kept', kept)).toBe(true);
    expect(await here.collect()).toEqual(NOTHING);
  });

  it('forgets what tags pointed at, once they are gone and nothing is left to restore', async () => {
    const { history } = rooms.registry;
    const first = await here.pushNew('c/tags', 'gone');
    const second = await here.pushNew('c/tags', 'gone');
    await here.push('c/tags', second, 'moved');
    await here.pushNew('c/tags', 'moved');
    await rooms.registry.manifests.remove('c/tags', { tag: 'gone' }, ORIGIN);
    await remove('c/tags', first.digest);
    rooms.advance(8 * DAY);
    await here.collect();
    // What it pointed at last is here still.
    expect(await history.of('c/tags', 'gone')).toHaveLength(2);
    await remove('c/tags', second.digest);
    rooms.advance(6 * DAY);
    await here.collect();
    expect(await history.of('c/tags', 'gone')).toHaveLength(2);
    rooms.advance(2 * DAY);
    await here.collect();
    await expect(history.of('c/tags', 'gone')).rejects.toThrow('there never was');
    expect(await history.of('c/tags', 'moved')).toHaveLength(2);
  });

  it('takes a blob that was pushed and never named, after its grace', async () => {
    const blob = aBlob();
    await rooms.registry.uploads.push('c/r', blob.digest, bodyOf(blob.bytes));
    rooms.advance(HOUR - 1000);
    expect(await here.collect()).toEqual(NOTHING);
    rooms.advance(2000);
    expect(await here.collect()).toMatchObject({ unlinkedBlobs: 1, removedObjects: 1 });
    await expect(rooms.registry.blobs.find('c/r', blob.digest, 'outsider')).rejects.toMatchObject({
      code: 'BLOB_UNKNOWN',
    });
  });

  it('keeps a blob that one of two repositories lets go', async () => {
    const image = aManifest();
    await here.push('c/one', image, 'v1');
    await here.push('c/two', image, 'v1');
    await remove('c/one', image.digest);
    rooms.advance(8 * DAY);
    expect(await here.collect()).toMatchObject({ forgottenManifests: 1, unlinkedBlobs: 3, removedObjects: 0 });
    expect(await here.isWhole('c/two', image)).toBe(true);
  });

  it('keeps a layer that another image of the repository names', async () => {
    const base = await here.pushNew('c/r', 'base');
    const config = aBlob();
    const document = {
      ...JSON.parse(base.bytes.toString()),
      config: {
        mediaType: 'application/vnd.oci.image.config.v1+json',
        digest: config.digest,
        size: config.bytes.length,
      },
    };
    const bytes = Buffer.from(JSON.stringify(document));
    const derived = { ...base, bytes, digest: aBlob({ bytes }).digest, blobs: [config, ...base.blobs.slice(1)] };
    await here.push('c/r', derived, 'derived');
    await remove('c/r', base.digest);
    rooms.advance(8 * DAY);
    expect(await here.collect()).toMatchObject({ unlinkedBlobs: 1, removedObjects: 2 });
    expect(await here.isWhole('c/r', derived)).toBe(true);
  });

  it('takes a signature after the image it belongs to, and with it in reach of the same restore', async () => {
    const image = await here.pushNew('c/r', 'v1');
    const signature = await here.push('c/r', aReferrer(image));
    const aboutIt = await here.push('c/r', aReferrer(signature));
    const hex = image.digest.slice('sha256:'.length);
    const legacy = await here.pushNew('c/r', `sha256-${hex}.sig`);
    await remove('c/r', image.digest);
    expect(await here.collect()).toEqual(NOTHING);
    rooms.advance(25 * HOUR);
    expect(await here.collect()).toMatchObject({ removedReferrers: 3 });
    await rooms.registry.history.restore('c/r', { tag: 'v1' }, ORIGIN);
    for (const one of [image, signature, aboutIt, legacy]) expect(await here.isWhole('c/r', one)).toBe(true);
    const names = await rooms.registry.listings.tags('c/r', { after: '', limit: 10 }, 'outsider');
    expect(names.entries).toEqual([`sha256-${hex}.sig`, 'v1']);
  });

  it('takes the index that notation keeps of signatures, and what it names, with the image', async () => {
    const image = await here.pushNew('c/r', 'v1');
    const signature = await here.push('c/r', aReferrer(image));
    const index = await here.push('c/r', anIndex([signature]), image.digest.replace(':', '-'));
    await remove('c/r', image.digest);
    rooms.advance(25 * HOUR);
    expect(await here.collect()).toMatchObject({ removedReferrers: 2 });
    await rooms.registry.history.restore('c/r', { tag: 'v1' }, ORIGIN);
    for (const one of [image, signature, index]) expect(await here.isWhole('c/r', one)).toBe(true);
  });

  it('keeps a signature that came before its image, for as long as it may wait', async () => {
    const image = aManifest();
    const [early, late] = [await here.push('c/r', aReferrer(image)), aReferrer(aManifest())];
    await here.push('c/r', late);
    rooms.advance(23 * HOUR);
    await here.push('c/r', image, 'v1');
    rooms.advance(2 * HOUR);
    expect(await here.collect()).toMatchObject({ removedReferrers: 1 });
    expect([await here.has('c/r', early.digest), await here.has('c/r', late.digest)]).toEqual([true, false]);
  });

  it('never keeps an image for the sake of its signature', async () => {
    const image = await here.pushNew('c/r', 'v1');
    await here.push('c/r', aReferrer(image));
    await remove('c/r', image.digest);
    rooms.advance(40 * DAY);
    await here.collect();
    rooms.advance(40 * DAY);
    await here.collect();
    expect(await keysOf(rooms, 'blobs/')).toEqual([]);
  });

  it('keeps what has a tag of its own or stands in an index, though its subject is gone', async () => {
    const image = await here.pushNew('c/r');
    const tagged = await here.push('c/r', aReferrer(image), 'mine');
    const listed = await here.push('c/r', aReferrer(image));
    await here.push('c/r', anIndex([listed]), 'list');
    await remove('c/r', image.digest);
    rooms.advance(40 * DAY);
    expect(await here.collect()).toMatchObject({ removedReferrers: 0 });
    expect([await here.has('c/r', tagged.digest), await here.has('c/r', listed.digest)]).toEqual([true, true]);
  });

  it('uploads and pulls again what it has taken', async () => {
    const image = await here.pushNew('c/r', 'v1');
    await remove('c/r', image.digest);
    rooms.advance(8 * DAY);
    await here.collect();
    for (const { digest } of image.blobs) {
      await expect(rooms.registry.blobs.find('c/r', digest, 'outsider')).rejects.toMatchObject({
        code: 'BLOB_UNKNOWN',
      });
    }
    await here.push('c/r', image, 'v1');
    expect(await here.isWhole('c/r', image)).toBe(true);
  });

  it('keeps what was pushed again while it could be restored', async () => {
    const image = await here.pushNew('c/r', 'v1');
    await remove('c/r', image.digest);
    await here.push('c/r', image, 'v2');
    rooms.advance(40 * DAY);
    expect(await here.collect()).toMatchObject({ forgottenManifests: 0, removedObjects: 0 });
    expect(await here.isWhole('c/r', image)).toBe(true);
  });

  it('keeps a blob deleted by hand for as long as something that names it can be restored', async () => {
    const image = await here.pushNew('c/r', 'v1');
    await remove('c/r', image.digest);
    for (const { digest } of image.blobs) await rooms.registry.blobs.remove('c/r', digest, ORIGIN);
    rooms.advance(2 * HOUR);
    expect(await here.collect()).toMatchObject({ removedObjects: 0 });
    await rooms.registry.history.restore('c/r', { tag: 'v1' }, ORIGIN);
    expect(await here.isWhole('c/r', image)).toBe(true);
  });

  it('keeps a manifest that can be restored in one repository and no longer in another', async () => {
    const image = aManifest();
    await here.push('c/one', image, 'v1');
    await here.push('c/two', image, 'v1');
    await remove('c/one', image.digest);
    rooms.advance(5 * DAY);
    await remove('c/two', image.digest);
    rooms.advance(3 * DAY);
    expect(await here.collect()).toMatchObject({ forgottenManifests: 1, removedObjects: 0 });
    await rooms.registry.history.restore('c/two', { tag: 'v1' }, ORIGIN);
    expect(await here.isWhole('c/two', image)).toBe(true);
  });

  it('looks at what died and not at what lives', async () => {
    for (let count = 0; count < 30; count += 1) await here.pushNew('c/live', `v${count}`);
    rooms.advance(2 * HOUR);
    await here.collect();
    const gone = await here.pushNew('c/gone', 'v1');
    await remove('c/gone', gone.digest);
    rooms.advance(8 * DAY);
    let statements = 0;
    const counting = {
      ...rooms.metadata,
      transaction: <T>(work: (inside: typeof rooms.metadata) => Promise<T>) =>
        rooms.metadata.transaction((inside) =>
          work({ ...inside, all: (query) => ((statements += 1), inside.all(query)) }),
        ),
    };
    await collect({ ...rooms.context, metadata: counting }, { undoWindowMs: 7 * DAY });
    // Four objects, three links, one manifest: some fifty statements, and none for the thirty images beside them.
    expect(statements).toBeLessThan(80);
  });
});

describe('what a crash leaves', () => {
  it('between forgetting bytes and removing them is removed by the next run', async () => {
    const blob = aBlob();
    await rooms.registry.uploads.push('c/r', blob.digest, bodyOf(blob.bytes));
    rooms.advance(2 * HOUR);
    const dead: BlobStore = { ...rooms.context.store, delete: () => Promise.reject(new Error('the power went')) };
    await expect(collect({ ...rooms.context, store: dead }, { undoWindowMs: 0 })).rejects.toThrow('the power went');
    expect(await keysOf(rooms, 'blobs/')).toHaveLength(1);
    expect(await here.collect()).toMatchObject({ removedObjects: 1 });
    expect(await keysOf(rooms, 'blobs/')).toEqual([]);
  });

  it('without any fact is found by walking, and what is under way is not', async () => {
    const stray = aBlob();
    await rooms.context.store.write(newLocation(stray.digest), bodyOf(stray.bytes));
    await rooms.context.store.write('uploads/left.0.behind', bodyOf('part of nothing'));
    const { id } = await rooms.registry.uploads.start('c/r', 'sha256', 'someone');
    await rooms.registry.uploads.append('c/r', id, { body: bodyOf('under way') });
    const walk = (dryRun = false) => collectOrphans(rooms.context, { dryRun, minimumAgeMs: HOUR });
    expect(await walk()).toEqual([]);
    rooms.advance(2 * HOUR);
    expect(await walk(true)).toHaveLength(2);
    expect(await walk()).toHaveLength(2);
    expect(await keysOf(rooms, '')).toEqual([expect.stringContaining(id)]);
  });
});
