import { readdir, utimes, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStorage } from '#storage/open.ts';
import { aBlob } from '#test/support/images.ts';
import { type Rooms, bodyOf, keysOf, openRooms } from '#test/support/rooms.ts';

const HOUR = 3_600_000;
const never = new AbortController().signal;

let rooms: Rooms;
beforeEach(async () => {
  rooms = await openRooms();
});
afterEach(() => rooms.close());

describe('uploads that stand still', () => {
  it('go, with their bytes; those that move on stay', async () => {
    const { uploads } = rooms.registry;
    const idle = await uploads.start('u/r', 'sha256', 'someone');
    const moving = await uploads.start('u/r', 'sha256', 'someone');
    await uploads.append('u/r', idle.id, { body: bodyOf('forgotten') });
    rooms.advance(23 * HOUR);
    await uploads.append('u/r', moving.id, { body: bodyOf('alive') });
    rooms.advance(2 * HOUR);

    expect(await uploads.expire(24 * HOUR, never)).toBe(1);
    await expect(uploads.status('u/r', idle.id)).rejects.toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
    expect(await uploads.status('u/r', moving.id)).toMatchObject({ sizeBytes: 5 });
    expect(await keysOf(rooms, 'uploads/')).toEqual([expect.stringContaining(moving.id)]);
  });

  it('go one by one, and no further once told to stop', async () => {
    const { uploads } = rooms.registry;
    await uploads.start('u/r', 'sha256', 'someone');
    rooms.advance(25 * HOUR);
    expect(await uploads.expire(24 * HOUR, AbortSignal.abort())).toBe(0);
    expect(await uploads.expire(24 * HOUR, never)).toBe(1);
  });
});

describe('an upload that breaks off', () => {
  it('keeps what was taken and nothing of the rest', async () => {
    const { uploads } = rooms.registry;
    const { id } = await uploads.start('u/r', 'sha256', 'someone');
    await uploads.append('u/r', id, { body: bodyOf('first,') });
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('second');
      throw new Error('the cable was cut');
    }
    await expect(uploads.append('u/r', id, { body: breaking() })).rejects.toThrow('the cable was cut');
    expect(await uploads.status('u/r', id)).toMatchObject({ sizeBytes: 6 });
    const whole = aBlob({ bytes: 'first,second' });
    await uploads.finish('u/r', id, whole.digest, { body: bodyOf('second') });
    expect(await keysOf(rooms, 'uploads/')).toEqual([]);
    expect(await keysOf(rooms, 'blobs/')).toHaveLength(1);
  });

  it('does not outlive an hour: what never became a part is gone, what another process writes stays', async () => {
    const root = `${rooms.folder}/storage`;
    for (const name of ['left-by-a-crash', 'being-written']) await writeFile(`${root}/.tmp/${name}`, 'half');
    const longAgo = new Date(Date.now() - 2 * HOUR);
    await utimes(`${root}/.tmp/left-by-a-crash`, longAgo, longAgo);
    await openStorage('filesystem', { root });
    expect(await readdir(`${root}/.tmp`)).toEqual(['being-written']);
  });
});
