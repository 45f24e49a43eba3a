import { expect, test } from 'vitest';
import { warningOf } from '#http/warning.ts';

test.each([
  ['', '299 - ""'],
  ['as it is', '299 - "as it is"'],
  ['"quoted" \\ escaped', '299 - "\\"quoted\\" \\\\ escaped"'],
  ['line\r\nbreak\ttab\u007f', '299 - "line??break?tab?"'],
  ['ü – \u{1f511}', '299 - "? ? ?"'],
])('writes %j as %s', (text, value) => {
  expect(warningOf(text)).toBe(value);
});

test.each([
  ['what just fits', 'a'.repeat(4088), 4096, 'a"'],
  ['one more', 'a'.repeat(4089), 4096, 'a..."'],
  ['megabytes', 'a'.repeat(3_000_000), 4096, 'a..."'],
  ['quotes that just fit', '"'.repeat(2044), 4096, '\\""'],
  ['quotes, of which none is cut in half', '"'.repeat(2045), 4096 - 1, '\\"..."'],
  ['characters of two halves', '\u{1f511}'.repeat(3000), 7 + 2048 + 3 + 1, '?..."'],
])('keeps within 4096 bytes: %s', (_, text, length, end) => {
  const value = warningOf(text);
  expect([value.length, value.slice(-end.length)]).toEqual([length, end]);
});
