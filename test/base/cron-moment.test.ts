import { describe, expect, test } from 'vitest';
import { latestCronMoment } from '#base/cron-moment.ts';

const at = (text: string): number => Date.parse(text);

describe('the last moment at which an expression is due', () => {
  test.each([
    ['0 3 * * *', '2026-03-10T03:00:00Z', '2026-03-10T03:00:00Z'],
    ['0 3 * * *', '2026-03-10T03:40:30Z', '2026-03-10T03:00:00Z'],
    ['0 3 * * *', '2026-03-10T02:59:59Z', undefined],
    ['*/20 * * * *', '2026-03-10T03:39:59Z', '2026-03-10T03:20:00Z'],
    ['5/20 * * * *', '2026-03-10T03:44:00Z', '2026-03-10T03:25:00Z'],
    ['10-30/10 3 * * *', '2026-03-10T03:59:00Z', '2026-03-10T03:30:00Z'],
    ['15,45 3 * * *', '2026-03-10T03:44:00Z', '2026-03-10T03:15:00Z'],
    ['15,45 0 3 * * *', '2026-03-10T03:00:50Z', '2026-03-10T03:00:45Z'],
    ['15,45 0 3 * * *', '2026-03-10T03:00:44Z', '2026-03-10T03:00:15Z'],
    // A Tuesday.
    ['0 3 * * 2', '2026-03-10T03:10:00Z', '2026-03-10T03:00:00Z'],
    ['0 3 * * 3', '2026-03-10T03:10:00Z', undefined],
    // A Sunday has two numbers.
    ['0 3 * * 0', '2026-03-08T03:10:00Z', '2026-03-08T03:00:00Z'],
    ['0 3 * * 7', '2026-03-08T03:10:00Z', '2026-03-08T03:00:00Z'],
    // As with node-cron both must fit.
    ['0 3 11 * 2', '2026-03-10T03:10:00Z', undefined],
    ['0 3 10 3 *', '2026-03-10T03:10:00Z', '2026-03-10T03:00:00Z'],
    ['0 3 10 4 *', '2026-03-10T03:10:00Z', undefined],
    ['0 0 * * *', '2026-03-10T00:00:00Z', '2026-03-10T00:00:00Z'],
  ])('%s, seen at %s: %s', (expression, until, due) => {
    const span = { after: at(until) - 3_600_000, until: at(until), timeZone: 'UTC' };
    expect(latestCronMoment(expression, span)).toBe(due === undefined ? undefined : at(due));
  });

  test('is by the clocks of the time zone', () => {
    const span = { after: at('2026-07-01T00:00:00Z'), until: at('2026-07-01T12:00:00Z') };
    expect(latestCronMoment('0 3 * * *', { ...span, timeZone: 'Europe/Berlin' })).toBe(at('2026-07-01T01:00:00Z'));
    expect(latestCronMoment('0 3 * * *', { ...span, timeZone: 'Asia/Kolkata' })).toBeUndefined();
    expect(latestCronMoment('30 13 * * *', { ...span, timeZone: 'Asia/Kolkata' })).toBe(at('2026-07-01T08:00:00Z'));
  });

  test('is never the moment the span begins after', () => {
    const due = at('2026-03-10T03:00:00Z');
    expect(latestCronMoment('0 3 * * *', { after: due, until: due + 60_000, timeZone: 'UTC' })).toBeUndefined();
    expect(latestCronMoment('0 3 * * *', { after: due - 1, until: due + 60_000, timeZone: 'UTC' })).toBe(due);
  });
});
