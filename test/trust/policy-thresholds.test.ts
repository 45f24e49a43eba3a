import { describe, expect, test } from 'vitest';
import { judgeFindings } from '#trust/policy.ts';
import type { RequirementOptions } from '#trust/requirement.ts';
import type { Finding, Testimony } from '#trust/testimony.ts';
import { REPOSITORY, aFinding, aPolicy, aTestimony, checks, signedBy } from './findings.ts';

const RELEASE = { root: 'release' };
const OTHER = { root: 'other' };
const OPS = { root: 'ops' };
const two = (...of: RequirementOptions[]): RequirementOptions => ({ threshold: 2, of });

const withIds = (root: string, ids: readonly string[], but: Partial<Testimony> = {}): Finding =>
  aFinding(aTestimony(root, { signer: { name: ids.join('+'), ids }, ...but }));

const judge = (require: RequirementOptions, findings: readonly Finding[]) =>
  judgeFindings(aPolicy(require), REPOSITORY, findings);

describe('a threshold counts signers, never signatures', () => {
  const twoOfRelease = { root: 'release', threshold: 2 };
  test.each<[string, RequirementOptions, Finding[], boolean]>([
    ['two keys', twoOfRelease, [signedBy('a', 'release'), signedBy('b', 'release')], true],
    ['the same key that signs twice', twoOfRelease, [signedBy('a', 'release'), signedBy('a', 'release')], false],
    ['the same key in two roots', two(RELEASE, OTHER), [signedBy('a', 'release'), signedBy('a', 'other')], false],
    [
      'one signature seen from two roots',
      two(RELEASE, OTHER),
      [aFinding(aTestimony('release'), aTestimony('other'))],
      false,
    ],
    ['keys of two roots', two(RELEASE, OTHER), [signedBy('a', 'release'), signedBy('b', 'other')], true],
    [
      'a certificate and the key in it',
      two(RELEASE, { root: 'corp', subject: 'CN=a' }),
      [
        signedBy('a', 'release'),
        aFinding(aTestimony('corp', { signer: { name: 'CN=a', ids: ['subject:CN=a', 'spki:a'], subject: 'CN=a' } })),
      ],
      false,
    ],
    [
      'two certificates of one subject',
      { root: 'corp', threshold: 2 },
      [withIds('corp', ['subject:CN=a', 'spki:1']), withIds('corp', ['subject:CN=a', 'spki:2'])],
      false,
    ],
    [
      'two certificates of one key',
      { root: 'corp', threshold: 2 },
      [withIds('corp', ['subject:CN=a', 'spki:1']), withIds('corp', ['subject:CN=b', 'spki:1'])],
      false,
    ],
    [
      'one identity with two passing keys',
      two({ root: 'ci', identity: 'i', issuer: 's' }, { root: 'ci', identityPattern: 'i*', issuer: 's' }),
      ['spki:1', 'spki:2'].map((key) =>
        aFinding(aTestimony('ci', { signer: { name: 'i', ids: [key, 'identity:s i'], identity: 'i', issuer: 's' } })),
      ),
      false,
    ],
    [
      'three names that a chain of ids makes one',
      { threshold: 2, of: [RELEASE, OTHER] },
      [
        withIds('release', ['spki:1']),
        withIds('other', ['spki:2']),
        withIds('release', ['spki:2', 'x']),
        withIds('other', ['x', 'spki:1']),
      ],
      false,
    ],
  ])('%s', (_, require, findings, want) => {
    expect(judge(require, findings).isSatisfied).toBe(want);
    expect(judge(require, findings.toReversed()).isSatisfied).toBe(want);
  });

  test('and knows one signer by an old certificate that no longer counts', () => {
    const expired = withIds('corp', ['spki:1', 'spki:2'], { checks: checks({ expiry: 'fail' }) });
    const require = { all: [two(RELEASE, OTHER), { any: [RELEASE, { root: 'corp' }] }] };
    const both = [withIds('release', ['spki:1']), withIds('other', ['spki:2'])];
    expect(judge(require, both).isSatisfied).toBe(true);
    expect(judge(require, [...both, expired]).isSatisfied).toBe(false);
  });

  test.each([
    ['forged', checks({ authenticity: 'fail' })],
    ['about something else', checks({ integrity: 'fail' })],
    ['not looked at', checks({ integrity: 'none', authenticity: 'none', expiry: 'fail' })],
  ])('and is not talked out of two by a certificate that is %s', (_, results) => {
    const require = two({ root: 'corp', subject: 'CN=a' }, { root: 'corp', subject: 'CN=b' });
    const by = (name: string) =>
      aFinding(aTestimony('corp', { signer: { name, ids: [`subject:CN=${name}`], subject: `CN=${name}` } }));
    const joining = withIds('corp', ['subject:CN=a', 'subject:CN=b'], { checks: results });
    expect(judge(require, [by('a'), by('b'), joining]).isSatisfied).toBe(true);
  });

  test('nor by what a root says that the policy does not name', () => {
    const joining = withIds('ops', ['spki:a', 'spki:b']);
    const both = [signedBy('a', 'release'), signedBy('b', 'other')];
    expect(judge(two(RELEASE, OTHER), [...both, joining]).isSatisfied).toBe(true);
    expect(judge({ threshold: 2, of: [RELEASE, OTHER, OPS] }, [...both, joining]).isSatisfied).toBe(false);
  });
});

describe('who counts for what', () => {
  const everywhere = (name: string, ...roots: string[]): Finding[] => roots.map((root) => signedBy(name, root));
  const pair: RequirementOptions = { all: [RELEASE, OTHER] };

  test.each<[string, RequirementOptions, Finding[], boolean]>([
    // Alice may stand for either, bob only for the first: taking alice for the first leaves nobody for the second.
    [
      'leaves the first to whoever can do nothing else',
      two(RELEASE, OTHER),
      [...everywhere('a', 'release', 'other'), ...everywhere('b', 'release')],
      true,
    ],
    [
      'however they are written',
      two(OTHER, RELEASE),
      [...everywhere('a', 'release', 'other'), ...everywhere('b', 'release')],
      true,
    ],
    [
      'three in a chain',
      { threshold: 3, of: [RELEASE, OTHER, OPS] },
      [...everywhere('a', 'release', 'other'), ...everywhere('b', 'other', 'ops'), ...everywhere('c', 'release')],
      true,
    ],
    [
      'too few for three',
      { threshold: 3, of: [RELEASE, OTHER, OPS] },
      [...everywhere('a', 'release', 'other', 'ops'), ...everywhere('b', 'release', 'other', 'ops')],
      false,
    ],
    ['one signer for all', pair, everywhere('a', 'release', 'other'), true],
    ['one signer for one of all', pair, everywhere('a', 'release'), false],
    ['any by the second', { any: [RELEASE, OTHER] }, everywhere('a', 'other'), true],
    ['any by nobody', { any: [RELEASE, OTHER] }, everywhere('a', 'ops'), false],
    // Within all alice may count twice, yet somebody else has to be the second.
    ['a pair and the same again', two(pair, OPS), everywhere('a', 'release', 'other', 'ops'), false],
    [
      'a pair and somebody else',
      two(pair, OPS),
      [...everywhere('a', 'release', 'other'), ...everywhere('b', 'ops')],
      true,
    ],
    // The pair by a and b would leave nobody: the pair by a alone does.
    [
      'a pair that spares the second',
      two(pair, { root: 'ops' }),
      [...everywhere('b', 'other', 'ops'), ...everywhere('a', 'release', 'other')],
      true,
    ],
    [
      'two pairs need two signers',
      two(pair, pair),
      [...everywhere('a', 'release', 'other'), ...everywhere('b', 'release', 'other')],
      true,
    ],
    [
      'two pairs of one half each',
      two(pair, pair),
      [...everywhere('a', 'release'), ...everywhere('b', 'other')],
      false,
    ],
    [
      'a threshold within a threshold',
      two({ root: 'release', threshold: 2 }, OTHER),
      [...everywhere('a', 'release', 'other'), ...everywhere('b', 'release')],
      false,
    ],
    [
      'a threshold within a threshold, and one more',
      two({ root: 'release', threshold: 2 }, OTHER),
      [...everywhere('a', 'release', 'other'), ...everywhere('b', 'release'), ...everywhere('c', 'release')],
      true,
    ],
    [
      'any of two within a threshold',
      two({ any: [RELEASE, OTHER] }, { any: [OTHER, OPS] }),
      everywhere('a', 'other'),
      false,
    ],
    [
      'any of two within a threshold, by two',
      two({ any: [RELEASE, OTHER] }, { any: [OTHER, OPS] }),
      [...everywhere('a', 'other'), ...everywhere('b', 'release')],
      true,
    ],
  ])('%s', (_, require, findings, want) => {
    expect(judge(require, findings).isSatisfied).toBe(want);
  });

  test('is found out soon where nobody can, and where everybody might', () => {
    const count = 60;
    const of = Array.from({ length: count }, (_, index) => (index % 2 === 0 ? RELEASE : pair));
    const by = (people: number) =>
      Array.from({ length: people }, (_, person) => everywhere(`p${person}`, 'release', 'other')).flat();
    const started = performance.now();
    expect(judge({ threshold: count, of }, by(count - 1)).isSatisfied).toBe(false);
    expect(judge({ threshold: count, of }, by(count)).isSatisfied).toBe(true);
    expect(judge({ threshold: 50, of: of.map(() => RELEASE) }, by(49)).isSatisfied).toBe(false);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test('ends soon even when there are more ways than can be tried', () => {
    const roots = ['release', 'other', 'ops', 'corp', 'ci'];
    const pairs = roots.flatMap((one) => roots.map((other) => ({ all: [{ root: one }, { root: other }] })));
    const findings = Array.from({ length: 31 }, (_, mask) =>
      roots.filter((__, bit) => ((mask + 1) >> bit) % 2 === 1).map((root) => signedBy(`p${mask}`, root)),
    ).flat();
    const started = performance.now();
    judge({ threshold: 20, of: pairs }, findings);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('what is missing', () => {
  const names = (require: RequirementOptions, findings: readonly Finding[] = []) => {
    const { summary, missing, signers } = judge(require, findings);
    return { summary, missing: missing.map(({ root }) => root), signers };
  };

  test.each<[string, RequirementOptions, Finding[], string, string[]]>([
    ['a key', RELEASE, [], 'it needs a signature with a key of release', ['release']],
    [
      'a certain key',
      { root: 'release', key: 'ab12' },
      [],
      'it needs a signature with the key ab12 of release',
      ['release'],
    ],
    [
      'an identity',
      { root: 'ci', identity: 'https://ci/a', issuer: 'https://ci' },
      [],
      'it needs a signature by https://ci/a of https://ci that ci vouches for',
      ['ci'],
    ],
    [
      'a subject',
      { root: 'corp', subject: 'CN=a' },
      [],
      'it needs a signature with a certificate of corp for CN=a',
      ['corp'],
    ],
    [
      'a fingerprint',
      { root: 'ops', key: 'AB CD' },
      [],
      'it needs a signature with the OpenPGP key ABCD of ops',
      ['ops'],
    ],
    [
      'an attestation',
      { root: 'release', predicateType: 'urn:x' },
      [],
      'it needs an attestation of type urn:x with a key of release',
      ['release'],
    ],
    [
      'one of two',
      { any: [RELEASE, OPS] },
      [],
      'it needs a signature with a key of release, or a signature with an OpenPGP key of ops',
      ['release', 'ops'],
    ],
    ['the cheaper of two', { any: [pairOf(), OPS] }, [], 'it needs a signature with an OpenPGP key of ops', ['ops']],
    [
      'the cheaper of two as things stand',
      { any: [{ root: 'release', threshold: 3 }, { all: [OTHER, OPS] }] },
      [signedBy('a', 'release'), signedBy('b', 'release')],
      'it needs a signature with a key of release by another signer; so far a and b signed',
      ['release'],
    ],
    [
      'both of all',
      { all: [RELEASE, OPS] },
      [],
      'it needs a signature with a key of release, and a signature with an OpenPGP key of ops',
      ['release', 'ops'],
    ],
    [
      'the rest of all',
      { all: [RELEASE, OPS] },
      [signedBy('a', 'release')],
      'it needs a signature with an OpenPGP key of ops; so far a signed',
      ['ops'],
    ],
    [
      'two of three',
      two(RELEASE, OTHER, OPS),
      [],
      'it needs 2 of these: a signature with a key of release; a signature with a key of other; a signature with an OpenPGP key of ops',
      ['release', 'other', 'ops'],
    ],
    [
      'one more of three',
      two(RELEASE, OTHER, OPS),
      [signedBy('a', 'other')],
      'it needs 1 of these: a signature with a key of release; a signature with an OpenPGP key of ops; so far a signed',
      ['release', 'ops'],
    ],
    [
      'somebody else',
      two(RELEASE, OTHER),
      [signedBy('a', 'release'), signedBy('a', 'other')],
      'it needs 1 of these by others: a signature with a key of release; a signature with a key of other; so far a signed',
      ['release', 'other'],
    ],
    [
      'several signers',
      { root: 'release', threshold: 3 },
      [],
      'it needs 3 signatures of different signers with a key of release',
      ['release'],
    ],
  ])('is %s', (_, require, findings, summary, missing) => {
    expect(names(require, findings)).toMatchObject({ summary, missing });
  });

  test('is a statement with its root, for whoever tells how to sign', () => {
    const statement = { root: 'corp', subject: 'CN=a' };
    expect(judge({ any: [statement] }, []).missing).toEqual([
      { words: 'a signature with a certificate of corp for CN=a', root: 'corp', kind: 'x509', statement },
    ]);
  });

  test('stays a sentence when there are many ways and many signers', () => {
    const any = Array.from({ length: 50 }, (_, index) => ({ root: 'release', key: `${index}` }));
    const signers = Array.from({ length: 9 }, (_, index) => signedBy(`p${index}`, 'other'));
    const { summary, missing } = judge({ all: [OTHER, { any }] }, signers);
    expect(summary).toMatch(/, or one of 45 more; so far p0, p1, p2, p3, p4 and 4 more signed$/);
    expect(missing).toHaveLength(50);
  });
});

function pairOf(): RequirementOptions {
  return { all: [RELEASE, OTHER] };
}
