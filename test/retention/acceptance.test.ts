import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pullsAfter } from '#metadata/pulls.ts';
import { sql } from '#metadata/sql.ts';
import type { Digest } from '#oci/digest.ts';
import { collect } from '#retention/collect.ts';
import { type PruneContext, openPruning } from '#retention/prune.ts';
import { openPulls } from '#retention/pulls.ts';
import { DAY, HOUR, type Playground, aPlayground, aReferrer, pushOf } from '#test/support/history.ts';
import { type TestManifest, aManifest, anIndex } from '#test/support/images.ts';
import { ORIGIN, type Rooms, bodyOf, keysOf, openRooms } from '#test/support/rooms.ts';
import { type WrittenRule, ruleOptions } from './facts.ts';

/*
 * What other registries got wrong, by its number in our list of their bugs. 1, pushing while bytes are given back, is
 * test/stress; 10 to 15 are not about retention.
 */
let rooms: Rooms;
let here: Playground;
beforeEach(async () => {
  rooms = await openRooms();
  here = aPlayground(rooms);
});
afterEach(() => rooms.close());

const R = 'team/app';
const remove = (digest: Digest) => rooms.registry.manifests.remove(R, { digest }, ORIGIN);
const tags = async () => (await rooms.registry.listings.tags(R, { after: '', limit: 100 }, 'outsider')).entries;
const whole = async (...images: TestManifest[]) =>
  await Promise.all(images.map((image) => here.isWhole(R, image).catch(() => false)));
const cosignTag = ({ digest }: TestManifest, suffix = 'sig') => `${digest.replace(':', '-')}.${suffix}`;

async function prune(rules: WrittenRule[], context: Partial<PruneContext> = {}) {
  const { metadata, context: surroundings } = rooms;
  const { clock } = surroundings;
  const pruning = openPruning({ metadata, clock, rules: ruleOptions(...rules), maxShare: 1, ...context });
  const plan = await pruning.plan({ origin: ORIGIN });
  const report = await pruning.apply(plan.id, { origin: ORIGIN, overrideBrake: false });
  return {
    ...report,
    warnings: plan.summary.warnings,
    items: await pruning.items(plan.id, { after: 0, limit: 100 }),
  };
}

async function untilAllDeadIsGone(): Promise<void> {
  for (let round = 0; round < 4; round += 1) {
    rooms.advance(10 * DAY);
    await here.collect();
  }
}

describe('acceptance 2: a blob that is asked for between marking and deleting', () => {
  it.each([
    [HOUR / 4, 201],
    [2 * HOUR, 404],
  ])('%d ms after it was pushed: HEAD and the PUT that follows agree', async (age, expected) => {
    const image = aManifest();
    for (const { digest, bytes } of image.blobs) await rooms.registry.uploads.push(R, digest, bodyOf(bytes));
    rooms.advance(age);
    await here.collect();
    const asked = image.blobs.map(({ digest }) => rooms.registry.blobs.find(R, digest, 'outsider'));
    const answers = await Promise.allSettled(asked);
    expect(answers.every(({ status }) => status === (expected === 201 ? 'fulfilled' : 'rejected'))).toBe(true);
    rooms.advance(HOUR / 2);
    await here.collect();
    const put = rooms.registry.manifests.push(pushOf(R, image, 'v1'));
    expect((await Promise.allSettled([put]))[0]?.status).toBe(expected === 201 ? 'fulfilled' : 'rejected');
    expect(await whole(image)).toEqual([expected === 201]);
  });
});

describe('acceptance 3: the identical image again after it was collected', () => {
  it('is really uploaded and pulled, whatever was remembered of it', async () => {
    const image = await here.pushNew(R, 'v1');
    expect(await whole(image)).toEqual([true]);
    await remove(image.digest);
    await untilAllDeadIsGone();
    expect(await keysOf(rooms, 'blobs/')).toEqual([]);
    await here.push(R, image, 'v1');
    expect(await keysOf(rooms, 'blobs/')).toHaveLength(4);
    expect(await whole(image)).toEqual([true]);
  });
});

describe('acceptance 4: indexes, nested, with shared and with tagged children', () => {
  const build = async () => {
    const [one, shared, tagged, inner] = [aManifest(), aManifest(), aManifest(), aManifest()];
    for (const child of [one, shared, inner]) await here.push(R, child);
    await here.push(R, tagged, 'tagged-child');
    const nested = await here.push(R, anIndex([inner]));
    const old = await here.push(R, anIndex([one, shared, tagged]), 'old');
    rooms.advance(1000);
    const kept = await here.push(R, anIndex([shared, nested]), 'kept');
    return { old, kept, one, shared, tagged, nested, inner };
  };

  it('by tag: every pull of what is left works', async () => {
    const { old, kept, one, shared, tagged, nested, inner } = await build();
    rooms.advance(2 * DAY);
    await prune([
      { repositories: R, tags: '{old,kept}', keepMostRecent: 1 },
      { repositories: R, deleteUntaggedAfter: '1h' },
    ]);
    rooms.advance(2 * DAY);
    await prune([{ repositories: R, deleteUntaggedAfter: '1h' }]);
    await untilAllDeadIsGone();
    expect(await tags()).toEqual(['kept', 'tagged-child']);
    expect(await whole(kept, shared, nested, inner, tagged)).toEqual([true, true, true, true, true]);
    expect(await whole(old, one)).toEqual([false, false]);
  });

  it('by "untagged": children count as led to, at any depth', async () => {
    const images = Object.values(await build());
    rooms.advance(30 * DAY);
    expect(await prune([{ repositories: R, deleteUntaggedAfter: '1h' }])).toMatchObject({ manifests: 0, tags: 0 });
    await untilAllDeadIsGone();
    expect(await whole(...images)).toEqual(images.map(() => true));
  });
});

describe('acceptance 5: signatures of every kind', () => {
  const sign = async (image: TestManifest) => {
    const bundle = await here.push(R, aReferrer(image));
    const ofIt = await here.push(R, aReferrer(bundle));
    const tagged: TestManifest[] = [];
    for (const suffix of ['sig', 'att', 'sbom']) tagged.push(await here.pushNew(R, cosignTag(image, suffix)));
    return [bundle, ofIt, ...tagged];
  };
  const rules: WrittenRule[] = [
    { repositories: R, keepMostRecent: 1 },
    { repositories: R, deleteUntaggedAfter: '1h' },
  ];

  it('are not counted, live with what they belong to, and go after it', async () => {
    const old = await here.pushNew(R, 'v1');
    const oldSignatures = await sign(old);
    rooms.advance(HOUR);
    const image = await here.pushNew(R, 'v2');
    const signatures = await sign(image);
    rooms.advance(2 * DAY);
    // Six signatures were set after v2, and v2 is the most recent all the same.
    expect(await prune(rules)).toMatchObject({ tags: 1 });
    expect(await tags()).toContain('v2');
    rooms.advance(2 * DAY);
    await prune(rules);
    await untilAllDeadIsGone();
    expect(await whole(image, ...signatures)).toEqual([image, ...signatures].map(() => true));
    expect(await whole(old, ...oldSignatures)).toEqual([old, ...oldSignatures].map(() => false));
  });

  it('pushed before the image survive until it comes', async () => {
    const image = aManifest();
    const signature = await here.push(R, aReferrer(image));
    const legacy = await here.pushNew(R, cosignTag(image));
    rooms.advance(23 * HOUR);
    await prune(rules);
    await here.collect();
    await here.push(R, image, 'v1');
    await untilAllDeadIsGone();
    expect(await whole(image, signature, legacy)).toEqual([true, true, true]);
  });
});

describe('acceptance 6: a pattern that matches nothing', () => {
  it.each<[string, WrittenRule]>([
    ['of repositories', { repositories: 'nobody/**', keepMostRecent: 1 }],
    ['of tags', { repositories: R, tags: 'release-*', keepMostRecent: 1 }],
  ])('%s prunes nothing, and is warned of', async (_, rule) => {
    const images = [await here.pushNew(R, 'v1'), await here.pushNew(R, 'v2')];
    rooms.advance(30 * DAY);
    const report = await prune([rule]);
    expect(report).toMatchObject({ tags: 0, manifests: 0, warnings: [expect.any(String)] });
    expect(await whole(...images)).toEqual([true, true]);
  });

  it('of what to keep stops at the brake: no repository is emptied', async () => {
    await here.pushNew(R, 'v1');
    await here.pushNew(R, 'v2');
    rooms.advance(30 * DAY);
    const rule: WrittenRule = { repositories: R, keepYoungerThan: '1h', keepTags: ['release-*'] };
    expect((await prune([rule])).stops).not.toEqual([]);
    expect(await tags()).toEqual(['v1', 'v2']);
  });
});

describe('acceptance 7: "pulled within" and what nobody has pulled yet', () => {
  it('keeps what is fresh, and prunes what is old', async () => {
    await here.pushNew(R, 'old');
    rooms.advance(40 * DAY);
    await here.pushNew(R, 'fresh');
    await prune([{ repositories: R, keepPulledWithin: '30d' }]);
    expect(await tags()).toEqual(['fresh']);
  });
});

describe('acceptance 8: tagging again', () => {
  it('makes the tag young', async () => {
    const image = await here.pushNew(R, 'again');
    await here.pushNew(R, 'old');
    rooms.advance(10 * DAY);
    await here.push(R, image, 'again');
    await prune([{ repositories: R, keepYoungerThan: '1d' }]);
    expect(await tags()).toEqual(['again']);
  });

  it('a digest with one protected tag survives whatever other tags match', async () => {
    const image = await here.pushNew(R, 'release');
    await here.push(R, image, 'nightly');
    rooms.advance(10 * DAY);
    const rules: WrittenRule[] = [
      { repositories: R, tags: 'nightly', keepYoungerThan: '1d' },
      { repositories: R, deleteUntaggedAfter: '1h' },
    ];
    await prune(rules);
    rooms.advance(10 * DAY);
    await prune(rules);
    await untilAllDeadIsGone();
    expect(await tags()).toEqual(['release']);
    expect(await whole(image)).toEqual([true]);
  });
});

describe('acceptance 9: scanners, signers and mirrors', () => {
  it('keep nothing by reading it; a person does', async () => {
    const { metadata, context } = rooms;
    const book = openPulls({ metadata, ignore: ['robot+scanner', 'robot+mirror-*'], onError: () => undefined });
    const pullers = { scanned: 'robot+scanner', mirrored: 'robot+mirror-1', signed: 'robot+signer', used: 'alice' };
    const images = new Map<string, TestManifest>();
    for (const tag of Object.keys(pullers)) images.set(tag, await here.pushNew(R, tag));
    rooms.advance(20 * DAY);
    for (const [tag, name] of Object.entries(pullers)) {
      const digest = images.get(tag)?.digest;
      if (digest === undefined || !book.countsAsPull({ name, mayAttach: tag === 'signed', mayPush: false }, { tag }))
        continue;
      book.note({ repository: R, tag, digest, at: context.clock() });
    }
    await book.close();
    expect(await pullsAfter(metadata, R, { tag: '', digest: '' }, 10)).toHaveLength(1);
    await prune([{ repositories: R, keepPulledWithin: '7d' }]);
    expect(await tags()).toEqual(['used']);
  });
});

describe('acceptance 16: ten thousand repositories and a hundred thousand tags', () => {
  it('are listed a page at a time, from anywhere (how fast: scripts/bench --only listing)', async () => {
    const image = await here.pushNew(R, 'first');
    await rooms.metadata.transaction(async (inside) => {
      await inside.all(sql`
        with recursive n (i) as (select 1 union all select i + 1 from n where i < 100000)
        insert into tags (repository, name, digest, updated_at, updated_by)
        select ${R}, 'tag-' || (1000000 + i), ${image.digest}, 1, 'tester' from n`);
      await inside.all(sql`
        with recursive n (i) as (select 1 union all select i + 1 from n where i < 10000)
        insert into repositories (name, created_at) select 'many/r-' || (100000 + i), 1 from n`);
      await inside.all(sql`
        insert into repository_blobs (repository, digest, size_bytes, linked_at)
        select r.name, b.digest, 1, 1 from repositories r join blobs b on b.digest = ${image.digest} where r.name <> ${R}`);
    });
    const { listings } = rooms.registry;
    for (let page = 0; page < 50; page += 1) {
      const { entries } = await listings.tags(R, { after: `tag-${1_000_000 + page * 2000}`, limit: 100 }, 'outsider');
      expect(entries).toHaveLength(100);
    }
    const window = { after: 'many/r-104999', limit: 100 };
    const { entries } = await listings.repositories(window, undefined);
    expect([entries[0], entries.length]).toEqual(['many/r-105000', 100]);
  });
});

describe('acceptance 17: what cannot be known keeps', () => {
  const rules: WrittenRule[] = [{ repositories: R, keepSigned: true }];

  beforeEach(async () => {
    await here.pushNew(R, 'v1');
    await here.pushNew(R, 'v2');
    rooms.advance(30 * DAY);
  });

  it('when verification fails the run does, and nothing goes', async () => {
    const verifiedIn = () => Promise.reject(new Error('the key store cannot be read'));
    await expect(prune(rules, { verifiedIn })).rejects.toThrow('the key store cannot be read');
    expect(await tags()).toEqual(['v1', 'v2']);
  });

  it('when no policy asks for signatures nothing goes, and the plan says why', async () => {
    const { items } = await prune(rules, { verifiedIn: () => Promise.resolve(undefined) });
    const reasons = items.filter(({ item }) => item === 'tag').map(({ reason }) => reason);
    expect(reasons).toEqual(Array(2).fill(expect.stringContaining('no policy asks for signatures')));
    expect(await tags()).toEqual(['v1', 'v2']);
  });

  it('what was set by a clock ahead of ours is young', async () => {
    rooms.advance(3 * DAY);
    const image = await here.pushNew(R, 'tomorrow');
    rooms.advance(-3 * DAY);
    await here.pushNew(R, 'old');
    await prune([{ repositories: R, keepYoungerThan: '1h', deleteUntaggedAfter: '1h' }]);
    await here.collect();
    expect(await tags()).toContain('tomorrow');
    expect(await whole(image)).toEqual([true]);
  });
});

describe('acceptance 18: the power goes between storage and database', () => {
  it.each(['before', 'after'] as const)(
    '%s the object went: the next run converges, and nothing live is lost',
    async (when) => {
      const live = await here.pushNew(R, 'live');
      const dead = await here.pushNew(R, 'dead');
      await remove(dead.digest);
      rooms.advance(8 * DAY);
      const { store } = rooms.context;
      const dying = {
        ...store,
        async delete(key: string): Promise<void> {
          if (when === 'after') await store.delete(key);
          throw new Error('the power went');
        },
      };
      await expect(collect({ ...rooms.context, store: dying }, { undoWindowMs: 7 * DAY })).rejects.toThrow(
        'the power went',
      );
      expect(await whole(live)).toEqual([true]);
      await here.collect();
      expect(await keysOf(rooms, 'blobs/')).toHaveLength(4);
      expect(await whole(live)).toEqual([true]);
      await here.push(R, dead, 'dead');
      expect(await whole(live, dead)).toEqual([true, true]);
    },
  );
});
