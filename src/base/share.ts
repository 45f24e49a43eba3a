import { z } from 'zod';

const FORM = /^(?<percent>\d{1,3}(?:\.\d{1,2})?)%$/;

/** A part of a whole, written as `50%`; a number from 0 to 1 once parsed. */
export const share = z
  .codec(z.string({ error: expected }).regex(FORM, { error: expected }), z.number(), {
    decode: (text) => Number(FORM.exec(text)?.groups?.['percent']) / 100,
    encode: (part) => formatShare(part),
  })
  .refine((part) => part >= 0 && part <= 1, {
    error: ({ input }) => `expected a share from 0% to 100%, found ${formatShare(Number(input))}`,
  })
  .describe('a share such as 50%');

/** A share as it is written, to two places. */
export function formatShare(part: number): string {
  return `${Number((part * 100).toFixed(2))}%`;
}

function expected({ input }: { input?: unknown }): string {
  return `expected a share such as 50%, found ${JSON.stringify(input)}`;
}
