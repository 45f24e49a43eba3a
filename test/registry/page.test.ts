import { describe, expect, test } from 'vitest';
import { type Page, siftedPageOf } from '#registry/page.ts';

/** A list of numbers, of which those in `hidden` are not shown; each look takes that long. */
function aList({
  length,
  isHidden,
  lookMs = 0,
}: {
  length: number;
  isHidden: (at: number) => boolean;
  lookMs?: number;
}) {
  const names = Array.from({ length }, (_, at) => String(at).padStart(6, '0'));
  let now = 0;
  let longest = 0;
  return {
    names,
    visible: names.filter((_, at) => !isHidden(at)),
    longest: () => longest,
    find: async (after: string, limit: number) => {
      longest = Math.max(longest, limit);
      return names.filter((name) => name > after).slice(0, limit);
    },
    nameOf: (name: string) => name,
    async isVisible(name: string) {
      now += lookMs;
      return !isHidden(Number(name));
    },
    clock: () => now,
  };
}

async function walk(list: ReturnType<typeof aList>, limit: number): Promise<Page<string>[]> {
  const pages: Page<string>[] = [];
  let after: string | undefined = '';
  while (after !== undefined) {
    const page: Page<string> = await siftedPageOf({ after, limit }, 1000, list);
    pages.push(page);
    if (pages.length > 2500) throw new Error('expected the list to end');
    after = page.more ? (page.after ?? page.entries.at(-1)) : undefined;
  }
  return pages;
}

const shown = (pages: readonly Page<string>[]): string[] => pages.flatMap(({ entries }) => entries);

describe('a page of a list with hidden entries', () => {
  test.each([
    ['none', () => false],
    ['all', () => true],
    ['every second', (at: number) => at % 2 === 0],
    ['the first thousand', (at: number) => at < 1000],
    ['the last thousand', (at: number) => at >= 1500],
    ['all but every hundredth', (at: number) => at % 100 !== 99],
  ])('is full until the list ends, and says so: %s hidden', async (_, isHidden) => {
    const list = aList({ length: 2500, isHidden });
    for (const limit of [1, 99, 100, 2500]) {
      const pages = await walk(list, limit);
      expect(shown(pages)).toEqual(list.visible);
      const size = Math.min(limit, 1000);
      expect(pages.slice(0, -1).every(({ entries, after }) => entries.length === size && after === undefined)).toBe(
        true,
      );
      expect(pages).toHaveLength(Math.max(Math.ceil(list.visible.length / size), 1));
    }
    expect(list.longest()).toBe(1000);
  });

  test('is empty when nothing was asked for', async () => {
    const list = aList({ length: 3, isHidden: () => false });
    expect(await siftedPageOf({ after: '', limit: 0 }, 1000, list)).toEqual({ entries: [], more: false });
  });

  test('ends after ten thousand that are hidden, and goes on behind them', async () => {
    const list = aList({ length: 12_000, isHidden: (at) => at < 11_000 });
    const [first, second, ...others] = await walk(list, 2000);
    expect(first).toEqual({ entries: [], more: true, after: '009999' });
    expect([second, others]).toEqual([{ entries: list.visible, more: false }, []]);
  });

  test('ends after a second, where an entry was shown if one was', async () => {
    const list = aList({ length: 40, isHidden: (at) => at !== 2 && at !== 39, lookMs: 100 });
    const [first, second, ...others] = await walk(list, 10);
    expect(first).toEqual({ entries: ['000002'], more: true, after: '000002' });
    expect(second).toEqual({ entries: [], more: true, after: '000012' });
    expect(shown(others)).toEqual(['000039']);
  });
});
