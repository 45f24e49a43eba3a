import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventsBefore } from '#metadata/events.ts';
import { findManifest } from '#metadata/manifests.ts';
import { recordPull } from '#metadata/pulls.ts';
import { findRemoved } from '#metadata/removed.ts';
import { sql } from '#metadata/sql.ts';
import { revisionsOf } from '#metadata/tag-revisions.ts';
import { tagNames } from '#metadata/tags.ts';
import { openGate } from '#registry/gate.ts';
import { openHistory } from '#registry/restore.ts';
import { endTag } from '#registry/tags.ts';
import { openInUse } from '#retention/in-use.ts';
import type { Pruning } from '#retention/prune.ts';
import { type PruneSchedule, pruneJob } from '#retention/scheduled-prune.ts';
import { DAY, HOUR, NOW, type WrittenRule, cosignTag, digest } from './facts.ts';
import { PRUNER, type Shelf, openShelf } from './shelf.ts';

const R = 'team-a/app';
const OLD = 30 * DAY;
const UNTAGGED: WrittenRule = { repositories: '**', deleteUntaggedAfter: '7d' };
const NEWEST: WrittenRule = { repositories: '**', keepMostRecent: 1 };

let shelf: Shelf;
beforeEach(async () => {
  shelf = await openShelf();
});
afterEach(() => shelf.close());

const tags = (repository = R): Promise<string[]> => tagNames(shelf.metadata, repository, '', 100);
const isHere = async (name: string, repository = R): Promise<boolean> =>
  (await findManifest(shelf.metadata, repository, digest(name))) !== undefined;

async function apply(pruning: Pruning, id: string, overrideBrake = false) {
  return await pruning.apply(id, { origin: PRUNER, overrideBrake });
}

/** Makes a plan, lets a minute pass, does what happens meanwhile, and carries it out. */
async function planAndApply(pruning: Pruning, meanwhile: () => Promise<unknown> = () => Promise.resolve()) {
  const { id } = await pruning.plan({ origin: PRUNER });
  shelf.advance(60_000);
  await meanwhile();
  return await apply(pruning, id);
}

/** The outcome of everything that was to go. */
async function outcomes(pruning: Pruning, id: string): Promise<string[]> {
  const items = await pruning.items(id, { fate: 'delete', after: 0, limit: 100 });
  return items.map(({ item, name, outcome }) => `${item} ${name}: ${outcome}`);
}

const eventKinds = async (): Promise<string[]> =>
  (await eventsBefore(shelf.metadata, { kind: undefined }, Number.MAX_SAFE_INTEGER, 100)).map(({ kind }) => kind);

/** Tags v1 to vN, v1 the oldest, each on a manifest of its own. */
async function daily(count: number, repository = R): Promise<void> {
  for (let number = 1; number <= count; number += 1) {
    await shelf.put(repository, `${repository}-${number}`, { age: OLD });
    await shelf.tag(repository, `v${number}`, `${repository}-${number}`, (count - number + 1) * DAY);
  }
}

describe('a plan', () => {
  test('has every item with its fate and reason, and deletes nothing', async () => {
    await daily(2);
    await shelf.put(R, 'lost', { age: OLD });
    const pruning = shelf.pruning([{ ...UNTAGGED, ...NEWEST }]);
    const { id, ...plan } = await pruning.plan({ origin: PRUNER });
    expect(plan).toEqual({
      madeAt: NOW,
      madeBy: 'tester',
      status: 'planned',
      confirmedAt: null,
      confirmedBy: null,
      summary: {
        repositories: null,
        planned: 1,
        tags: { keep: 1, delete: 1 },
        revisions: { keep: 0, delete: 0 },
        manifests: { keep: 2, delete: 1 },
        warnings: [],
        stops: [],
      },
    });
    const items = await pruning.items(id, { after: 0, limit: 100 });
    expect(items.map(({ position, item, name, fate }) => `${position} ${item} ${name} ${fate}`)).toEqual([
      '1 tag v1 delete',
      '2 tag v2 keep',
      '3 manifest  keep',
      '4 manifest  keep',
      '5 manifest  delete',
    ]);
    expect(items[0]).toEqual({
      position: 1,
      repository: R,
      item: 'tag',
      name: 'v1',
      revision: 0,
      digest: digest(`${R}-1`),
      fate: 'delete',
      reason: 'rule 1 (**): not held by keepMostRecent 1 by pushed, set 2026-05-30T12:00Z, never pulled',
      outcome: null,
    });
    expect(await tags()).toEqual(['v1', 'v2']);
    expect(await isHere('lost')).toBe(true);
  });

  test('takes a manifest that was pushed again for as young as that push', async () => {
    await shelf.put(R, 'lost', { age: OLD });
    await shelf.put(R, 'found', { age: OLD });
    await shelf.put(R, 'found', { age: 6 * DAY });
    const pruning = shelf.pruning([UNTAGGED]);
    const { id } = await pruning.plan({ origin: PRUNER });
    const items = await pruning.items(id, { fate: 'delete', after: 0, limit: 100 });
    expect(items.map((item) => item.digest)).toEqual([digest('lost')]);
  });

  test('looks at the repositories it is limited to, and at those a rule speaks of', async () => {
    for (const repository of ['team-a/app', 'team-b/app', 'other']) await daily(2, repository);
    const pruning = shelf.pruning([
      { ...NEWEST, repositories: 'team-*/**' },
      { ...NEWEST, repositories: 'none' },
    ]);
    const all = await pruning.plan({ origin: PRUNER });
    expect(all.summary).toMatchObject({
      planned: 2,
      tags: { delete: 2 },
      warnings: ['rule 2 (none) fits no repository'],
    });
    const some = await pruning.plan({ origin: PRUNER, repositories: ['none', 'team-b/*'] });
    expect(some.summary).toMatchObject({ planned: 1, tags: { delete: 1 }, warnings: [] });
    const items = await pruning.items(some.id, { after: 0, limit: 100 });
    expect(new Set(items.map(({ repository }) => repository))).toEqual(new Set(['team-b/app']));
    const filter = { repository: 'team-b/app', fate: 'delete', after: 0, limit: 100 } as const;
    expect(await pruning.items(all.id, filter)).toHaveLength(1);
    expect(await pruning.items(all.id, { ...filter, repository: 'other' })).toEqual([]);
  });

  test('is not made for what is no pattern', async () => {
    const pruning = shelf.pruning([NEWEST]);
    const wrong = pruning.plan({ origin: PRUNER, repositories: ['team-[ab]'] });
    await expect(wrong).rejects.toMatchObject({ reason: 'pattern-invalid' });
    expect(await pruning.list(10)).toEqual([]);
  });

  test('knows the size of images when a rule asks for it', async () => {
    await shelf.put(R, 'amd', { age: OLD, layer: 2 ** 20 });
    await shelf.put(R, 'index', { age: OLD, children: ['amd'] });
    await shelf.put(R, 'small', { age: OLD, layer: 5 });
    for (const name of ['index', 'small']) await shelf.tag(R, name, name, DAY);
    const report = await planAndApply(shelf.pruning([{ repositories: '**', overSizeLimit: '1MiB' }]));
    expect(report.tags).toBe(1);
    expect(await tags()).toEqual(['small']);
  });

  test('goes by the verdicts it is given', async () => {
    await daily(3);
    const verifiedIn = () => Promise.resolve(new Set([digest(`${R}-2`)]));
    await planAndApply(shelf.pruning([{ repositories: '**', keepSigned: true }], { verifiedIn }));
    expect(await tags()).toEqual(['v2']);
  });

  test('writes down the pulls that are remembered first', async () => {
    await daily(2);
    const flushPulls = () =>
      recordInside({ repository: R, tag: 'v1', digest: digest(`${R}-1`), lastAt: shelf.clock() });
    const rule: WrittenRule = { repositories: '**', keepPulledWithin: '1h' };
    const { summary } = await shelf.pruning([rule], { flushPulls }).plan({ origin: PRUNER });
    expect(summary.tags).toEqual({ keep: 1, delete: 1 });
  });

  test('is kept with the nine before it', async () => {
    const pruning = shelf.pruning([NEWEST]);
    const ids: string[] = [];
    for (let count = 0; count < 12; count += 1) {
      shelf.advance(1000);
      ids.push((await pruning.plan({ origin: PRUNER })).id);
    }
    expect((await pruning.list(100)).map(({ id }) => id)).toEqual(ids.slice(2).toReversed());
    await expect(pruning.find(ids[0] ?? '')).rejects.toMatchObject({ reason: 'plan-unknown' });
  });
});

const recordInside = (pull: Parameters<typeof recordPull>[1]) =>
  shelf.metadata.transaction((inside) => recordPull(inside, pull));

describe('carrying a plan out', () => {
  test('removes what it names, in one act that can be undone', async () => {
    await shelf.put(R, 'amd', { age: OLD });
    await shelf.put(R, 'index', { age: OLD, children: ['amd'] });
    await shelf.put(R, 'signature', { age: OLD, subject: 'index' });
    await shelf.put(R, 'cosign', { age: OLD });
    await shelf.tag(R, cosignTag('amd'), 'cosign', OLD);
    const pruning = shelf.pruning([UNTAGGED]);
    const { id } = await pruning.plan({ origin: PRUNER });
    expect(await apply(pruning, id)).toEqual({
      plan: id,
      stops: [],
      tags: 1,
      revisions: 0,
      manifests: 4,
      skipped: 0,
      gone: 0,
    });
    for (const name of ['amd', 'index', 'signature', 'cosign']) {
      expect(await findRemoved(shelf.metadata, R, digest(name))).toMatchObject({
        removal: id,
        removedWhy: 'pruned',
        removedBy: 'tester',
      });
    }
    expect(await pruning.find(id)).toMatchObject({ status: 'done', confirmedBy: 'tester', confirmedAt: NOW });
    await history().restore(R, { digest: digest('index') }, PRUNER);
    for (const name of ['amd', 'index', 'signature', 'cosign']) expect(await isHere(name)).toBe(true);
    expect(await tags()).toEqual([cosignTag('amd')]);
  });

  test('a pruned tag can be restored', async () => {
    await daily(2);
    await planAndApply(shelf.pruning([NEWEST]));
    expect(await tags()).toEqual(['v2']);
    await history().restore(R, { tag: 'v1' }, PRUNER);
    expect(await tags()).toEqual(['v1', 'v2']);
  });

  test('leaves a trail', async () => {
    await daily(2);
    const { plan } = await planAndApply(shelf.pruning([NEWEST]));
    const [done, taken] = await eventsBefore(shelf.metadata, {}, Number.MAX_SAFE_INTEGER, 2);
    expect(done).toMatchObject({ kind: 'prune.done', actor: 'tester', reference: plan });
    expect(JSON.parse(done?.detail ?? '')).toMatchObject({ plan, tags: 1, manifests: 0 });
    expect(taken).toMatchObject({ kind: 'tag.delete', reference: 'v1', detail: '{"why":"pruned"}' });
  });

  test('removes revisions, never what a tag points at', async () => {
    for (const name of ['a', 'b', 'c']) await shelf.put(R, name, { age: OLD });
    for (const [name, age] of [
      ['a', 30],
      ['b', 20],
      ['c', 10],
    ] as const)
      await shelf.tag(R, 'v1', name, age * DAY);
    const report = await planAndApply(shelf.pruning([{ ...UNTAGGED, keepTagRevisions: 2 }]));
    expect(report).toMatchObject({ tags: 0, revisions: 1, manifests: 1 });
    expect((await revisionsOf(shelf.metadata, R, 'v1')).map(({ revision }) => revision)).toEqual([3, 2]);
    expect([await isHere('a'), await isHere('b'), await isHere('c')]).toEqual([false, true, true]);
  });

  test('a manifest whose tag was pruned follows when its time has come, and no sooner', async () => {
    await daily(2);
    const pruning = shelf.pruning([{ ...UNTAGGED, ...NEWEST }]);
    await planAndApply(pruning);
    shelf.advance(7 * DAY - 120_000);
    expect((await planAndApply(pruning)).manifests).toBe(0);
    shelf.advance(HOUR);
    expect((await planAndApply(pruning)).manifests).toBe(1);
    expect(await isHere(`${R}-1`)).toBe(false);
  });

  test('goes on where it was interrupted', async () => {
    await daily(150);
    const pruning = shelf.pruning([NEWEST]);
    const { id } = await pruning.plan({ origin: PRUNER });
    const abort = new AbortController();
    await expect(
      pruning.apply(id, {
        origin: PRUNER,
        overrideBrake: false,
        signal: abort.signal,
        onProgress: () => abort.abort(),
      }),
    ).rejects.toThrow(/abort/);
    const left = await tags();
    expect(left).toHaveLength(50);
    expect((await pruning.find(id)).status).toBe('planned');
    expect((await apply(pruning, id)).tags).toBe(49);
    expect(await tags()).toEqual(['v150']);
  });

  test('is refused for what is no plan any more', async () => {
    await daily(2);
    const pruning = shelf.pruning([NEWEST]);
    await expect(apply(pruning, 'nonesuch')).rejects.toMatchObject({ reason: 'plan-unknown' });
    const { id } = await pruning.plan({ origin: PRUNER });
    const old = await pruning.plan({ origin: PRUNER });
    await apply(pruning, id);
    await expect(apply(pruning, id)).rejects.toMatchObject({ reason: 'plan-done' });
    shelf.advance(7 * DAY + 1);
    await expect(apply(pruning, old.id)).rejects.toMatchObject({ reason: 'plan-outdated' });
  });
});

const history = () => openHistory({ ...shelf, gate: openGate });

describe('what changed since the plan was made is skipped', () => {
  const skips = async (rule: WrittenRule, meanwhile: () => Promise<unknown>): Promise<string[]> => {
    const pruning = shelf.pruning([rule]);
    const { plan } = await planAndApply(pruning, meanwhile);
    return await outcomes(pruning, plan);
  };

  test.each<[string, () => Promise<unknown>, string]>([
    ['set again, to the same manifest', () => shelf.tag(R, 'v1', `${R}-1`), 'skipped: the tag was set since'],
    ['set to another', () => shelf.tag(R, 'v1', `${R}-2`), 'skipped: the tag was set since'],
    ['pulled by its name', () => pulled('v1', `${R}-1`), 'skipped: it was pulled since'],
    ['pulled by its digest', () => pulled('', `${R}-1`), 'skipped: it was pulled since'],
    ['in use by its name', () => run(`${R}:v1`), 'skipped: it is in use'],
    ['in use by its digest', () => run(`${R}@${digest(`${R}-1`)}`), 'skipped: it is in use'],
    ['deleted', () => untag('v1'), 'was gone already'],
    ['pulled by the name of another', () => pulled('v2', `${R}-2`), 'deleted'],
  ])('a tag that was %s', async (_, meanwhile, outcome) => {
    await daily(2);
    expect(await skips(NEWEST, meanwhile)).toEqual([`tag v1: ${outcome}`]);
    expect(await isHere(`${R}-1`)).toBe(true);
  });

  test('a pull before the plan was made is no change', async () => {
    await daily(2);
    await pulled('v1', `${R}-1`);
    shelf.advance(1);
    expect(await skips(NEWEST, () => Promise.resolve())).toEqual(['tag v1: deleted']);
  });

  test.each<[string, () => Promise<unknown>, string]>([
    ['tagged', () => shelf.tag(R, 'v9', 'lost'), 'skipped: tag v9 points at it'],
    ['pushed again', () => shelf.put(R, 'lost'), 'skipped: it was pushed since'],
    [
      'tagged, and untagged again',
      () => shelf.tag(R, 'v9', 'lost').then(() => untag('v9')),
      'skipped: it was tagged since',
    ],
    ['named by an index', () => shelf.put(R, 'index', { children: ['lost'] }), `skipped: ${digest('index')} names it`],
    ['pulled', () => pulled('', 'lost'), 'skipped: it was pulled since'],
    ['in use', () => run(`${R}@${digest('lost')}`), 'skipped: it is in use'],
  ])('a manifest that was %s', async (_, meanwhile, outcome) => {
    await shelf.put(R, 'lost', { age: OLD });
    expect(await skips(UNTAGGED, meanwhile)).toEqual([`manifest : ${outcome}`]);
    expect(await isHere('lost')).toBe(true);
  });

  test('and with a manifest everything that hangs on it: children, referrers, signatures', async () => {
    await shelf.put(R, 'amd', { age: OLD });
    await shelf.put(R, 'index', { age: OLD, children: ['amd'] });
    await shelf.put(R, 'attestation', { age: OLD, subject: 'amd' });
    await shelf.put(R, 'cosign', { age: OLD });
    await shelf.tag(R, cosignTag('index'), 'cosign', OLD);
    expect(await skips(UNTAGGED, () => shelf.tag(R, 'v1', 'index'))).toEqual([
      'manifest : skipped: tag v1 points at it',
      `tag ${cosignTag('index')}: skipped: what it belongs to is still here`,
      `manifest : skipped: tag ${cosignTag('index')} points at it`,
      `manifest : skipped: ${digest('index')} names it`,
      'manifest : skipped: what it belongs to is still here',
    ]);
    expect(await tags()).toEqual([cosignTag('index'), 'v1']);
  });

  test('a revision that was rolled back to goes, for the tag has a newer one', async () => {
    for (const name of ['a', 'b']) await shelf.put(R, name, { age: OLD });
    for (const [name, age] of [
      ['a', 30],
      ['b', 20],
    ] as const)
      await shelf.tag(R, 'v1', name, age * DAY);
    const rule: WrittenRule = { repositories: '**', keepTagRevisions: 1 };
    const rollBack = () => history().rollBack({ repository: R, name: 'v1', revision: 1 }, PRUNER);
    expect(await skips(rule, rollBack)).toEqual(['revision v1: deleted']);
    expect((await revisionsOf(shelf.metadata, R, 'v1')).map(({ digest: of }) => of)).toEqual([
      digest('a'),
      digest('b'),
    ]);
  });

  test('a revision of a tag that went stays, to restore it from', async () => {
    for (const name of ['a', 'b']) await shelf.put(R, name, { age: OLD });
    for (const [name, age] of [
      ['a', 30],
      ['b', 20],
    ] as const)
      await shelf.tag(R, 'v1', name, age * DAY);
    const rule: WrittenRule = { repositories: '**', keepTagRevisions: 1 };
    expect(await skips(rule, () => untag('v1'))).toEqual(['revision v1: skipped: its tag went since']);
  });

  const pulled = (tag: string, name: string): Promise<void> =>
    recordInside({ repository: R, tag, digest: digest(name), lastAt: shelf.clock() });
  const run = (reference: string): Promise<unknown> =>
    openInUse(shelf).importList(reference, { source: 'prod', origin: PRUNER });
  const untag = (name: string): Promise<unknown> =>
    shelf.metadata.transaction((inside) =>
      endTag(inside, { repository: R, name, why: 'deleted' }, { origin: PRUNER, now: shelf.clock() }),
    );
});

describe('the brake', () => {
  test('stops what would take too large a share of a repository, and passes when told to', async () => {
    await daily(3);
    await daily(50, 'big');
    const pruning = shelf.pruning([{ ...NEWEST, repositories: 'team-a/**' }], { maxShare: 0.5 });
    const { id, summary } = await pruning.plan({ origin: PRUNER });
    const stop = {
      repository: R,
      tags: 3,
      deletedTags: 2,
      reason: `it would take 2 of 3 tags, 66.67%, more than 50%, of ${R}`,
    };
    expect(summary.stops).toEqual([stop]);
    expect(await apply(pruning, id)).toMatchObject({ stops: [stop], tags: 0 });
    expect(await tags()).toHaveLength(3);
    expect((await pruning.find(id)).status).toBe('stopped');
    expect((await eventKinds())[0]).toBe('prune.stopped');
    expect(await apply(pruning, id, true)).toMatchObject({ stops: [], tags: 2 });
  });

  test('lets the very share pass', async () => {
    await daily(2);
    await daily(50, 'big');
    const pruning = shelf.pruning([{ ...NEWEST, repositories: 'team-a/**' }], { maxShare: 0.5 });
    expect(await planAndApply(pruning)).toMatchObject({ stops: [], tags: 1 });
  });

  test('stops what would take too large a share of the registry', async () => {
    await daily(4, 'one');
    await daily(4, 'two');
    const rule: WrittenRule = { repositories: '**', keepMostRecent: 2 };
    expect((await planAndApply(shelf.pruning([rule], { maxShare: 0.5 }))).stops).toEqual([]);
    shelf.advance(1000);
    await daily(4, 'one');
    await daily(4, 'two');
    const { stops } = await planAndApply(shelf.pruning([rule], { maxShare: 0.4 }));
    expect(stops.map(({ repository }) => repository)).toEqual(['one', 'two', null]);
  });

  test('never lets a repository be emptied, whatever the share', async () => {
    await daily(2);
    await shelf.put(R, 'sig', { age: OLD });
    await shelf.tag(R, cosignTag(`${R}-1`), 'sig', OLD);
    await daily(2, 'other');
    const rule: WrittenRule = { repositories: R, keepYoungerThan: '1h' };
    const { stops } = await planAndApply(shelf.pruning([rule]));
    expect(stops.map(({ reason }) => reason)).toEqual([`it would take every one of the 2 tags of ${R}`]);
    expect(await tags()).toHaveLength(3);
  });

  test('measures against the tags there are when the plan is carried out', async () => {
    await daily(4);
    await daily(9, 'other');
    const pruning = shelf.pruning([{ repositories: R, keepMostRecent: 3 }], { maxShare: 0.5 });
    const { stops } = await planAndApply(pruning, async () => {
      for (const name of ['v2', 'v3', 'v4']) {
        await shelf.metadata.transaction((inside) =>
          endTag(inside, { repository: R, name, why: 'deleted' }, { origin: PRUNER, now: shelf.clock() }),
        );
      }
    });
    expect(stops.map(({ reason }) => reason)).toEqual([`it would take every one of the 1 tags of ${R}`]);
    expect(await tags()).toEqual(['v1']);
  });

  test('has nothing to say of manifests without a tag', async () => {
    await shelf.put(R, 'lost', { age: OLD });
    expect(await planAndApply(shelf.pruning([UNTAGGED], { maxShare: 0 }))).toMatchObject({ stops: [], manifests: 1 });
  });
});

describe('the schedule', () => {
  const options: PruneSchedule = {
    schedule: '0 3 * * *',
    timeZone: 'UTC',
    suspend: false,
    startDeadline: HOUR,
    rules: [NEWEST],
  };
  const tick = (change: Partial<PruneSchedule> = {}, maxShare = 1): Promise<string> => {
    const pruning = shelf.pruning([NEWEST], { maxShare });
    const job = pruneJob({ metadata: shelf.metadata, clock: shelf.clock, pruning, options: { ...options, ...change } });
    return job.run(new AbortController().signal);
  };
  const isDue = (): Promise<boolean> =>
    pruneJob({ metadata: shelf.metadata, clock: shelf.clock, pruning: shelf.pruning([]), options }).due();
  /** The clock stands at noon: three o'clock is in fifteen hours. */
  const toThree = (beyond = 0): void => shelf.advance(15 * HOUR + beyond);
  const IDLE = 'no pruning is due';

  test('runs when its time has come, once, however many look', async () => {
    await daily(2);
    expect(await tick()).toBe(IDLE);
    toThree(-1000);
    expect(await tick()).toBe(IDLE);
    shelf.advance(1000);
    expect(await tick()).toMatch(/^plan \w+ of 2026-06-02T03:00Z: 1 tags, 0 revisions, 0 manifests pruned, 0 skipped$/);
    expect(await tick()).toBe(IDLE);
    shelf.advance(60_000);
    expect(await tick()).toBe(IDLE);
    expect(await tags()).toEqual(['v2']);
    expect((await eventsBefore(shelf.metadata, {}, Number.MAX_SAFE_INTEGER, 1))[0]?.actor).toBe('system:pruner');
  });

  test('is due as long as there is something to do, and finding that out changes nothing', async () => {
    expect([await isDue(), await isDue()]).toEqual([true, true]);
    await tick();
    expect(await isDue()).toBe(false);
    toThree();
    expect([await isDue(), await isDue()]).toEqual([true, true]);
    await tick();
    expect(await isDue()).toBe(false);
  });

  test('is started by one of several nodes that look at once', async () => {
    await daily(2);
    await tick();
    toThree();
    const said = await Promise.all([tick(), tick(), tick()]);
    expect(said.filter((text) => text !== IDLE)).toHaveLength(1);
  });

  test('makes up for a start that was missed, within its deadline', async () => {
    await daily(2);
    await tick();
    toThree(59 * 60_000);
    expect(await tick()).toContain('1 tags');
    shelf.advance(23 * HOUR + 60_000 + HOUR);
    expect(await tick()).toBe(IDLE);
    expect(await tick({ startDeadline: 2 * HOUR })).toContain('of 2026-06-03T03:00Z: 0 tags');
  });

  test('makes up for nothing from before anybody looked', async () => {
    await daily(2);
    toThree(60_000);
    expect(await tick()).toBe(IDLE);
    expect(await tick()).toBe(IDLE);
  });

  test('that is suspended, or has no rule, deletes nothing and is not made up for', async () => {
    await daily(2);
    await tick();
    toThree();
    expect(await tick({ suspend: true })).toBe('pruning is suspended');
    expect(await tick()).toBe(IDLE);
    shelf.advance(24 * HOUR);
    expect(await tick({ rules: [] })).toBe('pruning is off: there is no rule');
    expect(await tick()).toBe(IDLE);
    expect(await tags()).toEqual(['v1', 'v2']);
  });

  test('goes by the clocks of its time zone', async () => {
    await daily(2);
    await tick();
    shelf.advance(13 * HOUR);
    expect(await tick()).toBe(IDLE);
    expect(await tick({ timeZone: 'Europe/Berlin' })).toContain('1 tags');
  });

  test('stops at the brake, and says so in the trail', async () => {
    await daily(4);
    await tick();
    toThree();
    expect(await tick({}, 0.5)).toMatch(/^plan \w+ of .*Z stopped: it would take 3 of 4 tags, 75%, more than 50%, of/);
    expect(await tags()).toHaveLength(4);
    const [event] = await eventsBefore(shelf.metadata, {}, Number.MAX_SAFE_INTEGER, 1);
    expect(event).toMatchObject({ kind: 'prune.stopped', outcome: 'refused', actor: 'system:pruner' });
  });

  test('forgets the pulls of what is gone for good', async () => {
    await daily(2);
    await recordInside({ repository: R, tag: 'v2', digest: digest(`${R}-2`), lastAt: NOW });
    await shelf.put(R, 'gone', { age: OLD });
    await recordInside({ repository: R, tag: '', digest: digest('gone'), lastAt: NOW });
    await shelf.metadata.transaction((inside) =>
      inside.all(sql`delete from manifests where digest = ${digest('gone')}`),
    );
    await tick();
    toThree();
    await tick();
    const rows = await shelf.metadata.all<{ tag: string }>(sql`select tag from pulls`);
    expect(rows).toEqual([{ tag: 'v2' }]);
  });
});
