import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { pullsAfter } from '#metadata/pulls.ts';
import type { Sql } from '#metadata/sql.ts';
import { type Pulls, openPulls } from '#retention/pulls.ts';
import { HOUR, NOW, cosignTag, digest } from './facts.ts';
import { type Shelf, openShelf } from './shelf.ts';

let shelf: Shelf;
beforeEach(async () => {
  shelf = await openShelf();
  await shelf.put('app', 'a');
  await shelf.put('app', 'signature', { subject: 'a' });
});
afterEach(() => shelf.close());

function pulls(ignore: string[] = [], metadata: Sql = shelf.metadata): Pulls {
  return openPulls({ metadata, ignore, onError: () => undefined });
}

/** What is written down: tag, and when. */
async function written(): Promise<(string | number)[][]> {
  const rows = await pullsAfter(shelf.metadata, 'app', { tag: '', digest: '' }, 100);
  return rows.map(({ tag, lastAt }) => [tag, lastAt - NOW]);
}

/** A database that counts what is written through it. */
function counting(): { metadata: Sql; count: () => number } {
  let count = 0;
  const metadata: Sql = {
    ...shelf.metadata,
    transaction: (work) =>
      shelf.metadata.transaction((inside) => {
        count += 1;
        return work(inside);
      }),
  };
  return { metadata, count: () => count };
}

describe('pulls', () => {
  test('are remembered by tag and by digest, and written down together', async () => {
    const { metadata, count } = counting();
    const book = pulls([], metadata);
    book.note({ repository: 'app', tag: 'v1', digest: digest('a'), at: NOW + 1 });
    book.note({ repository: 'app', digest: digest('a'), at: NOW + 2 });
    expect(await written()).toEqual([]);
    await book.flush();
    expect(await written()).toEqual([
      ['', 2],
      ['v1', 1],
    ]);
    expect(count()).toBe(1);
  });

  test('of a hot tag cost one write an hour', async () => {
    const { metadata, count } = counting();
    const book = pulls([], metadata);
    for (let minute = 0; minute < 120; minute += 1) {
      book.note({ repository: 'app', tag: 'v1', digest: digest('a'), at: NOW + minute * 60_000 });
      await book.flush();
    }
    expect(await written()).toEqual([['v1', HOUR]]);
    expect(count()).toBe(2);
  });

  test('are written down on close', async () => {
    const book = pulls();
    book.note({ repository: 'app', tag: 'v1', digest: digest('a'), at: NOW });
    await book.close();
    expect(await written()).toEqual([['v1', 0]]);
  });

  test('are written down within thirty seconds, and again when that failed', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      let isBroken = true;
      const metadata: Sql = {
        ...shelf.metadata,
        transaction: (work) => (isBroken ? Promise.reject(new Error('disk full')) : shelf.metadata.transaction(work)),
      };
      const errors: unknown[] = [];
      const book = openPulls({ metadata, ignore: [], onError: (error) => errors.push(error) });
      book.note({ repository: 'app', tag: 'v1', digest: digest('a'), at: NOW });
      await vi.advanceTimersByTimeAsync(29_999);
      expect(errors).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      expect(errors).toEqual([new Error('disk full')]);
      isBroken = false;
      await vi.advanceTimersByTimeAsync(30_000);
      vi.useRealTimers();
      await expect.poll(written).toEqual([['v1', 0]]);
      expect(errors).toHaveLength(1);
    } finally {
      vi.useRealTimers();
    }
  });

  test('never go back in time', async () => {
    for (const at of [NOW + HOUR, NOW]) {
      const book = pulls();
      book.note({ repository: 'app', tag: 'v1', digest: digest('a'), at });
      await book.close();
    }
    expect(await written()).toEqual([['v1', HOUR]]);
  });

  test('that cannot be written stay remembered', async () => {
    let broken = true;
    const metadata: Sql = {
      ...shelf.metadata,
      transaction: (work) => (broken ? Promise.reject(new Error('disk full')) : shelf.metadata.transaction(work)),
    };
    const book = pulls([], metadata);
    book.note({ repository: 'app', tag: 'v1', digest: digest('a'), at: NOW });
    await expect(book.flush()).rejects.toThrow('disk full');
    broken = false;
    await book.flush();
    expect(await written()).toEqual([['v1', 0]]);
  });

  test('of signatures by their digest, and of what is not here, leave no trace', async () => {
    const book = pulls();
    book.note({ repository: 'app', digest: digest('signature'), at: NOW });
    book.note({ repository: 'app', tag: 'v1', digest: digest('unheard of'), at: NOW });
    book.note({ repository: 'app', tag: 'sbom', digest: digest('signature'), at: NOW });
    await book.close();
    expect(await written()).toEqual([['sbom', 0]]);
  });
});

describe('what counts as a pull', () => {
  const viewer = { mayAttach: false, mayPush: false };
  test.each([
    ['a viewer', { name: 'alice', ...viewer }, { tag: 'v1' }, true],
    ['a viewer, by digest', { name: 'alice', ...viewer }, {}, true],
    ['an editor', { name: 'alice', mayAttach: true, mayPush: true }, { tag: 'v1' }, true],
    ['a signer', { name: 'robot+signer', mayAttach: true, mayPush: false }, { tag: 'v1' }, false],
    ['a scanner that is named', { name: 'robot+scanner', ...viewer }, { tag: 'v1' }, false],
    ['a mirror that a pattern names', { name: 'robot+mirror-2', ...viewer }, { tag: 'v1' }, false],
    ['one whose name only begins like that', { name: 'robot+scanner-not', ...viewer }, { tag: 'v1' }, true],
    ['a workload that a pattern with slashes names', { name: 'github:acme/scan:main', ...viewer }, {}, false],
    ["a reader of one of cosign's tags", { name: 'alice', ...viewer }, { tag: cosignTag('a') }, false],
  ])('%s', (_, puller, pull, counts) => {
    expect(pulls(['robot+scanner', 'robot+mirror-*', 'github:acme/**']).countsAsPull(puller, pull)).toBe(counts);
  });
});
