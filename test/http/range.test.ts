import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRange } from '#http/range.ts';

describe('a range', () => {
  it.each([
    ['bytes=0-0', 10, [{ first: 0, last: 0 }]],
    ['bytes=2-', 10, [{ first: 2, last: 9 }]],
    ['bytes=-3', 10, [{ first: 7, last: 9 }]],
    ['bytes=-30', 10, [{ first: 0, last: 9 }]],
    [
      'Bytes = 1-2 , 4-5',
      10,
      [
        { first: 1, last: 2 },
        { first: 4, last: 5 },
      ],
    ],
    ['bytes=8-100', 10, [{ first: 8, last: 9 }]],
    ['bytes=10-', 10, 'unsatisfiable'],
    ['bytes=-0', 10, 'unsatisfiable'],
    ['bytes=0-', 0, 'unsatisfiable'],
    ['bytes=5-4', 10, 'unsatisfiable'],
    ['bytes=', 10, 'ignored'],
    ['bytes=-', 10, 'ignored'],
    ['bytes=a-b', 10, 'ignored'],
    ['bytes=1-2,x', 10, 'ignored'],
    ['items=0-1', 10, 'ignored'],
    ['bytes=0-9,0-9', 10, 'ignored'],
  ])('%s of %i bytes', (header, size, wanted) => {
    expect(parseRange(header, size)).toEqual(wanted);
  });

  it('never reaches outside, whatever is asked', () => {
    const bound = fc.oneof(fc.constant(''), fc.nat(50).map(String), fc.string({ maxLength: 3 }));
    const spec = fc.tuple(bound, bound).map(([first, last]) => `${first}-${last}`);
    fc.assert(
      fc.property(fc.array(spec, { minLength: 1, maxLength: 5 }), fc.nat(40), (specs, size) => {
        const found = parseRange(`bytes=${specs.join(',')}`, size);
        const ranges = typeof found === 'string' ? [] : found;
        for (const { first, last } of ranges) {
          expect(first).toBeGreaterThanOrEqual(0);
          expect(last).toBeGreaterThanOrEqual(first);
          expect(last).toBeLessThan(size);
        }
        expect(typeof found === 'string' || ranges.length > 0).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
