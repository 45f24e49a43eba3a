import { readdir, utimes } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { type StorageKit, bodyOf, contentOf, everyKey, patternOf, reasonOf, remainsOf } from './storage-kit.ts';

/** What a key names, what lies beside it, and what may not be one. */
export function describeKeys(kit: StorageKit): void {
  describe('delete', () => {
    test('of what is absent is not an error', async () => {
      await kit.put('a/b', 'x');
      for (const key of ['nothing', 'a/c', 'a/b/c', 'nothing/here/either']) await kit.store.delete(key);
      expect(await kit.keys()).toEqual(['a/b']);
    });

    test('leaves the neighbours whose keys begin alike', async () => {
      const neighbours = ['a/b-', 'a/b.c', 'a/b2', 'a/bc', 'a/bd/e'];
      for (const key of ['a/b', ...neighbours]) await kit.put(key, key);
      await kit.store.delete('a/b');
      expect(await kit.keys()).toEqual(neighbours);
      for (const key of neighbours) expect(await kit.text(key)).toBe(key);
    });

    test('of a folder deletes nothing below it', async () => {
      await kit.put('a/b/c', 'x');
      expect(['resolved', 'not-found']).toContain(await reasonOf(kit.store.delete('a/b')));
      expect(await kit.keys()).toEqual(['a/b/c']);
    });

    test('leaves nothing behind, and the key can be used again', async () => {
      await kit.put('top/middle/low/one', 'x');
      await kit.put('top/middle/two', 'y');
      await kit.store.delete('top/middle/low/one');
      await kit.expectNothingButObjects();
      await kit.store.delete('top/middle/two');
      await kit.expectNothingButObjects();
      await kit.put('top/middle/low/one', 'again');
      expect(await kit.text('top/middle/low/one')).toBe('again');
    });

    test('beside writes into the same folder loses neither', async () => {
      // Each deletion may take the folder away just when another writer has found it there.
      const writeAndDelete = async (key: string): Promise<void> => {
        for (let round = 0; round < 40; round += 1) {
          await kit.put(key, `${key} ${round}`);
          expect(await kit.text(key)).toBe(`${key} ${round}`);
          await kit.store.delete(key);
        }
      };
      await Promise.all(['f/g/1', 'f/g/2', 'f/h', 'f/g/i/3'].map(writeAndDelete));
      expect(await kit.keys()).toEqual([]);
      await kit.expectNothingButObjects();
    });
  });

  describe('list', () => {
    const inByteOrder = ['a-b/c', 'a.c', 'a/b', 'a/b-c', 'a/b.c', 'a/bb', 'a/c/d', 'a0', 'a_', 'ab', 'b/-', 'b/0/a'];

    test('is in byte order, folders and files alike', async () => {
      for (const key of inByteOrder.toReversed()) await kit.put(key, key);
      expect(await kit.keys()).toEqual(inByteOrder);
    });

    test.each(['a', 'a/', 'a/b', 'a/b-', 'a/c/', 'b', 'ab', 'a-', 'zzz', 'a/b/c', 'b/0/a'])(
      'of prefix %j gives the keys that begin with it',
      async (prefix) => {
        for (const key of inByteOrder) await kit.put(key, key);
        expect(await kit.keys(prefix)).toEqual(inByteOrder.filter((key) => key.startsWith(prefix)));
      },
    );

    test('of an empty store is empty', async () => {
      expect(await kit.keys()).toEqual([]);
      expect(await kit.keys('a/b/')).toEqual([]);
    });

    test('may be abandoned, and survives deleting what it gives', async () => {
      for (const key of inByteOrder) await kit.put(key, key);
      for await (const key of kit.store.list('')) {
        expect(key).toBe(inByteOrder[0]);
        break;
      }
      const seen: string[] = [];
      for await (const key of kit.store.list('')) {
        seen.push(key);
        await kit.store.delete(key);
      }
      expect(seen).toEqual(inByteOrder);
      expect(await kit.keys()).toEqual([]);
    });

    test.each(['../', '..', '/', 'a/../../', './', 'a//'])('of %j shows nothing outside the store', async (prefix) => {
      await kit.put('a/b', 'x');
      const listing = everyKey(kit.store.list(prefix));
      expect(['resolved', 'bad-key']).toContain(await reasonOf(listing));
      expect(await listing.catch(() => [])).toEqual([]);
    });
  });

  describe('compose', () => {
    test.each([1, 2, 5])('joins %i parts in the order given and removes them', async (count) => {
      const parts = Array.from({ length: count }, (_, index) => `uploads/one/${(index * 3) % count}.${index}`);
      for (const [index, part] of parts.entries())
        await kit.store.write(part, bodyOf(patternOf(70_000 + index, index)));
      const whole = Buffer.concat(parts.map((_, index) => patternOf(70_000 + index, index)));
      await kit.store.compose(parts, 'blobs/sha256/whole');
      expect((await contentOf(await kit.store.read('blobs/sha256/whole'))).equals(whole)).toBe(true);
      expect(await kit.keys()).toEqual(['blobs/sha256/whole']);
      await kit.expectNothingButObjects();
    });

    test.each([1, 2])('of %i old parts gives the target a new time', async (count) => {
      const parts = ['part-1', 'part-2'].slice(0, count);
      for (const part of parts) await kit.put(part, part);
      // The collector spares what is young by the time its key is: an upload may have taken longer than that.
      for (const file of (await remainsOf(kit.root)).files) await utimes(file, new Date(0), new Date(0));
      await kit.store.compose(parts, 'target');
      expect(Date.now() - ((await kit.store.stat('target'))?.modified.getTime() ?? 0)).toBeLessThan(60_000);
    });

    test('replaces a target that exists', async () => {
      await kit.put('target', 'a much longer old body');
      await kit.put('part-1', 'new ');
      await kit.put('part-2', 'body');
      await kit.store.compose(['part-1', 'part-2'], 'target');
      expect(await kit.text('target')).toBe('new body');
      expect(await kit.keys()).toEqual(['target']);
    });

    test.each([
      { name: 'the only one', parts: ['gone'] },
      { name: 'the first', parts: ['gone', 'part-1'] },
      { name: 'the last', parts: ['part-1', 'part-2', 'gone'] },
    ])('with a missing part ($name) leaves the target and the other parts alone', async ({ parts }) => {
      for (const key of ['part-1', 'part-2', 'target']) await kit.put(key, key);
      expect(await reasonOf(kit.store.compose(parts, 'target'))).toBe('not-found');
      expect(await reasonOf(kit.store.compose(parts, 'new-target'))).toBe('not-found');
      expect(await kit.keys()).toEqual(['part-1', 'part-2', 'target']);
      for (const key of ['part-1', 'part-2', 'target']) expect(await kit.text(key)).toBe(key);
      await kit.expectNothingButObjects();
    });
  });

  describe('a key that is none', () => {
    const bad = [
      '',
      '..',
      '.',
      'a/..',
      '../a',
      'a/../b',
      'a/./b',
      '/a',
      'a/',
      'a//b',
      'a\\b',
      'a\0b',
      'A',
      'a/B',
      'a b',
      'é',
      'a\n',
    ];

    test.each(bad)('is refused with a rejection: %j', async (key) => {
      expect(await reasonOf(kit.store.read(key))).toBe('bad-key');
      expect(await reasonOf(kit.store.stat(key))).toBe('bad-key');
      expect(await reasonOf(kit.store.delete(key))).toBe('bad-key');
      expect(await reasonOf(kit.store.write(key, bodyOf(Buffer.from('x'))))).toBe('bad-key');
      expect(await reasonOf(kit.store.compose(['a'], key))).toBe('bad-key');
      expect(await reasonOf(kit.store.compose([key], 'a'))).toBe('bad-key');
      expect((await remainsOf(kit.root)).files).toEqual([]);
    });

    test('includes whatever the store keeps for itself', async () => {
      const before = await readdir(kit.root);
      for (const own of before) {
        const reason = await reasonOf(kit.store.write(`${own}/x`, bodyOf(Buffer.from('x'))));
        expect(reason, own).toBe('bad-key');
      }
    });
  });
}
