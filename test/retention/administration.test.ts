import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RetentionOperations } from '#api/operations.ts';
import { eventsBefore } from '#metadata/events.ts';
import { insertPlan } from '#metadata/prune-plans.ts';
import { reviewBlob, reviewLink } from '#metadata/reviews.ts';
import { openGate } from '#registry/gate.ts';
import { endTag } from '#registry/tags.ts';
import { openRetentionAdministration } from '#retention/administration.ts';
import { DAY, HOUR, NOW, digest } from './facts.ts';
import { PRUNER, type Shelf, openShelf } from './shelf.ts';

const R = 'team-a/app';

let shelf: Shelf;
let administration: RetentionOperations;
beforeEach(async () => {
  shelf = await openShelf();
  const { metadata, clock } = shelf;
  const pruning = shelf.pruning([{ repositories: '**', keepMostRecent: 1 }]);
  administration = openRetentionAdministration({ metadata, clock, pruning, gate: openGate })(PRUNER);
});
afterEach(() => shelf.close());

/** A tag that pointed at so many manifests, one after the other. */
async function moved(times: number): Promise<void> {
  for (let number = 1; number <= times; number += 1) {
    await shelf.put(R, `image ${number}`, { age: 30 * DAY });
    await shelf.tag(R, 'latest', `image ${number}`, (times - number + 1) * DAY);
  }
}

describe('tags', () => {
  test('have a history in pages, each with where the next begins', async () => {
    await moved(5);
    const first = await administration.tagHistory({ repository: R, tag: 'latest', limit: 2 });
    const second = await administration.tagHistory({ repository: R, tag: 'latest', limit: 2, before: first.next });
    const last = await administration.tagHistory({ repository: R, tag: 'latest', limit: 2, before: second.next });
    const pages = [first, second, last].map((page) => page.revisions.map(({ revision }) => revision));
    expect(pages).toEqual([[5, 4], [3, 2], [1]]);
    expect(last).not.toHaveProperty('next');
    expect(await administration.tagHistory({ repository: R, tag: 'latest', limit: 5 })).not.toHaveProperty('next');
    expect(await administration.tagHistory({ repository: R, tag: 'latest', before: 1 })).toEqual({ revisions: [] });
    expect(second.revisions[0]).toEqual({
      revision: 3,
      digest: digest('image 3'),
      since: new Date(NOW - 3 * DAY).toISOString(),
      setBy: 'tester',
      setWhy: 'push',
      until: new Date(NOW - 2 * DAY).toISOString(),
      endedBy: 'tester',
      endedWhy: 'moved',
    });
  });

  test('that are there are not restored; that are gone are, by whoever asks', async () => {
    await moved(1);
    const restoring = (): Promise<unknown> => administration.restore({ repository: R, tag: 'latest' });
    await expect(restoring()).rejects.toMatchObject({ name: 'RetentionError', reason: 'not-removed' });
    await shelf.metadata.transaction((inside) =>
      endTag(inside, { repository: R, name: 'latest', why: 'deleted' }, { origin: PRUNER, now: NOW }),
    );
    expect(await restoring()).toEqual({
      repository: R,
      digest: digest('image 1'),
      manifests: [],
      tags: ['latest'],
      held: [],
    });
    const [event] = await eventsBefore(shelf.metadata, {}, Number.MAX_SAFE_INTEGER, 1);
    expect(event).toMatchObject({ kind: 'tag.set', ...PRUNER, repository: R, reference: 'latest' });
  });

  test.each([
    [{ tag: '-' }, 'MANIFEST_INVALID'],
    [{ digest: 'sha256:0' }, 'DIGEST_INVALID'],
    [{ tag: 'never' }, 'MANIFEST_UNKNOWN'],
    [{ digest: digest('never') }, 'MANIFEST_UNKNOWN'],
  ])('called %j cannot be restored', async (reference, code) => {
    await expect(administration.restore({ repository: R, ...reference })).rejects.toMatchObject({ code });
  });
});

describe('plans', () => {
  test('are shown in pages, each with where the next begins', async () => {
    for (const name of ['v1', 'v2', 'v3']) {
      await shelf.put(R, name, { age: DAY });
      await shelf.tag(R, name, name, DAY);
    }
    const { id } = await administration.planPruning({});
    const first = await administration.showPlan({ plan: id, limit: 4 });
    expect(first.items.map(({ position }) => position)).toEqual([1, 2, 3, 4]);
    const last = await administration.showPlan({ plan: id, limit: 4, after: first.next });
    expect(last.items.map(({ position }) => position)).toEqual([5, 6]);
    expect(last).not.toHaveProperty('next');
    expect(await administration.showPlan({ plan: id, limit: 6 })).not.toHaveProperty('next');
    const [tag] = first.items;
    expect(tag).toMatchObject({ item: 'tag', tag: 'v1', fate: 'keep', outcome: null });
    expect(tag).not.toHaveProperty('revision');
    expect(last.items[0]).not.toHaveProperty('tag');
  });

  test('that were never completed are shown as what they are', async () => {
    await shelf.metadata.transaction((inside) =>
      insertPlan(inside, { id: 'half', madeAt: NOW, madeBy: 'tester', summary: '{}' }),
    );
    const none = { keep: 0, delete: 0 };
    expect(await administration.listPlans({})).toEqual({
      plans: [
        {
          id: 'half',
          madeAt: new Date(NOW).toISOString(),
          madeBy: 'tester',
          status: 'making',
          goodUntil: new Date(NOW + 7 * DAY).toISOString(),
          confirmedAt: null,
          confirmedBy: null,
          repositories: null,
          planned: 0,
          tags: none,
          revisions: none,
          manifests: none,
          warnings: [],
          stops: [],
        },
      ],
    });
    await expect(administration.confirmPlan({ plan: 'half' })).rejects.toMatchObject({ reason: 'plan-unfinished' });
  });
});

test('of a list with thousands of malformed lines the first hundred are told', async () => {
  const list = `app:v1\n${'<none>\n'.repeat(3000)}`;
  const taken = await administration.importInUse({ list, maxAge: '1h' });
  expect(taken).toMatchObject({ source: 'default', references: 1, malformedLines: 3000 });
  expect(taken.malformed).toHaveLength(100);
  expect(taken.expiresAt).toBe(new Date(NOW + HOUR).toISOString());
  expect(await administration.listInUse({})).toEqual({
    sources: [{ source: 'default', references: 1, expiresAt: taken.expiresAt }],
  });
});

test('collection tells what is due, what waits, and since when', async () => {
  expect(await administration.collectionStatus({})).toEqual({ due: 0, waiting: 0, oldestDueSince: null });
  await shelf.metadata.transaction(async (inside) => {
    await reviewBlob(inside, digest('old'), NOW - DAY);
    await reviewBlob(inside, digest('older'), NOW - 2 * DAY);
    await reviewLink(inside, { repository: R, digest: digest('young'), reviewAfter: NOW + 1 });
  });
  expect(await administration.collectionStatus({})).toEqual({
    due: 2,
    waiting: 1,
    oldestDueSince: new Date(NOW - 2 * DAY).toISOString(),
  });
});
