import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newLocation } from '#registry/bytes.ts';
import { collect } from '#retention/collect.ts';
import { aBlob, aManifest } from '#test/support/images.ts';
import { ORIGIN, type Rooms, bodyOf, keysOf, openRooms } from '#test/support/rooms.ts';

const HOUR = 3_600_000;
let rooms: Rooms;
beforeEach(async () => {
  rooms = await openRooms();
});
afterEach(() => rooms.close());

const run = (options: { dryRun?: boolean; minimumAgeMs?: number } = {}) =>
  collect(rooms.context, { dryRun: false, minimumAgeMs: HOUR, ...options });

async function pushImage(repository: string) {
  const image = aManifest();
  for (const blob of image.blobs) await rooms.registry.uploads.push(repository, blob.digest, bodyOf(blob.bytes));
  await rooms.registry.manifests.push({
    repository,
    reference: { tag: 'v1' },
    tags: [],
    contentType: image.mediaType,
    bytes: image.bytes,
    origin: ORIGIN,
    attachOnly: false,
    precondition: {},
  });
  return image;
}

describe('collection', () => {
  it('takes nothing that a repository uses, however old', async () => {
    await pushImage('c/used');
    const before = await keysOf(rooms, '');
    rooms.advance(1000 * HOUR);
    expect((await run()).removed).toEqual([]);
    expect(await keysOf(rooms, '')).toEqual(before);
  });

  it('takes what nobody uses any more, and not before its time', async () => {
    const [kept, gone] = [await pushImage('c/kept'), await pushImage('c/gone')];
    await rooms.registry.manifests.remove('c/gone', { digest: gone.digest }, ORIGIN);
    for (const blob of gone.blobs) await rooms.registry.blobs.remove('c/gone', blob.digest, ORIGIN);
    expect((await run()).removed).toEqual([]);
    rooms.advance(2 * HOUR);

    const planned = await run({ dryRun: true });
    expect(planned.removed.map(({ digest }) => digest)).toEqual(
      [gone.digest, ...gone.blobs.map(({ digest }) => digest)].toSorted(),
    );
    expect(await keysOf(rooms, 'blobs/')).toHaveLength(8);
    const done = await run();
    expect(done.removed).toEqual(planned.removed);
    expect(done.freedBytes).toBe(gone.bytes.length + gone.blobs.reduce((sum, { bytes }) => sum + bytes.length, 0));
    expect(await keysOf(rooms, 'blobs/')).toHaveLength(4);
    for (const { digest } of kept.blobs) expect(await rooms.registry.blobs.find('c/kept', digest)).toBeTruthy();
  });

  it('keeps a blob that one of two repositories lets go', async () => {
    const blob = aBlob();
    for (const repository of ['c/one', 'c/two'])
      await rooms.registry.uploads.push(repository, blob.digest, bodyOf(blob.bytes));
    await rooms.registry.blobs.remove('c/one', blob.digest, ORIGIN);
    rooms.advance(2 * HOUR);
    expect((await run()).removed).toEqual([]);
  });

  it('takes what a crash left behind, and not what is under way', async () => {
    const stray = aBlob();
    await rooms.context.store.write(newLocation(stray.digest), bodyOf(stray.bytes));
    await rooms.context.store.write('uploads/left.0.behind', bodyOf('part of nothing'));
    const { id } = await rooms.registry.uploads.start('c/r', 'sha256', 'someone');
    await rooms.registry.uploads.append('c/r', id, { body: bodyOf('under way') });
    expect((await run()).removed).toEqual([]);
    rooms.advance(2 * HOUR);
    const { removed } = await run();
    expect(removed).toHaveLength(2);
    expect(await keysOf(rooms, '')).toEqual([expect.stringContaining(id)]);
  });

  it('does not hit bytes that are pushed again meanwhile', async () => {
    const blob = aBlob();
    await rooms.registry.uploads.push('c/again', blob.digest, bodyOf(blob.bytes));
    await rooms.registry.blobs.remove('c/again', blob.digest, ORIGIN);
    rooms.advance(2 * HOUR);
    // The fact is forgotten, the push comes, and only then the old object is removed.
    const { store } = rooms.context;
    const slow = {
      ...store,
      async delete(key: string) {
        await rooms.registry.uploads.push('c/again', blob.digest, bodyOf(blob.bytes));
        await store.delete(key);
      },
    };
    await collect({ ...rooms.context, store: slow }, { dryRun: false, minimumAgeMs: HOUR });
    const found = await rooms.registry.blobs.find('c/again', blob.digest);
    const target = new PassThrough();
    await rooms.registry.blobs.send(found, target);
    target.end();
    expect((await buffer(target)).equals(blob.bytes)).toBe(true);
    expect(await keysOf(rooms, 'blobs/')).toHaveLength(1);
  });
});
