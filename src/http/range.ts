import type { ByteRange } from '#storage/driver.ts';

// More ranges than any client asks for; beyond it the whole is the cheaper answer. RFC 9110, section 14.2.
const RANGES_MAX = 32;

/**
 * The stretches a `Range` header asks for, of something of that size. RFC 9110, section 14.1.2.
 *
 * @returns `unsatisfiable` when none of them holds a byte; `ignored` when the whole should be sent: another unit, not a
 *   range at all, or so many or so overlapping that answering them would cost more than the whole
 */
export function parseRange(header: string, sizeBytes: number): readonly ByteRange[] | 'unsatisfiable' | 'ignored' {
  const match = /^bytes\s*=(.+)$/i.exec(header.trim());
  const specs = match?.[1]?.split(',').map((spec) => spec.trim());
  if (specs === undefined || specs.length > RANGES_MAX) return 'ignored';
  const ranges: ByteRange[] = [];
  for (const spec of specs) {
    const bounds = /^(\d{0,15})-(\d{0,15})$/.exec(spec);
    if (bounds === null || spec === '-') return 'ignored';
    const range = resolve(bounds[1] ?? '', bounds[2] ?? '', sizeBytes);
    if (range.first <= range.last) ranges.push(range);
  }
  if (ranges.length === 0) return 'unsatisfiable';
  return lengthOf(ranges) > sizeBytes ? 'ignored' : ranges;
}

/** A range that holds no byte comes back with its first after its last. */
function resolve(first: string, last: string, sizeBytes: number): ByteRange {
  if (first === '') return { first: Math.max(sizeBytes - Number(last), 0), last: sizeBytes - 1 };
  const end = last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  return { first: Number(first), last: end };
}

function lengthOf(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}
