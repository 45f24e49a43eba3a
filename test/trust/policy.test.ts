import { describe, expect, test } from 'vitest';
import type { PolicyOptions } from '#trust/options.ts';
import { judgeFindings, makePolicy, withoutPast } from '#trust/policy.ts';
import { CHECKS, type Check } from '#trust/testimony.ts';
import { REPOSITORY, ROOTS, aFinding, aPolicy, aRoot, aTestimony, checks, signedBy } from './findings.ts';

const RELEASE = { root: 'release' };

const isSatisfied = (but: Partial<PolicyOptions>, failing: Check, outcome: 'fail' | 'none' = 'fail'): boolean =>
  judgeFindings(aPolicy(RELEASE, but), REPOSITORY, [
    signedBy('alice', 'release', { checks: checks({ [failing]: outcome }) }),
  ]).isSatisfied;

describe('a level', () => {
  // Notary Project, trust-store-trust-policy.md v1.1.0: in the order integrity, authenticity, timestamp, expiry, revocation.
  test.each([
    ['strict', [false, false, false, false, false]],
    ['permissive', [false, false, true, true, true]],
    ['audit', [false, true, true, true, true]],
    ['skip', [true, true, true, true, true]],
  ] as const)(
    '%s lets a signature count that fails integrity, authenticity, timestamp, expiry, revocation: %j',
    (level, want) => {
      expect(CHECKS.map((check) => isSatisfied({ level }, check))).toEqual(want);
    },
  );

  test.each(['strict', 'permissive', 'audit'] as const)('%s is broken by nothing that was not there', (level) => {
    expect(CHECKS.map((check) => isSatisfied({ level }, check, 'none'))).toEqual([true, true, true, true, true]);
  });

  test.each([
    ['strict', { expiry: 'log' }, [false, false, false, true, false]],
    ['strict', { revocation: 'skip' }, [false, false, false, false, true]],
    ['strict', { authenticity: 'log' }, [false, true, false, false, false]],
    ['permissive', { revocation: 'enforce', timestamp: 'enforce' }, [false, false, false, true, false]],
    ['audit', { authenticity: 'enforce' }, [false, false, true, true, true]],
    // The configuration refuses it; nor does it do anything.
    ['strict', { integrity: 'skip' }, [false, false, false, false, false]],
    ['audit', { integrity: 'log' }, [false, true, true, true, true]],
  ] as const)('%s with the exceptions %j lets count: %j', (level, exceptions, want) => {
    expect(CHECKS.map((check) => isSatisfied({ level, checks: exceptions }, check))).toEqual(want);
  });

  test('audit still asks who signed', () => {
    const policy = aPolicy({ root: 'corp', subject: 'CN=alice' }, { level: 'audit' });
    const by = (subject: string) =>
      aFinding(aTestimony('corp', { signer: { name: subject, ids: [`subject:${subject}`], subject } }));
    expect(judgeFindings(policy, REPOSITORY, [by('CN=mallory')]).isSatisfied).toBe(false);
    expect(judgeFindings(policy, REPOSITORY, [by('CN=alice')]).isSatisfied).toBe(true);
  });

  test('skip needs no signature, and says so', () => {
    expect(judgeFindings(aPolicy(RELEASE, { level: 'skip' }), REPOSITORY, [])).toEqual({
      isSatisfied: true,
      summary: 'nothing is looked at: the level is skip',
      signers: [],
      goodUntil: undefined,
      missing: [],
    });
  });
});

describe('what counts', () => {
  test('is one sound signature, however many bad ones come first', () => {
    const bad = [
      { isAboutSubject: false, problem: 'it is truncated', testimonies: [] },
      signedBy('alice', 'release', { checks: checks({ integrity: 'fail' }) }),
      signedBy('mallory', 'other'),
    ];
    expect(judgeFindings(aPolicy(RELEASE), REPOSITORY, bad).isSatisfied).toBe(false);
    expect(judgeFindings(aPolicy(RELEASE), REPOSITORY, [...bad, signedBy('alice', 'release')])).toEqual({
      isSatisfied: true,
      summary: 'alice vouches for it',
      signers: ['alice'],
      goodUntil: undefined,
      missing: [],
    });
  });

  test.each([
    ['any', REPOSITORY, true],
    ['any', undefined, true],
    ['any', 'team-b/app', true],
    ['repository', REPOSITORY, true],
    ['repository', undefined, true],
    ['repository', 'team-b/app', false],
    ['repository', 'Team-A/app', false],
    ['repository', 'team-a/app/x', false],
    ['repository', 'team-a/ap', false],
    ['repository', '', false],
  ] as const)('with reference %s one for %s: %s', (reference, named, want) => {
    const finding = signedBy('alice', 'release', { reference: named });
    expect(judgeFindings(aPolicy(RELEASE, { reference }), REPOSITORY, [finding]).isSatisfied).toBe(want);
  });

  const SLSA = 'https://slsa.dev/provenance/v1';
  test.each([
    [undefined, undefined, true],
    [undefined, SLSA, false],
    [SLSA, undefined, false],
    [SLSA, SLSA, true],
    [SLSA, `${SLSA}.1`, false],
    [SLSA, 'HTTPS://slsa.dev/provenance/v1', false],
    [SLSA, '', false],
  ])('asked for the predicate %s takes one of %s: %s', (predicateType, found, want) => {
    const policy = aPolicy({ root: 'release', predicateType });
    expect(
      judgeFindings(policy, REPOSITORY, [signedBy('alice', 'release', { predicateType: found })]).isSatisfied,
    ).toBe(want);
  });

  test('is nothing from a root that cannot be used', () => {
    const outcome = judgeFindings(aPolicy({ root: 'broken' }), REPOSITORY, [signedBy('alice', 'broken')]);
    expect(outcome.isSatisfied).toBe(false);
    expect(outcome.summary).toBe(
      'it needs a signature with a key of broken (which cannot be used: there is no file broken.pub)',
    );
  });

  test('is nothing from a root that is not there', () => {
    const outcome = judgeFindings(aPolicy({ root: 'gone' }), REPOSITORY, [signedBy('alice', 'gone')]);
    expect(outcome).toMatchObject({ isSatisfied: false, summary: 'it needs a signature by the unknown root gone' });
  });

  test('is nothing by somebody who cannot be told from others', () => {
    const finding = aFinding(aTestimony('release', { signer: { name: 'nobody', ids: [] } }));
    expect(judgeFindings(aPolicy(RELEASE), REPOSITORY, [finding])).toMatchObject({ isSatisfied: false, signers: [] });
  });

  test.each([
    ['off', 'open', true],
    ['off', 'enforce', false],
    ['audit', 'open', false],
    ['hold', 'open', false],
    ['strict', 'enforce', false],
  ] as const)('without a requirement, with mode %s and pull %s: %s', (mode, pull, want) => {
    const policy = makePolicy({ ...aPolicy(RELEASE).options, require: undefined, mode, pull }, 'policy 1 (**)', ROOTS);
    expect(judgeFindings(policy, REPOSITORY, [signedBy('alice', 'release')]).isSatisfied).toBe(want);
  });
});

describe('how long it counts', () => {
  const until = (name: string, root: string, goodUntil?: number) => signedBy(name, root, { goodUntil });

  test.each([
    ['the one there is', RELEASE, [until('a', 'release', 10)], 10],
    ['for good', RELEASE, [until('a', 'release')], undefined],
    [
      'the one that lasts longest',
      RELEASE,
      [until('a', 'release', 10), until('b', 'release', 30), until('c', 'release', 20)],
      30,
    ],
    ['one that lasts for good', RELEASE, [until('a', 'release', 10), until('b', 'release')], undefined],
    [
      'the second longest of two that are needed',
      { root: 'release', threshold: 2 },
      [until('a', 'release', 10), until('b', 'release', 30), until('c', 'release', 20)],
      20,
    ],
    [
      'the same signer again does not make two',
      { root: 'release', threshold: 2 },
      [until('a', 'release', 10), until('b', 'release', 20), until('b', 'release', 30)],
      10,
    ],
    [
      'both of all',
      { all: [RELEASE, { root: 'other' }] },
      [until('a', 'release', 40), until('b', 'other', 15), until('b', 'release', 99)],
      15,
    ],
    ['nothing that does not count', RELEASE, [until('a', 'release', 10), until('b', 'other', 5)], 10],
  ])('%s', (_, require, findings, want) => {
    const outcome = judgeFindings(aPolicy(require), REPOSITORY, findings);
    expect(outcome).toMatchObject({ isSatisfied: true, goodUntil: want });
  });

  test.each([
    ['expired yesterday, which is only logged', [until('a', 'release', 999)], undefined],
    ['expires this very moment', [until('a', 'release', 1000)], undefined],
    ['expires in a moment', [until('a', 'release', 1001)], 1001],
    ['two, one of which expired', [until('a', 'release', 999), until('b', 'release', 2000)], undefined],
  ])('not until a moment that has passed: %s', (_, findings, want) => {
    const expired = findings.map((finding) => ({
      ...finding,
      testimonies: finding.testimonies.map((one) => ({ ...one, checks: checks({ expiry: 'fail' }) })),
    }));
    const outcome = judgeFindings(aPolicy(RELEASE, { level: 'permissive' }), REPOSITORY, withoutPast(expired, 1000));
    expect(outcome).toMatchObject({ isSatisfied: true, goodUntil: want });
  });

  test('nothing, when it is not satisfied', () => {
    const policy = aPolicy({ root: 'release', threshold: 2 });
    expect(judgeFindings(policy, REPOSITORY, [until('a', 'release', 5)]).goodUntil).toBeUndefined();
  });
});

describe('a version', () => {
  const require = { any: [RELEASE, { root: 'ci', identity: 'me', issuer: 'them' }] };
  const first = aPolicy(require);

  test('is hexadecimal and the same for the same words in another order', () => {
    const { mode, ...rest } = first.options;
    const again = makePolicy({ ...rest, mode }, 'policy 7 (**)', ROOTS);
    expect(first.version).toMatch(/^[0-9a-f]{64}$/);
    expect(again.version).toBe(first.version);
  });

  test.each([
    ['mode', aPolicy(require, { mode: 'strict' })],
    ['pull', aPolicy(require, { pull: 'enforce' })],
    ['level', aPolicy(require, { level: 'audit' })],
    ['checks', aPolicy(require, { checks: { expiry: 'log' } })],
    ['covers', aPolicy(require, { covers: 'none' })],
    ['reference', aPolicy(require, { reference: 'any' })],
    ['holdFor', aPolicy(require, { holdFor: 1 })],
    ['repositories', aPolicy(require, { repositories: 'x' })],
    ['the order of the requirement', aPolicy({ any: require.any.toReversed() })],
    [
      'a byte of a root',
      aPolicy(require, {}, new Map([...ROOTS, ['ci', aRoot('ci', 'sigstore', { version: 'ci 2' })]])),
    ],
    [
      'a root that broke',
      aPolicy(require, {}, new Map([...ROOTS, ['ci', aRoot('ci', 'sigstore', { problem: 'gone' })]])),
    ],
    ['a root that is gone', aPolicy(require, {}, new Map([...ROOTS].filter(([name]) => name !== 'ci')))],
  ])('is another with another %s', (_, other) => {
    expect(other.version).not.toBe(first.version);
  });

  test('is the same when a root changes that it does not name', () => {
    const roots = new Map([...ROOTS, ['ops', aRoot('ops', 'openpgp', { version: 'ops 2' })]] as const);
    expect(aPolicy(require, {}, roots).version).toBe(first.version);
    expect(aPolicy(require, {}, roots).roots.map(({ name }) => name)).toEqual(['release', 'ci']);
  });
});
