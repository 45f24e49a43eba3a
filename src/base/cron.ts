import { z } from 'zod';

// Lowest and highest value of each field; seconds lead and may be left out.
const FIELDS = [
  { name: 'second', low: 0, high: 59 },
  { name: 'minute', low: 0, high: 59 },
  { name: 'hour', low: 0, high: 23 },
  { name: 'day of month', low: 1, high: 31 },
  { name: 'month', low: 1, high: 12 },
  { name: 'day of week', low: 0, high: 7 },
] as const;

const ITEM = /^(?:\*|(?<first>\d{1,2})(?:-(?<last>\d{1,2}))?)(?:\/(?<step>\d{1,2}))?$/;

/** When a job runs: five cron fields, or six with seconds in front. Numbers, lists, ranges and steps; no names. */
export const cron = z
  .string({ error: ({ input }) => problem(input) })
  .refine((text) => soundFields(text), { error: ({ input }) => problem(input) })
  .describe('a cron expression of five fields, or six with seconds in front');

function soundFields(text: string): boolean {
  const fields = text.trim().split(/\s+/);
  if (fields.length !== 5 && fields.length !== 6) return false;
  const expected = FIELDS.slice(FIELDS.length - fields.length);
  return expected.every((field, index) => (fields[index] ?? '').split(',').every((item) => soundItem(item, field)));
}

function soundItem(item: string, { low, high }: (typeof FIELDS)[number]): boolean {
  const match = ITEM.exec(item)?.groups;
  if (match === undefined) return false;
  const { first, last, step } = match;
  const from = Number(first ?? low);
  const to = Number(last ?? first ?? high);
  return from >= low && to <= high && from <= to && Number(step ?? 1) > 0;
}

function problem(input: unknown): string {
  return `expected a cron expression such as "*/10 * * * *", found ${JSON.stringify(input)}`;
}
