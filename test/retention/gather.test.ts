import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pullsAfter, recordPull } from '#metadata/pulls.ts';
import {
  childrenAfter,
  endedRevisionsAfter,
  indexLossesAfter,
  manifestsAfter,
  sizesAfter,
  tagLossesAfter,
  tagsAfter,
} from '#metadata/retention-facts.ts';
import { removeManifest } from '#registry/removal.ts';
import { endTag } from '#registry/tags.ts';
import { gatherFacts } from '#retention/gather.ts';
import { DAY, NOW, digest } from './facts.ts';
import { PRUNER, type Shelf, openShelf } from './shelf.ts';

const R = 'team-a/app';
let shelf: Shelf;
beforeEach(async () => {
  shelf = await openShelf();
  for (const name of ['a', 'b', 'c']) await shelf.put(R, name, { age: 9 * DAY, layer: 1000 });
  await shelf.put(R, 'one', { age: 8 * DAY, children: ['a', 'b'] });
  await shelf.put(R, 'two', { age: 8 * DAY, children: ['a', 'b'] });
  await shelf.put(R, 'signature', { age: 8 * DAY, subject: 'a' });
  // Names of which one is the beginning of another.
  for (const name of ['v1', 'v1-a', 'v1.1', 'v10']) {
    await shelf.tag(R, name, 'a', 7 * DAY);
    await shelf.tag(R, name, 'b', 6 * DAY);
    await shelf.tag(R, name, 'c', 5 * DAY);
  }
  await shelf.metadata.transaction((inside) =>
    endTag(inside, { repository: R, name: 'v10', why: 'deleted' }, { origin: PRUNER, now: NOW - 4 * DAY }),
  );
  for (const tag of ['', 'v1', 'v1-a']) {
    for (const name of ['a', 'b']) {
      await shelf.metadata.transaction((inside) =>
        recordPull(inside, { repository: R, tag, digest: digest(name), lastAt: NOW }),
      );
    }
  }
  await shelf.put('team-a/app-2', 'other', { children: ['a'] });
  await shelf.tag('team-a/app-2', 'v1', 'other');
});
afterEach(() => shelf.close());

/** Everything, asked for in pages of one. */
async function oneByOne<Row>(ask: (last: Row | undefined) => Promise<Row[]>): Promise<Row[]> {
  const rows: Row[] = [];
  for (let page = await ask(undefined); page.length > 0; page = await ask(rows.at(-1))) rows.push(...page);
  return rows;
}

test('what is read in pages is read whole, and once', async () => {
  const { metadata } = shelf;
  const facts = await gatherFacts(metadata, R, { now: NOW, withSizes: true, verified: undefined });
  expect(await oneByOne<(typeof facts.tags)[number]>((last) => tagsAfter(metadata, R, last?.name ?? '', 1))).toEqual(
    facts.tags,
  );
  expect(
    await oneByOne<(typeof facts.manifests)[number]>((last) => manifestsAfter(metadata, R, last?.digest ?? '', 1)),
  ).toEqual(facts.manifests);
  expect(
    await oneByOne<(typeof facts.children)[number]>((last) =>
      childrenAfter(metadata, R, { child: last?.child ?? '', index: last?.index ?? '' }, 1),
    ),
  ).toEqual(facts.children);
  expect(
    await oneByOne<(typeof facts.revisions)[number]>((last) =>
      endedRevisionsAfter(metadata, R, { tag: last?.tag ?? '', revision: last?.revision ?? 0 }, 1),
    ),
  ).toEqual(facts.revisions);
  expect(
    await oneByOne<(typeof facts.releases)[number]>((last) => tagLossesAfter(metadata, R, last?.digest ?? '', 1)),
  ).toEqual(facts.releases);
  const sizes = await oneByOne<{ digest: string; bytes: number }>((last) =>
    sizesAfter(metadata, R, last?.digest ?? '', 1),
  );
  expect(new Map(sizes.map((row) => [row.digest, row.bytes]))).toEqual(facts.sizes);
  expect(
    await oneByOne<(typeof facts.pulls)[number]>((last) =>
      pullsAfter(metadata, R, { tag: last?.tag ?? '', digest: last?.digest ?? '' }, 1),
    ),
  ).toEqual(facts.pulls);
  expect(
    [facts.tags, facts.manifests, facts.children, facts.revisions, facts.pulls].map((rows) => rows.length),
  ).toEqual([3, 6, 4, 6, 6]);
});

describe('what is read', () => {
  test('of tags is what they point at, and what those that are there pointed at before', async () => {
    const { tags, revisions } = await gatherFacts(shelf.metadata, R, {
      now: NOW,
      withSizes: false,
      verified: undefined,
    });
    expect(tags).toEqual(['v1', 'v1-a', 'v1.1'].map((name) => ({ name, digest: digest('c'), setAt: NOW - 5 * DAY })));
    expect(revisions.filter(({ tag }) => tag === 'v1')).toEqual([
      { tag: 'v1', revision: 1, digest: digest('a'), since: NOW - 7 * DAY, until: NOW - 6 * DAY },
      { tag: 'v1', revision: 2, digest: digest('b'), since: NOW - 6 * DAY, until: NOW - 5 * DAY },
    ]);
    expect(revisions.some(({ tag }) => tag === 'v10')).toBe(false);
  });

  test('of losses is the last: of a tag, or of an index that can be restored', async () => {
    const losses = async (): Promise<Map<string, number>> => {
      const { releases } = await gatherFacts(shelf.metadata, R, { now: NOW, withSizes: false, verified: undefined });
      return new Map(releases.map((row) => [row.digest, (NOW - row.at) / DAY]));
    };
    await shelf.tag(R, 'late', 'a', 3 * DAY);
    await shelf.tag(R, 'late', 'c', 2 * DAY);
    expect(await losses()).toEqual(
      new Map([
        [digest('a'), 2],
        [digest('b'), 5],
        [digest('c'), 4],
      ]),
    );
    await shelf.metadata.transaction((inside) =>
      removeManifest(
        inside,
        { repository: R, digest: digest('one'), why: 'deleted' },
        { origin: PRUNER, now: NOW - 3 * DAY },
      ),
    );
    expect(await indexLossesAfter(shelf.metadata, R, '', 10)).toHaveLength(2);
    expect([...(await losses()).values()].toSorted((one, other) => one - other)).toEqual([2, 3, 4]);
  });

  test('of sizes is the manifest and the blobs it names, and only when asked for', async () => {
    const read = (withSizes: boolean) =>
      gatherFacts(shelf.metadata, R, { now: NOW, withSizes, verified: undefined }).then(({ sizes }) => sizes);
    expect((await read(false)).size).toBe(0);
    expect((await read(true)).get(digest('a'))).toBe(1100);
    expect((await read(true)).get(digest('one'))).toBe(100);
  });
});
