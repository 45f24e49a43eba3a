import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planRepository } from '#retention/plan.ts';
import {
  DAY,
  HOUR,
  NOW,
  type Scene,
  type WrittenRule,
  cosignTag,
  deletedOf,
  digest,
  factsOf,
  planOf,
  reasonFor,
  rules,
} from './facts.ts';

const UNTAGGED: WrittenRule = { repositories: '**', deleteUntaggedAfter: '7d' };
const OLD = 30 * DAY;

describe('manifests without a tag', () => {
  test.each<[string, Scene, string[]]>([
    ['go when they were pushed long ago', { manifests: { a: 7 * DAY } }, ['@a']],
    ['stay when they were pushed lately', { manifests: { a: 7 * DAY - 1 } }, []],
    ['stay when they lost a tag lately', { manifests: { a: OLD }, released: { a: 6 * DAY } }, []],
    ['go when they lost a tag long ago', { manifests: { a: OLD }, released: { a: 8 * DAY } }, ['@a']],
    ['stay while a tag points at them', { manifests: { a: OLD }, tags: { v1: ['a', OLD] } }, []],
    ['stay while in use by digest', { manifests: { a: OLD }, inUse: [{ manifest: 'a' }] }, []],
    ['go when that use has ended', { manifests: { a: OLD }, inUse: [{ manifest: 'a', expired: true }] }, ['@a']],
    ['are not protected by the use of a tag of old', { manifests: { a: OLD }, inUse: [{ tag: 'v1' }] }, ['@a']],
  ])('%s', (_, scene, deleted) => {
    expect(deletedOf(scene, UNTAGGED)).toEqual(deleted);
  });

  test('stay for a while after their tag is pruned', () => {
    const scene: Scene = { manifests: { a: OLD }, tags: { v1: ['a', OLD], v2: ['a', OLD] } };
    const rule: WrittenRule = { ...UNTAGGED, keepYoungerThan: '24h' };
    expect(deletedOf(scene, rule)).toEqual(['v1', 'v2']);
    expect(reasonFor('@a', scene, rule)).toBe('rule 1 (**): no tag leads to it since 2026-06-01T12:00Z, less than 7d');
  });

  test('stay when no rule has a word on them', () => {
    expect(deletedOf({ manifests: { a: OLD } }, { repositories: '**', keepMostRecent: 1 })).toEqual([]);
  });

  test('are the business of the first rule with a word on them, whatever tags it selects', () => {
    const scene: Scene = { manifests: { a: 3 * DAY } };
    const specific: WrittenRule = { repositories: 'team-a/**', tags: 'x', deleteUntaggedAfter: '2d' };
    expect(deletedOf(scene, UNTAGGED, specific)).toEqual(['@a']);
    expect(deletedOf(scene, UNTAGGED, { repositories: 'team-a/**', keepMostRecent: 1 })).toEqual([]);
  });

  test('stay while young, by the word or by its default beside keepTagRevisions', () => {
    const scene: Scene = { manifests: { a: 59 * 60_000, b: 61 * 60_000 } };
    expect(deletedOf(scene, { ...UNTAGGED, deleteUntaggedAfter: '1m', keepTagRevisions: 3 })).toEqual(['@b']);
    expect(deletedOf(scene, { ...UNTAGGED, deleteUntaggedAfter: '1m', keepYoungerThan: '2h' })).toEqual([]);
    expect(deletedOf(scene, { ...UNTAGGED, deleteUntaggedAfter: '1m' })).toEqual(['@a', '@b']);
  });

  test('stay while pulled by digest within keepPulledWithin; being fresh does not count for them', () => {
    const rule: WrittenRule = { ...UNTAGGED, keepPulledWithin: '30d' };
    const scene: Scene = { manifests: { a: 8 * DAY, b: 8 * DAY }, pulls: [['', 'b', 2 * DAY]] };
    expect(deletedOf(scene, rule)).toEqual(['@a']);
  });
});

describe('liveness', () => {
  test('an index keeps its children at any depth, shared ones and ones with a tag of their own', () => {
    const scene: Scene = {
      manifests: {
        outer: { age: OLD, children: ['inner', 'shared'] },
        inner: { age: OLD, children: ['amd', 'arm'] },
        dead: { age: OLD, children: ['shared', 'tagged', 'alone'] },
        amd: OLD,
        arm: OLD,
        shared: OLD,
        tagged: OLD,
        alone: OLD,
      },
      tags: { v1: ['outer', OLD], amd: ['tagged', OLD] },
    };
    expect(deletedOf(scene, UNTAGGED)).toEqual(['@alone', '@dead']);
    expect(reasonFor('@arm', scene, UNTAGGED)).toBe(`named by ${digest('inner')}, which stays`);
    expect(reasonFor('@tagged', scene, UNTAGGED)).toBe('tag amd points at it');
  });

  test('an index that lost its tag lately keeps its children, however old', () => {
    const scene: Scene = {
      manifests: { index: { age: OLD, children: ['a'] }, a: OLD, sig: { age: OLD, subject: 'a' } },
      released: { index: DAY },
    };
    expect(deletedOf(scene, UNTAGGED)).toEqual([]);
    expect(deletedOf({ ...scene, released: { index: 8 * DAY } }, UNTAGGED)).toEqual(['@a', '@index', '@sig']);
    // What hung on it was led to for as long as it was.
    for (const name of ['@index', '@a', '@sig']) {
      expect(reasonFor(name, { ...scene, released: { index: 8 * DAY } }, UNTAGGED)).toBe(
        'rule 1 (**): no tag leads to it since 2026-05-24T12:00Z, more than 7d',
      );
    }
  });

  test('a child whose index was removed lately stays for its time', () => {
    expect(deletedOf({ manifests: { a: OLD }, released: { a: DAY } }, UNTAGGED)).toEqual([]);
  });

  test('referrers live as long as their subject, transitively', () => {
    const scene: Scene = {
      manifests: {
        image: OLD,
        signature: { age: OLD, subject: 'image' },
        attestation: { age: OLD, subject: 'signature' },
        ofChild: { age: OLD, subject: 'child' },
        index: { age: OLD, children: ['child'] },
        child: OLD,
      },
      tags: { v1: ['image', OLD], multi: ['index', OLD] },
    };
    expect(deletedOf(scene, UNTAGGED)).toEqual([]);
    expect(reasonFor('@attestation', scene, UNTAGGED)).toBe(`belongs to ${digest('signature')}, which stays`);
    expect(deletedOf({ ...scene, tags: {} }, UNTAGGED)).toEqual([
      '@attestation',
      '@child',
      '@image',
      '@index',
      '@ofChild',
      '@signature',
    ]);
  });

  test('a signature, even one with a tag, never keeps its image', () => {
    const scene: Scene = {
      manifests: { image: OLD, signature: { age: OLD, subject: 'image' } },
      tags: { 'my-signature': ['signature', OLD] },
    };
    expect(deletedOf(scene, UNTAGGED)).toEqual(['@image']);
    expect(deletedOf({ ...scene, tags: {} }, UNTAGGED)).toEqual(['@image', '@signature']);
  });

  test('a signature pushed before its image is not the business of pruning', () => {
    const scene: Scene = {
      manifests: { early: { age: OLD, subject: 'not there' }, onIt: { age: OLD, subject: 'early' } },
    };
    expect(deletedOf(scene, UNTAGGED)).toEqual([]);
    expect(reasonFor('@early', scene, UNTAGGED)).toBe('what it belongs to is not here: collection looks after it');
    expect(reasonFor('@onIt', scene, UNTAGGED)).toBe(`belongs to ${digest('early')}, which stays`);
  });

  test('what is used by digest lives with what leads to it: the index, and the tag on that', () => {
    const scene: Scene = {
      manifests: { index: { age: OLD, children: ['a', 'b'] }, a: OLD, b: OLD },
      tags: { v1: ['index', OLD], other: ['b', OLD] },
      inUse: [{ manifest: 'a' }],
    };
    const rule: WrittenRule = { ...UNTAGGED, keepYoungerThan: '1h' };
    expect(deletedOf(scene, rule)).toEqual(['other']);
    expect(deletedOf({ ...scene, tags: {} }, rule)).toEqual([]);
    expect(deletedOf({ ...scene, tags: {}, inUse: [] }, rule)).toEqual(['@a', '@b', '@index']);
  });
});

describe("cosign's tags", () => {
  const scene: Scene = {
    manifests: { image: OLD, older: OLD, sig: OLD, sigOfOlder: OLD, lost: OLD },
    tags: {
      v2: ['image', DAY],
      v1: ['older', 2 * DAY],
      [cosignTag('image')]: ['sig', OLD],
      [cosignTag('older')]: ['sigOfOlder', OLD],
      [cosignTag('nowhere')]: ['lost', OLD],
    },
  };

  test('are never counted in keep-N, and never selected', () => {
    expect(deletedOf(scene, { repositories: '**', keepMostRecent: 1 })).toEqual(['v1']);
    expect(deletedOf(scene, { repositories: '**', tags: 'sha256-*', keepMostRecent: 1 })).toEqual([]);
    expect(deletedOf(scene, { repositories: '**', keepYoungerThan: '36h', deleteUntaggedAfter: '7d' })).toEqual(['v1']);
    expect(planRepository(factsOf(scene), rules(), NOW).tags).toBe(2);
  });

  test('go with what they belong to, right after it and before what they point at', () => {
    const untagged: Scene = { ...scene, tags: { ...scene.tags, v1: ['image', DAY] } };
    expect(deletedOf(untagged, UNTAGGED)).toEqual(['@older', '@sigOfOlder', cosignTag('older')]);
    const going = planOf(untagged, UNTAGGED).filter(({ fate }) => fate === 'delete');
    expect(going.map(({ name, digest: of }) => (name === '' ? of : name))).toEqual([
      digest('older'),
      cosignTag('older'),
      digest('sigOfOlder'),
    ]);
    expect(going[1]?.reason).toBe(`belongs to ${digest('older')}, which goes`);
  });

  test('stay with what lives, and where nothing is they are the business of collection', () => {
    expect(reasonFor(cosignTag('image'), scene, UNTAGGED)).toBe(`belongs to ${digest('image')}, which stays`);
    expect(reasonFor(cosignTag('nowhere'), scene, UNTAGGED)).toBe(
      'what it belongs to is not here: collection looks after it',
    );
    expect(reasonFor('@lost', scene, UNTAGGED)).toBe('what it belongs to is not here: collection looks after it');
  });

  test('on an index over their own subject are a ring, which is left alone', () => {
    const ring: Scene = {
      manifests: { image: OLD, index: { age: OLD, children: ['image'] }, other: OLD },
      tags: { [cosignTag('image')]: ['index', OLD] },
    };
    expect(deletedOf(ring, UNTAGGED)).toEqual(['@other']);
    expect(planOf(ring, UNTAGGED)).toHaveLength(4);
  });
});

describe('revisions', () => {
  // What v1 pointed at, from the newest: d (now), c, b, a.
  const scene: Scene = {
    manifests: { a: OLD, b: OLD, c: OLD, d: OLD },
    tags: { v1: ['d', 10 * DAY] },
    revisions: [
      ['v1', 1, 'a', 30 * DAY, 20 * DAY],
      ['v1', 2, 'b', 20 * DAY, 15 * DAY],
      ['v1', 3, 'c', 15 * DAY, 10 * DAY],
    ],
    released: { a: 20 * DAY, b: 15 * DAY, c: 10 * DAY },
  };
  const rule: WrittenRule = { ...UNTAGGED, keepTagRevisions: 3 };

  test('beyond keepTagRevisions go, and what they held goes with them', () => {
    expect(deletedOf(scene, rule)).toEqual(['@a', 'v1#1']);
    expect(reasonFor('@b', scene, rule)).toBe('revision 2 of v1 is kept');
    expect(reasonFor('v1#1', scene, rule)).toBe(
      'rule 1 (**): not one of the 3 revisions that are kept, set 2026-05-02T12:00Z, ended 2026-05-12T12:00Z',
    );
  });

  test('never the tag itself, not even with the smallest number', () => {
    expect(deletedOf(scene, { ...rule, keepTagRevisions: 1 })).toEqual(['@a', '@b', '@c', 'v1#1', 'v1#2', 'v1#3']);
  });

  test('hold nothing without the word, and are not deleted', () => {
    expect(deletedOf(scene, UNTAGGED)).toEqual(['@a', '@b', '@c']);
    expect(reasonFor('v1#3', scene, UNTAGGED)).toBe('no rule speaks of revisions of this tag');
  });

  test('stay while young: an hour, unless it is said', () => {
    const quick: Scene = {
      ...scene,
      revisions: [
        ['v1', 1, 'a', 2 * HOUR, 50 * 60_000],
        ['v1', 2, 'b', 50 * 60_000, 20 * 60_000],
      ],
      released: {},
    };
    const words: WrittenRule = { repositories: '**', keepTagRevisions: 1 };
    expect(deletedOf(quick, words)).toEqual(['v1#1']);
    expect(deletedOf(quick, { ...words, keepYoungerThan: '3h' })).toEqual([]);
    expect(deletedOf(quick, { ...words, keepYoungerThan: '1m' })).toEqual(['v1#1', 'v1#2']);
  });

  test('that ended lately stay: they say since when nothing leads to the manifest', () => {
    const lately: Scene = { ...scene, revisions: [['v1', 1, 'a', 30 * DAY, 6 * DAY]], released: { a: 6 * DAY } };
    expect(deletedOf(lately, { ...rule, keepTagRevisions: 1 })).toEqual(['@b', '@c']);
  });

  test('in use or pulled by digest stay, and hold', () => {
    const last: WrittenRule = { ...rule, keepTagRevisions: 1, keepPulledWithin: '3d' };
    const used: Scene = { ...scene, inUse: [{ manifest: 'a' }], pulls: [['', 'b', DAY]] };
    expect(deletedOf({ ...used, tags: { v1: ['d', HOUR] } }, last)).toEqual(['@c', 'v1#3']);
  });

  test('of a tag that goes stay, to restore it from, and hold nothing', () => {
    const gone: WrittenRule = { ...rule, keepMostRecent: 1 };
    const two: Scene = { ...scene, tags: { v1: ['d', 10 * DAY], v2: ['d', DAY] } };
    expect(deletedOf(two, gone)).toEqual(['@a', '@b', '@c', 'v1']);
  });
});

describe('traps of other registries', () => {
  test('a digest with one protected tag survives whatever other tags match', () => {
    const scene: Scene = {
      manifests: { m: OLD },
      tags: { 'ci-1': ['m', OLD], 'ci-2': ['m', OLD], 'v1.0.0': ['m', OLD] },
    };
    const rule: WrittenRule = { ...UNTAGGED, keepYoungerThan: '1h', keepTags: ['v1.0.0'] };
    expect(deletedOf(scene, rule)).toEqual(['ci-1', 'ci-2']);
    expect(reasonFor('@m', scene, rule)).toBe('tag v1.0.0 points at it');
  });

  test('missing statistics keep', () => {
    const scene: Scene = { manifests: { m: OLD }, tags: { v1: ['m', OLD] } };
    expect(deletedOf(scene, { repositories: '**', keepSigned: true })).toEqual([]);
    expect(deletedOf(scene, { repositories: '**', deleteUnsignedAfter: '1m' })).toEqual([]);
    expect(deletedOf(scene, { repositories: '**', overSizeLimit: '1B' })).toEqual([]);
  });

  test('a retention rule whose pattern matches nothing never empties a repository', () => {
    const scene: Scene = { manifests: { m: OLD }, tags: { v1: ['m', OLD] } };
    expect(
      deletedOf(scene, { repositories: '**', tags: 'no-such-*', keepMostRecent: 1, deleteUntaggedAfter: '1m' }),
    ).toEqual([]);
  });

  test('in-use tags and digests are kept, whatever the rules say', () => {
    const scene: Scene = {
      manifests: { a: OLD, b: OLD, c: OLD },
      tags: { one: ['a', OLD], two: ['b', OLD], three: ['c', OLD] },
    };
    const rule: WrittenRule = { ...UNTAGGED, keepYoungerThan: '1h' };
    expect(deletedOf({ ...scene, inUse: [{ tag: 'one' }, { manifest: 'b' }] }, rule)).toEqual(['three']);
    expect(deletedOf({ ...scene, inUse: [{ tag: 'one', manifest: 'b' }] }, rule)).toEqual(['three']);
  });
});

describe('of any repository', () => {
  const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
  const age = fc.constantFrom(0, HOUR / 2, 2 * HOUR, DAY, 3 * DAY, 8 * DAY, OLD, OLD, OLD, OLD, OLD);
  // Children and subjects come later in the list: real ones are named by their hash, and cannot be in a ring.
  const manifest = (index: number): fc.Arbitrary<{ age: number; children: string[]; subject?: string }> =>
    fc
      .record({
        age,
        children: fc.oneof({ weight: 3, arbitrary: fc.constant<string[]>([]) }, fc.subarray(NAMES.slice(index + 1))),
        subject: fc.option(fc.constantFrom(...NAMES.slice(index + 1), 'absent'), { nil: undefined, freq: 2 }),
      })
      .map(({ subject, ...rest }) => (subject === undefined ? rest : { ...rest, subject }));
  const scenes: fc.Arbitrary<Scene> = fc.record({
    manifests: fc
      .tuple(...NAMES.map((_, index) => manifest(index)), fc.subarray(NAMES, { minLength: 2 }))
      .map((drawn) => {
        const here = new Set<unknown>(drawn.flat());
        const manifests = drawn.flatMap((one, index) => (Array.isArray(one) ? [] : [[NAMES[index], one] as const]));
        return Object.fromEntries(manifests.filter(([name]) => here.has(name)));
      }),
    tags: fc.dictionary(
      fc.constantFrom('v1', 'v2', 'v3', 'latest', cosignTag('a'), cosignTag('d'), cosignTag('absent')),
      fc.tuple(fc.constantFrom(...NAMES), age),
      { maxKeys: 3 },
    ),
    revisions: fc.uniqueArray(
      fc.tuple(fc.constantFrom('v1', 'v2'), fc.integer({ min: 1, max: 4 }), fc.constantFrom(...NAMES), age, age),
      { selector: ([tag, revision]) => `${tag}${revision}`, maxLength: 5 },
    ),
    inUse: fc.array(
      fc.record({ tag: fc.constantFrom('v1', 'v3'), manifest: fc.constantFrom(...NAMES) }, { requiredKeys: [] }),
      {
        maxLength: 2,
      },
    ),
    pulls: fc.array(fc.tuple(fc.constantFrom('', 'v1'), fc.constantFrom(...NAMES), age), { maxLength: 3 }),
    verified: fc.subarray(NAMES),
  });
  const written: fc.Arbitrary<WrittenRule[]> = fc.array(
    fc.record(
      {
        repositories: fc.constantFrom('**', 'team-a/**', 'team-b/*'),
        tags: fc.constantFrom('*', 'v*', 'latest'),
        keepMostRecent: fc.integer({ min: 1, max: 3 }),
        keepYoungerThan: fc.constantFrom('1h', '2d'),
        keepPulledWithin: fc.constantFrom('1h', '2d'),
        keepTagRevisions: fc.integer({ min: 1, max: 3 }),
        deleteUntaggedAfter: fc.constantFrom('1m', '2d', '7d'),
        deleteUnsignedAfter: fc.constantFrom('1d'),
        keepSigned: fc.boolean(),
      },
      { requiredKeys: ['repositories', 'deleteUntaggedAfter'] },
    ),
    { minLength: 1, maxLength: 3 },
  );
  // What is drawn names manifests that are not there: those cannot be tagged or named.
  const sound = (scene: Scene): Scene => {
    const here = scene.manifests ?? {};
    return {
      ...scene,
      tags: Object.fromEntries(Object.entries(scene.tags ?? {}).filter(([, [name]]) => name in here)),
      revisions: (scene.revisions ?? []).filter(([tag]) => tag in (scene.tags ?? {})),
    };
  };

  test('nothing reachable from what is kept is ever planned for deletion', () => {
    let deletions = 0;
    fc.assert(
      fc.property(scenes.map(sound), written, (scene, rule) => {
        const items = planOf(scene, ...rule);
        const gone = new Set(
          items.filter(({ item, fate }) => item === 'manifest' && fate === 'delete').map((one) => one.digest),
        );
        const goneTags = new Set(
          items.filter(({ item, fate }) => item === 'tag' && fate === 'delete').map((one) => one.name),
        );
        deletions += gone.size;
        const reachable = naivelyReachable(
          scene,
          (tag) => !goneTags.has(tag),
          (name) => !gone.has(digest(name)),
        );
        expect([...reachable].filter((name) => gone.has(digest(name)))).toEqual([]);
      }),
      { numRuns: 3000 },
    );
    expect(deletions).toBeGreaterThan(500);
  });

  test('every tag, revision and manifest is in the plan once, with a reason', () => {
    fc.assert(
      fc.property(scenes.map(sound), written, (scene, rule) => {
        const items = planOf(scene, ...rule);
        const { manifests = {}, tags = {}, revisions = [] } = scene;
        expect(
          new Set(
            items.map(({ item, name, revision, digest: of }) => `${item} ${name} ${revision} ${name === '' ? of : ''}`),
          ).size,
        ).toBe(items.length);
        expect(items).toHaveLength(Object.keys(manifests).length + Object.keys(tags).length + revisions.length);
        expect(items.every(({ reason }) => reason.length > 5)).toBe(true);
      }),
    );
  });

  test('what goes is in an order that never leaves anything without what it needs', () => {
    fc.assert(
      fc.property(scenes.map(sound), written, (scene, rule) => {
        const going = planOf(scene, ...rule).filter(({ fate }) => fate === 'delete');
        const place = new Map(going.map(({ item, digest: of }, index) => [item === 'manifest' ? of : '', index]));
        const pairs = drawn(scene).flatMap(([name, { children, subject }]) => [
          ...children.map((child) => [name, child] as const),
          ...(subject === undefined || !(subject in (scene.manifests ?? {})) ? [] : [[subject, name] as const]),
        ]);
        const early = pairs.filter(([first, second]) => {
          const at = place.get(digest(second));
          return at !== undefined && !((place.get(digest(first)) ?? Infinity) < at);
        });
        expect(early).toEqual([]);
      }),
    );
  });

  test('the same rows give the same plan', () => {
    fc.assert(
      fc.property(scenes.map(sound), written, (scene, rule) => {
        expect(planOf(scene, ...rule)).toEqual(planOf(scene, ...rule));
      }),
      { numRuns: 50 },
    );
  });

  function drawn(scene: Scene): [string, { children: readonly string[]; subject?: string | undefined }][] {
    return Object.entries(scene.manifests ?? {}).map(([name, one]) =>
      typeof one === 'number'
        ? [name, { children: [] }]
        : [name, { children: one.children ?? [], subject: one.subject }],
    );
  }

  /** Steps from kept tags, used manifests and whatever stays for any reason, until nothing is added. */
  function naivelyReachable(
    scene: Scene,
    isKeptTag: (tag: string) => boolean,
    stays: (manifest: string) => boolean,
  ): Set<string> {
    const reached = new Set<string>();
    for (const [tag, [name]] of Object.entries(scene.tags ?? {})) {
      if (!tag.startsWith('sha256-') && isKeptTag(tag)) reached.add(name);
    }
    for (const { manifest: name } of scene.inUse ?? []) {
      if (name !== undefined && name in (scene.manifests ?? {})) reached.add(name);
    }
    for (const name of Object.keys(scene.manifests ?? {})) if (stays(name)) reached.add(name);
    for (let before = -1; before !== reached.size; ) {
      before = reached.size;
      for (const [name, { children, subject }] of drawn(scene)) {
        const named = reached.has(name) ? children.filter((child) => child in (scene.manifests ?? {})) : [];
        for (const child of named) reached.add(child);
        if (subject !== undefined && reached.has(subject)) reached.add(name);
      }
      for (const [tag, [name]] of Object.entries(scene.tags ?? {})) {
        if (NAMES.some((one) => cosignTag(one) === tag && reached.has(one))) reached.add(name);
      }
    }
    return reached;
  }
});
