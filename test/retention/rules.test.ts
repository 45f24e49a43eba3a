import { describe, expect, test } from 'vitest';
import { parseConfig } from '#config/load.ts';
import { planRepository } from '#retention/plan.ts';
import { patternWarnings } from '#retention/rules.ts';
import { DAY, HOUR, NOW, type Scene, type WrittenRule, deletedOf, factsOf, reasonFor, rules } from './facts.ts';

/** Tags v1 to vN, v1 the oldest: each set a day after the one before it, on a manifest of its own. */
function daily(count: number): Scene {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const age = (number: number): number => (count - number + 1) * DAY;
  return {
    manifests: Object.fromEntries(numbers.map((number) => [`m${number}`, age(number)])),
    tags: Object.fromEntries(numbers.map((number) => [`v${number}`, [`m${number}`, age(number)]])),
  };
}

const ALL: WrittenRule = { repositories: '**' };

describe('the words on tags', () => {
  const four = daily(4);

  test.each<[string, Omit<WrittenRule, 'repositories'>, string[]]>([
    ['no word: all are kept', {}, []],
    ['keepMostRecent', { keepMostRecent: 3 }, ['v1']],
    ['keepMostRecent, more than there are', { keepMostRecent: 9 }, []],
    ['keepYoungerThan', { keepYoungerThan: '48h' }, ['v1', 'v2', 'v3']],
    ['keepYoungerThan, of which the bound itself is no part', { keepYoungerThan: '72h' }, ['v1', 'v2']],
    ['keepTags alone deletes none', { keepTags: ['v1'] }, []],
    ['keepTags beside another word', { keepMostRecent: 1, keepTags: ['v1', 'v2*'] }, ['v3']],
    ['keepTagRevisions deletes no tag', { keepTagRevisions: 1 }, []],
    ['keepTagRevisions with keepYoungerThan deletes no tag', { keepTagRevisions: 1, keepYoungerThan: '1h' }, []],
    ['deleteUntaggedAfter deletes no tag', { deleteUntaggedAfter: '1d' }, []],
    ['two keep words hold what either holds', { keepMostRecent: 1, keepYoungerThan: '72h' }, ['v1', 'v2']],
    [
      'a written keepYoungerThan holds tags beside keepTagRevisions too',
      {
        keepMostRecent: 1,
        keepTagRevisions: 2,
        keepYoungerThan: '72h',
      },
      ['v1', 'v2'],
    ],
  ])('%s', (_, words, deleted) => {
    expect(deletedOf(four, { ...ALL, ...words })).toEqual(deleted);
  });

  test.each<[string, Omit<WrittenRule, 'repositories'>, string[] | undefined, string[]]>([
    ['keepSigned without verdicts holds everything', { keepSigned: true }, undefined, []],
    ['keepSigned holds what is verified', { keepSigned: true }, ['m1', 'm3'], ['v2', 'v4']],
    ['keepSigned, with not one verified', { keepSigned: true }, [], ['v1', 'v2', 'v3', 'v4']],
    ['keepSigned: false is no word', { keepSigned: false }, ['m1'], []],
    ['deleteUnsignedAfter without verdicts deletes nothing', { deleteUnsignedAfter: '1d' }, undefined, []],
    ['deleteUnsignedAfter', { deleteUnsignedAfter: '48h' }, ['m1'], ['v2', 'v3']],
    [
      'deleteUnsignedAfter spares what a keep word holds',
      { deleteUnsignedAfter: '48h', keepTags: ['v2'] },
      [],
      ['v1', 'v3'],
    ],
    ['deleteUnsignedAfter narrows what goes', { deleteUnsignedAfter: '48h', keepMostRecent: 2 }, ['m1'], ['v2']],
  ])('%s', (_, words, verified, deleted) => {
    expect(deletedOf({ ...four, ...(verified === undefined ? {} : { verified }) }, { ...ALL, ...words })).toEqual(
      deleted,
    );
  });

  test('overSizeLimit deletes what is larger, an index with its children', () => {
    const scene: Scene = {
      manifests: {
        small: { age: DAY, bytes: 2 ** 20 },
        large: { age: DAY, bytes: 2 ** 20 + 1 },
        unknown: DAY,
        amd: { age: DAY, bytes: 2 ** 19 },
        arm: { age: DAY, bytes: 2 ** 19 },
        index: { age: DAY, bytes: 500, children: ['amd', 'arm', 'amd'] },
        half: { age: DAY, bytes: 500, children: ['amd', 'unknown'] },
      },
      tags: {
        small: ['small', DAY],
        large: ['large', DAY],
        unknown: ['unknown', DAY],
        index: ['index', DAY],
        half: ['half', DAY],
      },
    };
    expect(deletedOf(scene, { ...ALL, overSizeLimit: '1MiB' })).toEqual(['index', 'large']);
    expect(deletedOf(scene, { ...ALL, overSizeLimit: '1MiB', keepTags: ['large'] })).toEqual(['index']);
    expect(reasonFor('unknown', scene, { ...ALL, overSizeLimit: '1MiB' })).toBe('rule 1 (**): its size is not known');
  });

  test('orderBy semver counts from the highest version; what is none is the first to go', () => {
    const scene: Scene = {
      manifests: { m: DAY },
      tags: {
        'v1.10.0': ['m', 9 * DAY],
        'v1.9.0': ['m', 1 * DAY],
        '2.0.0-rc.1': ['m', 5 * DAY],
        '2.0.0': ['m', 6 * DAY],
        latest: ['m', HOUR],
        nightly: ['m', 2 * HOUR],
      },
    };
    const kept = (keepMostRecent: number): string[] => {
      const gone = deletedOf(scene, { ...ALL, keepMostRecent, orderBy: 'semver' });
      return Object.keys(scene.tags ?? {}).filter((name) => !gone.includes(name));
    };
    expect(kept(3)).toEqual(['v1.10.0', '2.0.0-rc.1', '2.0.0']);
    expect(kept(5)).toEqual(['v1.10.0', 'v1.9.0', '2.0.0-rc.1', '2.0.0', 'latest']);
  });

  test('of tags set at the same moment the first by name are kept', () => {
    const scene: Scene = { manifests: { m: DAY }, tags: { c: ['m', DAY], a: ['m', DAY], b: ['m', DAY] } };
    expect(deletedOf(scene, { ...ALL, keepMostRecent: 2 })).toEqual(['c']);
  });

  test('a re-tag refreshes the age of a tag', () => {
    const scene = daily(3);
    const set: Scene = { ...scene, tags: { ...scene.tags, v1: ['m1', 0] } };
    expect(deletedOf(set, { ...ALL, keepYoungerThan: '24h' })).toEqual(['v2', 'v3']);
    expect(deletedOf(set, { ...ALL, keepMostRecent: 1 })).toEqual(['v2', 'v3']);
  });
});

describe('keepPulledWithin', () => {
  const rule: WrittenRule = { ...ALL, keepPulledWithin: '7d' };
  const old: Scene = {
    manifests: { m: 30 * DAY, index: { age: 30 * DAY, children: ['m'] } },
    tags: { v1: ['m', 30 * DAY], multi: ['index', 30 * DAY] },
  };

  test('deletes what was never pulled and is old', () => {
    expect(deletedOf(old, rule)).toEqual(['multi', 'v1']);
  });

  test('a never-pulled fresh image under "pulled within N days" is kept', () => {
    expect(deletedOf({ ...old, tags: { ...old.tags, fresh: ['m', 6 * DAY] } }, rule)).toEqual(['multi', 'v1']);
  });

  test.each<[string, NonNullable<Scene['pulls']>, string[]]>([
    ['by the tag', [['v1', 'm', 6 * DAY]], []],
    ['by the tag, when it pointed elsewhere', [['v1', 'gone', 6 * DAY]], ['multi']],
    ['by its digest, for an index over it too', [['', 'm', 6 * DAY]], []],
    ['of the index, which says nothing of its child', [['', 'index', 6 * DAY]], ['v1']],
    // Noted once an hour: the last pull may have been up to an hour later than what is noted.
    ['so long ago that the last one may have been within', [['v1', 'm', 7 * DAY + HOUR - 1]], []],
    ['too long ago', [['v1', 'm', 7 * DAY + HOUR]], ['multi', 'v1']],
  ])('counts a pull %s', (_, pulls, deleted) => {
    expect(deletedOf({ ...old, pulls }, rule)).toEqual(deleted);
  });
});

describe('the first rule that selects a tag decides', () => {
  const scene = daily(3);

  test('the most specific pattern of repositories first, wherever it stands', () => {
    const written: WrittenRule[] = [
      { repositories: '**', keepMostRecent: 1 },
      { repositories: 'team-a/**', keepMostRecent: 2 },
    ];
    expect(deletedOf(scene, ...written)).toEqual(['v1']);
    expect(reasonFor('v1', scene, ...written)).toMatch(/^rule 2 \(team-a\/\*\*\): /);
  });

  test('of equally specific ones the first', () => {
    expect(deletedOf(scene, { ...ALL, keepMostRecent: 2 }, { ...ALL, keepMostRecent: 1 })).toEqual(['v1']);
  });

  test('one without a word that deletes shields its tags from the rest', () => {
    expect(deletedOf(scene, { ...ALL, tags: 'v1' }, { ...ALL, keepMostRecent: 1 })).toEqual(['v2']);
  });

  test('and counts only the tags it decides on', () => {
    expect(deletedOf(scene, { ...ALL, tags: '{v3,v1}', keepMostRecent: 1 }, { ...ALL, keepMostRecent: 1 })).toEqual([
      'v1',
    ]);
  });

  test('what no rule speaks of is kept', () => {
    expect(deletedOf(scene)).toEqual([]);
    expect(deletedOf(scene, { repositories: 'team-b/**', keepMostRecent: 1 })).toEqual([]);
    expect(deletedOf(scene, { repositories: 'team-a', keepMostRecent: 1 })).toEqual([]);
    expect(reasonFor('v1', scene, { ...ALL, tags: 'w*', keepMostRecent: 1 })).toBe('no rule speaks of it');
  });

  test('patterns are anchored', () => {
    expect(deletedOf(scene, { ...ALL, tags: '1', keepMostRecent: 1 })).toEqual([]);
    expect(deletedOf(scene, { repositories: 'a/app', keepMostRecent: 1 })).toEqual([]);
  });
});

describe('a pattern that matches nothing', () => {
  test('deletes nothing and warns', () => {
    const scene = daily(3);
    const written = rules(
      { repositories: 'team-b/**', keepMostRecent: 1 },
      { repositories: 'team-a/**', tags: 'x*', keepMostRecent: 1 },
      { repositories: 'team-*/**', keepTags: ['v3', 'y*'], keepMostRecent: 1 },
      { repositories: '**', keepMostRecent: 1 },
    );
    const { met, deletedTags } = planRepository(factsOf(scene), written, NOW);
    expect(deletedTags).toBe(2);
    expect(patternWarnings(written, met)).toEqual([
      'rule 1 (team-b/**) fits no repository',
      'rule 2 (team-a/**): tags x* selects no tag that is left for it',
      'rule 3 (team-*/**): keepTags y* fits no tag',
    ]);
  });
});

describe('every item has the one reason', () => {
  const scene: Scene = {
    ...daily(4),
    pulls: [['v2', 'm2', 2 * HOUR]],
    inUse: [{ tag: 'v1' }],
  };
  test.each<[string, string]>([
    ['v1', 'in use: prod names v1, until 2026-06-01T13:00Z'],
    ['v2', 'rule 1 (**): pulled 2026-06-01T10:00Z, within 3h'],
    [
      'v3',
      'rule 1 (**): not held by keepMostRecent 1 by pushed, keepPulledWithin 3h, set 2026-05-30T12:00Z, never pulled',
    ],
    ['v4', 'rule 1 (**): among the 1 most recent by pushed'],
    ['@m4', 'tag v4 points at it'],
    ['@m3', 'no rule speaks of manifests without a tag'],
  ])('%s: %s', (name, reason) => {
    expect(reasonFor(name, scene, { ...ALL, keepMostRecent: 1, keepPulledWithin: '3h' })).toBe(reason);
  });
});

describe('rules in the configuration', () => {
  const problems = (text: string): string => {
    try {
      parseConfig(text, { source: 'f', folder: '/', environment: {} });
      return '';
    } catch (error) {
      return String(error);
    }
  };

  test('are read as the manual shows them', () => {
    const { retention } = parseConfig(
      `retention:
  schedule: "0 3 * * *"
  undoWindow: 7d
  brake: { maxShare: 50% }
  rules:
    - repositories: team-a/**
      tags: "v*"
      keepMostRecent: 10
      orderBy: semver
      keepYoungerThan: 24h
      keepTags: [ "v1.0.0" ]
    - repositories: "**"
      keepTagRevisions: 3
      deleteUntaggedAfter: 7d`,
      { source: 'f', folder: '/', environment: {} },
    );
    expect(retention.brake).toEqual({ maxShare: 0.5 });
    expect(retention.rules).toEqual([
      {
        repositories: 'team-a/**',
        tags: 'v*',
        keepMostRecent: 10,
        orderBy: 'semver',
        keepYoungerThan: DAY,
        keepTags: ['v1.0.0'],
      },
      { repositories: '**', tags: '*', keepTagRevisions: 3, deleteUntaggedAfter: 7 * DAY },
    ]);
  });

  test.each([
    ['rules: [{repositories: a, keepMostRecet: 3}]', 'retention.rules.0.keepMostRecet: unknown key'],
    ['rules: [{repositories: a}, {tags: b}]', 'retention.rules.1.repositories: expected a pattern'],
    ['rules: [{repositories: "a[b]"}]', 'retention.rules.0.repositories: expected * ** ? or {a,b} as wildcards'],
    ['rules: [{repositories: a, keepMostRecent: 0}]', 'retention.rules.0.keepMostRecent: '],
    ['rules: [{repositories: a, keepTagRevisions: 0}]', 'retention.rules.0.keepTagRevisions: '],
    ['rules: [{repositories: a, keepMostRecent: ten}]', 'retention.rules.0.keepMostRecent: '],
    ['rules: [{repositories: a, keepTags: []}]', 'retention.rules.0.keepTags: '],
    ['rules: [{repositories: a, orderBy: semver}]', 'retention.rules.0.orderBy: orderBy says in which order'],
    [
      'rules: [{repositories: a, keepMostRecent: 1, orderBy: name}]',
      'retention.rules.0.orderBy: expected pushed or semver',
    ],
    ['rules: [{repositories: a, keepYoungerThan: 5}]', 'retention.rules.0.keepYoungerThan: expected a duration'],
    ['brake: {maxShare: 50}', 'retention.brake.maxShare: expected a share such as 50%, found 50'],
    ['brake: {maxShare: 200%}', 'retention.brake.maxShare: expected a share from 0% to 100%, found 200%'],
    ['timeZone: Mars/Olympus', 'retention.timeZone: expected a time zone'],
    ['schedule: never', 'retention.schedule: expected a cron expression'],
    ['suspend: maybe', 'retention.suspend: '],
  ])('refuses %s', (text, problem) => {
    expect(problems(`retention: {${text}}`)).toContain(problem);
  });
});
