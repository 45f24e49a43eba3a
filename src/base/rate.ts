import { z } from 'zod';
import { formatDuration } from './duration.ts';

const UNITS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

const FORM = /^(?<count>[1-9]\d{0,8})\/(?<span>[1-9]\d{0,3})?(?<unit>[smhd])$/;

/** So many times in a span of milliseconds; all of them may come at once. */
export interface Rate {
  readonly count: number;
  readonly spanMs: number;
}

/** A {@link Rate}, written as `100/s`, `600/m`, `5000/h` or `10/30s`. */
export const rate = z
  .codec(z.string({ error: expected }).regex(FORM, { error: expected }), z.custom<Rate>(), {
    decode: (text) => rateOf(text),
    encode: (value) => formatRate(value),
  })
  .describe('a rate such as 100/s, 600/m or 10/30s');

/** The shortest way to write a rate. */
export function formatRate({ count, spanMs }: Rate): string {
  return `${count}/${formatDuration(spanMs).replace(/^1(?=[smhd]$)/, '')}`;
}

/** What became of one attempt under a rate. */
export interface Attempt {
  /** 0 when it may go ahead; otherwise how many milliseconds later the next one may. */
  readonly waitMs: number;
  /** What to remember for the next attempt. */
  readonly fullAt: number;
}

/**
 * A token bucket that holds `count` tokens and gains them evenly over the span, kept as one number: the moment at which
 * it is full again. A bucket never heard of, or full since long, needs no number at all.
 *
 * @param fullAt what the last attempt gave; `undefined` for the first
 * @param now milliseconds of a clock that never goes back
 */
export function attempt({ count, spanMs }: Rate, fullAt: number | undefined, now: number): Attempt {
  const costMs = spanMs / count;
  const next = Math.max(fullAt ?? now, now) + costMs;
  const waitMs = next - now - spanMs;
  // Sums of fractions miss the span by less than this; a thousandth of a token does no harm.
  return waitMs > costMs / 1000 ? { waitMs, fullAt: next - costMs } : { waitMs: 0, fullAt: next };
}

function rateOf(text: string): Rate {
  const { count, span, unit } = FORM.exec(text)?.groups ?? {};
  return { count: Number(count), spanMs: Number(span ?? 1) * UNITS[unitOf(unit)] };
}

function unitOf(text: string | undefined): keyof typeof UNITS {
  switch (text) {
    case 'm':
    case 'h':
    case 'd':
      return text;
    default:
      return 's';
  }
}

function expected({ input }: { input?: unknown }): string {
  return `expected a rate such as 100/s, 600/m or 10/30s, found ${JSON.stringify(input)}`;
}
