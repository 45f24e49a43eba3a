import { z } from 'zod';

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

const FORM = /^(?<count>\d{1,12})(?<unit>ms|s|m|h|d)$/;

/** A span of time, written as `500ms`, `30s`, `10m`, `24h` or `7d`; a number of milliseconds once parsed. */
export const duration = z
  .codec(z.string({ error: expected }).regex(FORM, { error: expected }), z.int(), {
    decode: (text) => millisecondsOf(text),
    encode: (milliseconds) => formatDuration(milliseconds),
  })
  .describe('a duration such as 500ms, 30s, 10m, 24h or 7d');

/** A {@link duration} within bounds, both included and written as durations themselves. */
export function durationBetween(least: string, most: string): typeof duration {
  const [from, to] = [millisecondsOf(least), millisecondsOf(most)];
  return duration.refine((milliseconds) => milliseconds >= from && milliseconds <= to, {
    error: ({ input }) => `expected a duration from ${least} to ${most}, found ${formatDuration(Number(input))}`,
  });
}

/** The shortest exact way to write a duration. Under two days hours are kept, as in `24h`. */
export function formatDuration(milliseconds: number): string {
  const whole = (unit: keyof typeof UNITS): boolean => milliseconds > 0 && milliseconds % UNITS[unit] === 0;
  if (milliseconds >= 2 * UNITS.d && whole('d')) return `${milliseconds / UNITS.d}d`;
  if (whole('h')) return `${milliseconds / UNITS.h}h`;
  if (whole('m')) return `${milliseconds / UNITS.m}m`;
  return milliseconds % UNITS.s === 0 ? `${milliseconds / UNITS.s}s` : `${milliseconds}ms`;
}

function millisecondsOf(text: string): number {
  const { count, unit } = FORM.exec(text)?.groups ?? {};
  return Number(count) * UNITS[unitOf(unit)];
}

function unitOf(text: string | undefined): keyof typeof UNITS {
  switch (text) {
    case 's':
    case 'm':
    case 'h':
    case 'd':
      return text;
    default:
      return 'ms';
  }
}

function expected({ input }: { input?: unknown }): string {
  return `expected a duration such as 30s, 10m, 24h or 7d, found ${JSON.stringify(input)}`;
}
