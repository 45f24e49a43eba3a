import { z } from 'zod';

// Binary units first: where both fit exactly, memory and limits are thought of in powers of two.
const UNITS = new Map([
  ['TiB', 1024 ** 4],
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
  ['TB', 1000 ** 4],
  ['GB', 1000 ** 3],
  ['MB', 1000 ** 2],
  ['KB', 1000],
  ['B', 1],
]);

const FORM = /^(?<count>\d{1,15})(?<unit>[KMGT]i?B|B)?$/;

/** A number of bytes, written as `4MiB`, `32KiB`, `1GiB`, `4MB` or a plain integer. */
export const size = z
  .codec(
    z.union([z.int().nonnegative(), z.string().regex(FORM, { error: expected })], { error: expected }),
    z.int({ error: 'expected a size below 8 PiB' }),
    { decode: bytesOf, encode: written },
  )
  .describe('a size such as 32KiB, 4MiB or 1GiB, or a number of bytes');

/** A {@link size} within bounds, both included and written as sizes themselves. */
export function sizeBetween(least: string, most: string): typeof size {
  const [from, to] = [bytesOf(least), bytesOf(most)];
  return size.refine((bytes) => bytes >= from && bytes <= to, {
    error: ({ input }) => `expected a size from ${least} to ${most}, found ${formatSize(Number(input))}`,
  });
}

/** The shortest exact way to write a size; a bare number where no unit fits. */
export function formatSize(bytes: number): string {
  return String(written(bytes));
}

/** A size for people to read: three digits and a binary unit, rounded. */
export function approximateSize(bytes: number): string {
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB']) {
    const factor = UNITS.get(unit) ?? 1;
    if (bytes >= factor) return `${Number((bytes / factor).toPrecision(3))} ${unit}`;
  }
  return `${bytes} B`;
}

function bytesOf(text: string | number): number {
  if (typeof text === 'number') return text;
  const { count, unit } = FORM.exec(text)?.groups ?? {};
  return Number(count) * (UNITS.get(unit ?? 'B') ?? Number.NaN);
}

function written(bytes: number): string | number {
  for (const [unit, factor] of UNITS) {
    if (factor > 1 && bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return bytes;
}

function expected({ input }: { input?: unknown }): string {
  return `expected a size such as 32KiB, 4MiB or 1GiB, or a number of bytes, found ${JSON.stringify(input)}`;
}
