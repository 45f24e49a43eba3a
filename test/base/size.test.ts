import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { approximateSize, formatSize, size, sizeBetween } from '#base/size.ts';

test.each<[string | number, number]>([
  [0, 0],
  [4096, 4096],
  ['4096', 4096],
  ['12B', 12],
  ['32KiB', 32 * 1024],
  ['4MiB', 4 * 1024 ** 2],
  ['1GiB', 1024 ** 3],
  ['2TiB', 2 * 1024 ** 4],
  ['4MB', 4_000_000],
  ['1KB', 1000],
])('reads %s', (text, bytes) => {
  expect(size.parse(text)).toBe(bytes);
});

test.each(['', '4 MiB', '4mb', '4Mi', '-1', '1.5MiB', 'MiB', '4iB', '999999999999999TiB', -1, 1.5, true, null])(
  'refuses %j',
  (value) => {
    expect(size.safeParse(value).success).toBe(false);
  },
);

test('says what it wants and what it found', () => {
  expect(size.safeParse('4 MiB', { reportInput: true }).error?.issues[0]?.message).toBe(
    'expected a size such as 32KiB, 4MiB or 1GiB, or a number of bytes, found "4 MiB"',
  );
});

test.each([
  [0, '0'],
  [1, '1'],
  [1000, '1KB'],
  [1024, '1KiB'],
  [4_000_000, '4MB'],
  [4 * 1024 ** 2, '4MiB'],
  [1025, '1025'],
])('writes %d bytes as %s', (bytes, text) => {
  expect(formatSize(bytes)).toBe(text);
});

test('gives back what was written, whatever the size', () => {
  const sizes = fc.oneof(
    fc.nat(),
    fc.tuple(fc.nat(4000), fc.constantFrom(1000, 1024, 1000 ** 3, 1024 ** 3)).map(([count, unit]) => count * unit),
  );
  fc.assert(
    fc.property(sizes, (bytes) => {
      expect(size.parse(z.encode(size, bytes))).toBe(bytes);
    }),
  );
});

test('holds the bounds, both included', () => {
  const bounded = sizeBetween('1KiB', '1MiB');
  expect([1024, '1MiB'].map((text) => bounded.parse(text))).toEqual([1024, 1024 ** 2]);
  for (const text of [1023, '2MiB']) {
    expect(bounded.safeParse(text).error?.issues[0]?.message).toBe(`expected a size from 1KiB to 1MiB, found ${text}`);
  }
});

test.each([
  [999, '999 B'],
  [1024, '1 KiB'],
  [1536, '1.5 KiB'],
  [5 * 1024 ** 3 + 1, '5 GiB'],
])('shows %d bytes to people as %s', (bytes, text) => {
  expect(approximateSize(bytes)).toBe(text);
});
