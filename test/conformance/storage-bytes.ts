import { describe, expect, test } from 'vitest';
import type { Body } from '#storage/driver.ts';
import {
  MEBIBYTE,
  type StorageKit,
  bodyOf,
  contentOf,
  failingBody,
  patternOf,
  reasonOf,
  slowBody,
} from './storage-kit.ts';

/** What goes in comes out: whole, in ranges, and from several hands at once. */
export function describeBytes(kit: StorageKit): void {
  describe('round trip', () => {
    test.each([0, 1, 5 * MEBIBYTE])('gives back %i bytes as they were', async (sizeBytes) => {
      const bytes = patternOf(sizeBytes, 7);
      expect(await kit.store.write('blobs/one', bodyOf(bytes))).toEqual({ sizeBytes });
      expect((await contentOf(await kit.store.read('blobs/one'))).equals(bytes)).toBe(true);
    });

    test('joins a body of many small and some empty chunks', async () => {
      const bytes = patternOf(100_000, 3);
      await kit.store.write('blobs/one', bodyOf(bytes, 97, true));
      expect((await contentOf(await kit.store.read('blobs/one'))).equals(bytes)).toBe(true);
    });

    test('keeps what a chunk held when it was handed over by a producer that waits', async () => {
      await kit.store.write('one', slowBody(['a', 'b', 'c']));
      expect(await kit.text('one')).toBe('abc');
    });

    test('overwriting with less leaves only the new bytes', async () => {
      await kit.put('a/b', 'a long first body');
      await kit.put('a/b', 'short');
      expect(await kit.text('a/b')).toBe('short');
      expect(await kit.store.stat('a/b')).toMatchObject({ sizeBytes: 5 });
      await kit.expectNothingButObjects();
    });

    test('takes keys of every allowed character and of many segments', async () => {
      const key = 'blobs/sha256/ab/a.b_c-d.0123456789/abcdefghijklmnopqrstuvwxyz/..z/-';
      await kit.put(key, 'deep');
      expect(await kit.text(key)).toBe('deep');
      expect(await kit.keys()).toEqual([key]);
    });
  });

  describe('stat', () => {
    test('tells the size and a recent time', async () => {
      const before = Date.now();
      await kit.put('a/b', 'four');
      const found = await kit.store.stat('a/b');
      expect(found?.sizeBytes).toBe(4);
      // Two seconds: the coarsest clock a file system or an object store stamps with.
      expect(Math.abs((found?.modified.getTime() ?? 0) - before)).toBeLessThan(2_000);
    });

    test('is undefined for what is absent, for a folder, and below an object', async () => {
      await kit.put('a/b', 'x');
      expect(await kit.store.stat('a/c')).toBeUndefined();
      expect(await kit.store.stat('a')).toBeUndefined();
      expect(await kit.store.stat('a/b/c')).toBeUndefined();
    });
  });

  describe('read', () => {
    test('of what is absent, of a folder and below an object is not-found', async () => {
      await kit.put('a/b', 'x');
      for (const key of ['a/c', 'a', 'a/b/c', 'nothing/here']) {
        expect(await reasonOf(kit.store.read(key)), key).toBe('not-found');
      }
    });

    test.each([
      { name: 'the first byte', first: 0, last: 0, want: '0' },
      { name: 'the last byte', first: 9, last: 9, want: '9' },
      { name: 'a single byte inside', first: 4, last: 4, want: '4' },
      { name: 'the middle', first: 3, last: 6, want: '3456' },
      { name: 'the whole', first: 0, last: 9, want: '0123456789' },
      { name: 'all but the first', first: 1, last: 9, want: '123456789' },
      { name: 'a last beyond the end, clipped', first: 8, last: 1_000_000, want: '89' },
    ])('gives a range: $name', async ({ first, last, want }) => {
      await kit.put('digits', '0123456789');
      expect((await contentOf(await kit.store.read('digits', { first, last }))).toString()).toBe(want);
    });

    test.each([10, 11, 1_000_000])('refuses a range that starts at byte %i of 10', async (first) => {
      await kit.put('digits', '0123456789');
      expect(await reasonOf(kit.store.read('digits', { first, last: first + 1 }))).toBe('bad-range');
    });

    test('refuses every range of an empty object', async () => {
      await kit.put('empty', '');
      expect(await reasonOf(kit.store.read('empty', { first: 0, last: 0 }))).toBe('bad-range');
    });

    test('serves many ranges of one object at once', async () => {
      const bytes = patternOf(MEBIBYTE, 11);
      await kit.store.write('big', bodyOf(bytes));
      const ranges = Array.from({ length: 16 }, (_, index) => ({
        first: index * 60_001,
        last: index * 60_001 + 90_000,
      }));
      const parts = await Promise.all(ranges.map(async (range) => await contentOf(await kit.store.read('big', range))));
      for (const [index, range] of ranges.entries()) {
        expect(parts[index]?.equals(bytes.subarray(range.first, range.last + 1)), JSON.stringify(range)).toBe(true);
      }
    });

    test('goes on to the end of an object that is deleted meanwhile', async () => {
      const bytes = patternOf(3 * MEBIBYTE, 5);
      await kit.store.write('big', bodyOf(bytes));
      const stream = await kit.store.read('big');
      await kit.store.delete('big');
      expect((await contentOf(stream)).equals(bytes)).toBe(true);
      expect(await kit.store.stat('big')).toBeUndefined();
    });

    test('goes on with the old bytes of an object that is overwritten meanwhile', async () => {
      const bytes = patternOf(3 * MEBIBYTE, 5);
      await kit.store.write('big', bodyOf(bytes));
      const stream = await kit.store.read('big');
      await kit.put('big', 'new');
      expect((await contentOf(stream)).equals(bytes)).toBe(true);
      expect(await kit.text('big')).toBe('new');
    });

    test('can be given up half-way', async () => {
      await kit.store.write('big', bodyOf(patternOf(3 * MEBIBYTE, 5)));
      const stream = await kit.store.read('big');
      for await (const chunk of stream) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
      expect(stream.destroyed).toBe(true);
      expect((await kit.store.stat('big'))?.sizeBytes).toBe(3 * MEBIBYTE);
    });
  });

  describe('a body that fails half-way', () => {
    test.each([0, 1, 64 * 1024, 2 * MEBIBYTE])('after %i bytes leaves nothing at all', async (sizeBytes) => {
      const failure = new Error('the client went away');
      await expect(kit.store.write('a/b', failingBody(sizeBytes, failure))).rejects.toBe(failure);
      expect(await kit.store.stat('a/b')).toBeUndefined();
      expect(await kit.keys()).toEqual([]);
      await kit.expectNothingButObjects();
    });

    test('keeps the object that was there', async () => {
      await kit.put('a/b', 'old');
      await expect(kit.store.write('a/b', failingBody(2 * MEBIBYTE, new Error('gone')))).rejects.toThrow('gone');
      expect(await kit.text('a/b')).toBe('old');
      await kit.expectNothingButObjects();
    });

    test('is not seen by anyone while it lasts', async () => {
      const seen: string[][] = [];
      async function* watched(): Body {
        yield patternOf(MEBIBYTE, 1);
        seen.push(await kit.keys());
        expect(await kit.store.stat('a/b')).toBeUndefined();
        yield patternOf(MEBIBYTE, 2);
        seen.push(await kit.keys());
      }
      await kit.store.write('a/b', watched());
      expect(seen).toEqual([[], []]);
      expect(await kit.keys()).toEqual(['a/b']);
    });
  });

  describe('writers at once', () => {
    test('on one key leave one whole body', async () => {
      const bodies = Array.from({ length: 8 }, (_, index) => patternOf(300_000 + index * 1_000, index));
      await Promise.all(bodies.map(async (body) => await kit.store.write('a/b', bodyOf(body, 10_000))));
      const found = await contentOf(await kit.store.read('a/b'));
      expect(bodies.some((body) => body.equals(found))).toBe(true);
      expect(await kit.keys()).toEqual(['a/b']);
      await kit.expectNothingButObjects();
    });

    test('on many keys of one new folder leave all of them', async () => {
      const names = Array.from({ length: 32 }, (_, index) => `new/folder/${String(index).padStart(2, '0')}`);
      await Promise.all(names.map((key) => kit.put(key, key)));
      expect(await kit.keys('new/')).toEqual(names);
    });
  });
}
