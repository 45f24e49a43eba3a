import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { type Rate, attempt, formatRate, rate } from '#base/rate.ts';

test.each<[string, Rate]>([
  ['100/s', { count: 100, spanMs: 1000 }],
  ['600/m', { count: 600, spanMs: 60_000 }],
  ['5000/h', { count: 5000, spanMs: 3_600_000 }],
  ['1/d', { count: 1, spanMs: 86_400_000 }],
  ['10/30s', { count: 10, spanMs: 30_000 }],
])('reads %s', (text, want) => {
  expect(rate.parse(text)).toEqual(want);
});

test.each([
  '',
  '100',
  '/s',
  '0/s',
  '100/',
  '100/0s',
  '100 / s',
  '1.5/s',
  '-1/s',
  '100/ms',
  '100/s/s',
  '1e3/s',
  '9/s\n',
])('refuses %j', (text) => {
  expect(rate.safeParse(text).success).toBe(false);
});

test('says what it wants and what it found', () => {
  expect(rate.safeParse(100, { reportInput: true }).error?.issues[0]?.message).toBe(
    'expected a rate such as 100/s, 600/m or 10/30s, found 100',
  );
});

test.each([
  [{ count: 100, spanMs: 1000 }, '100/s'],
  [{ count: 3, spanMs: 60_000 }, '3/m'],
  [{ count: 3, spanMs: 600_000 }, '3/10m'],
  [{ count: 3, spanMs: 90_000 }, '3/90s'],
])('writes %j as %s', (value, text) => {
  expect(formatRate(value)).toBe(text);
});

test('gives back what was written, whatever the rate', () => {
  const texts = fc.tuple(
    fc.integer({ min: 1, max: 999_999_999 }),
    fc.integer({ min: 1, max: 9999 }),
    fc.constantFrom('s', 'm', 'h', 'd'),
  );
  fc.assert(
    fc.property(texts, ([count, span, unit]) => {
      const parsed = rate.parse(`${count}/${span}${unit}`);
      expect(rate.parse(z.encode(rate, parsed))).toEqual(parsed);
    }),
  );
});

/** How many of the attempts at these moments went ahead. */
function admitted(limit: Rate, moments: readonly number[]): number {
  let fullAt: number | undefined;
  let count = 0;
  for (const now of moments) {
    const result = attempt(limit, fullAt, now);
    fullAt = result.fullAt;
    if (result.waitMs === 0) count += 1;
  }
  return count;
}

test.each([1, 3, 7, 100, 999])('%i tokens may all be taken at once, and not one more', (count) => {
  const limit = { count, spanMs: 1000 };
  expect(
    admitted(
      limit,
      Array.from({ length: count + 1 }, () => 12_345.678),
    ),
  ).toBe(count);
});

test('no more are saved up than may come at once, however long nobody comes', () => {
  expect(admitted({ count: 3, spanMs: 1000 }, [0, ...Array.from({ length: 5 }, () => 1_000_000)])).toBe(4);
});

test('a refused attempt costs nothing and says when the next may come', () => {
  const limit = { count: 2, spanMs: 1000 };
  const first = attempt(limit, undefined, 0);
  const second = attempt(limit, first.fullAt, 0);
  const third = attempt(limit, second.fullAt, 100);
  expect([first.waitMs, second.waitMs]).toEqual([0, 0]);
  expect(third.waitMs).toBeCloseTo(400);
  expect(third.fullAt).toBe(second.fullAt);
  expect(attempt(limit, third.fullAt, 100 + Math.ceil(third.waitMs)).waitMs).toBe(0);
});

test('never more than the count and what the time has brought, whenever they come', () => {
  const steps = fc.array(fc.nat({ max: 400 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), steps, (count, gaps) => {
      let now = 0;
      const moments = gaps.map((gap) => (now += gap));
      const limit = { count, spanMs: 1000 };
      const elapsed = now - (moments[0] ?? 0);
      const most = Math.floor(count + (elapsed * count) / limit.spanMs + 0.01);
      expect(admitted(limit, moments)).toBeLessThanOrEqual(most);
      expect(admitted(limit, moments)).toBeGreaterThanOrEqual(Math.min(count, moments.length));
    }),
  );
});
