import { rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newLocation } from '#registry/bytes.ts';
import { type VerifyProgress, verify } from '#registry/verify.ts';
import { type TestBlob, aBlob } from '#test/support/images.ts';
import { type Rooms, bodyOf, keysOf, openRooms } from '#test/support/rooms.ts';

let rooms: Rooms;
let blob: TestBlob;
let path: string;
let location: string;
beforeEach(async () => {
  rooms = await openRooms();
  blob = aBlob();
  await rooms.registry.uploads.push('v/one', blob.digest, bodyOf(blob.bytes));
  await rooms.registry.uploads.push('v/two', blob.digest, bodyOf(blob.bytes));
  [location = ''] = await keysOf(rooms, 'blobs/');
  path = join(rooms.folder, 'storage', location);
});
afterEach(() => rooms.close());

const nothing = { missing: [], corrupt: [], orphaned: [] };

describe('verifying', () => {
  it('finds nothing wrong where nothing is, and says how far it is', async () => {
    const seen: VerifyProgress[] = [];
    const report = await verify(rooms.context, { onProgress: (progress) => seen.push(progress) });
    expect(report).toEqual({ ...nothing, checkedObjects: 1, checkedBytes: blob.bytes.length });
    expect(seen.at(-1)).toEqual({ checkedBytes: 64, totalBytes: 64, checkedObjects: 1, totalObjects: 1 });
  });

  it('finds what is missing, and who needs it', async () => {
    await rm(path);
    const report = await verify(rooms.context, {});
    expect(report.missing).toEqual([
      { digest: blob.digest, location, sizeBytes: 64, repositories: ['v/one', 'v/two'], problem: 'no such object' },
    ]);
    expect([report.corrupt, report.orphaned]).toEqual([[], []]);
  });

  it.each([
    [
      'a flipped bit',
      async () => await writeFile(path, Buffer.from(blob.bytes.map((byte, at) => (at === 7 ? byte ^ 1 : byte)))),
    ],
    ['a lost end', async () => await truncate(path, 10)],
    ['an emptied file', async () => await truncate(path, 0)],
  ])('finds %s', async (_, damage) => {
    await damage();
    const report = await verify(rooms.context, {});
    expect(report.corrupt).toMatchObject([
      { digest: blob.digest, location, problem: expect.stringMatching(/^hashes to sha256:/) },
    ]);
    expect([report.missing, report.orphaned]).toEqual([[], []]);
  });

  it('finds bytes that no fact speaks of', async () => {
    const stray = aBlob();
    const strayLocation = newLocation(stray.digest);
    await rooms.context.store.write(strayLocation, bodyOf(stray.bytes));
    await rooms.context.store.write('blobs/readme.txt', bodyOf('hello'));
    const report = await verify(rooms.context, {});
    expect(report.orphaned.map((finding) => finding.location)).toEqual(['blobs/readme.txt', strayLocation].toSorted());
    expect([report.missing, report.corrupt]).toEqual([[], []]);
  });

  it('does not mistake uploads under way for anything', async () => {
    const upload = await rooms.registry.uploads.start('v/one', 'sha256', 'someone');
    await rooms.registry.uploads.append('v/one', upload.id, { body: bodyOf('half a layer') });
    expect(await verify(rooms.context, {})).toMatchObject(nothing);
  });
});
