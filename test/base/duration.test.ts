import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { duration, durationBetween, formatDuration } from '#base/duration.ts';

const HOUR = 3_600_000;

test.each([
  ['0s', 0],
  ['500ms', 500],
  ['30s', 30_000],
  ['60m', HOUR],
  ['24h', 24 * HOUR],
  ['7d', 7 * 24 * HOUR],
  ['007s', 7000],
])('reads %s', (text, milliseconds) => {
  expect(duration.parse(text)).toBe(milliseconds);
});

test.each(['', '30', '30 s', '-1s', '1.5h', '1w', '1S', 's', '1h30m', '9999999999999s', '99999999999d', ' 1s', '1s\n'])(
  'refuses %j and says what it wants',
  (text) => {
    const result = duration.safeParse(text, { reportInput: true });
    expect(result.success).toBe(false);
  },
);

test.each([30, null, true, {}, ['30s']])('refuses %j, which is no text', (value) => {
  const [issue] = duration.safeParse(value, { reportInput: true }).error?.issues ?? [];
  expect(issue?.message).toBe(`expected a duration such as 30s, 10m, 24h or 7d, found ${JSON.stringify(value)}`);
});

test.each([
  [0, '0s'],
  [1, '1ms'],
  [1500, '1500ms'],
  [90_000, '90s'],
  [120_000, '2m'],
  [24 * HOUR, '24h'],
  [48 * HOUR, '2d'],
  [49 * HOUR, '49h'],
])('writes %d ms as %s', (milliseconds, text) => {
  expect(formatDuration(milliseconds)).toBe(text);
});

test('gives back what was written, whatever the duration', () => {
  fc.assert(
    fc.property(fc.nat({ max: 10 ** 12 }), (milliseconds) => {
      expect(duration.parse(z.encode(duration, milliseconds))).toBe(milliseconds);
    }),
  );
});

test('holds the bounds, both included', () => {
  const bounded = durationBetween('1s', '1m');
  expect(['1s', '60s'].map((text) => bounded.parse(text))).toEqual([1000, 60_000]);
  for (const text of ['999ms', '61s']) {
    expect(bounded.safeParse(text).error?.issues[0]?.message).toBe(`expected a duration from 1s to 1m, found ${text}`);
  }
});
