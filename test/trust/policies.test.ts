import { describe, expect, test } from 'vitest';
import { type TrustOptions, trustOptions } from '#trust/options.ts';
import { compilePolicies } from '#trust/policies.ts';
import { ROOTS, aRoot } from './findings.ts';

const trust = (written: object): TrustOptions =>
  trustOptions.parse({
    roots: {
      release: { keys: ['/release.pub'] },
      ci: { sigstore: '/root.json' },
      ops: { openpgp: '/ops.gpg' },
      corp: { x509: ['/ca.pem'] },
    },
    ...written,
  });

const over = (...patterns: string[]): TrustOptions =>
  trust({ policies: patterns.map((repositories) => ({ repositories, require: { root: 'release' } })) });

describe('the policy for a repository', () => {
  const labels = (patterns: readonly string[], repository: string) =>
    compilePolicies(over(...patterns), ROOTS).policyFor(repository)?.label;

  test.each([
    [['**', 'team-a/**', 'team-a/app'], 'team-a/app', 'policy 3 (team-a/app)'],
    [['team-a/app', 'team-a/**', '**'], 'team-a/app', 'policy 1 (team-a/app)'],
    [['**', 'team-a/**', 'team-a/app'], 'team-a/app2', 'policy 2 (team-a/**)'],
    [['**', 'team-a/**'], 'team-b/app', 'policy 1 (**)'],
    [['**', 'team-a/*'], 'team-a/app/x', 'policy 1 (**)'],
    [['team-a/**', 'team-a/*'], 'team-a/app', 'policy 2 (team-a/*)'],
    [['team-a/**'], 'team-b/app', undefined],
    [['team-a/**'], 'evil/team-a/app', undefined],
    [['team-a/**'], 'team-a', undefined],
    [['team-a/*'], 'team-a.evil/app', undefined],
    // As specific as one another: the one that is written first.
    [['team-?/**', 'team-*/**'], 'team-a/app', 'policy 1 (team-?/**)'],
    [['team-*/**', 'team-?/**'], 'team-a/app', 'policy 1 (team-*/**)'],
    [[], 'team-a/app', undefined],
  ])('of %j is for %s: %s', (patterns, repository, want) => {
    expect(labels(patterns, repository)).toBe(want);
  });

  test('is the same object whenever it is asked for', () => {
    const policies = compilePolicies(over('**'), ROOTS);
    expect(policies.policyFor('a')).toBe(policies.policyFor('b'));
    expect(policies.policyFor('a')).toBe(policies.all[0]);
  });

  test('is one also when nothing is asked', () => {
    const options = trust({ policies: [{ repositories: 'x', mode: 'off' }] });
    expect(compilePolicies(options, ROOTS).policyFor('x')?.options).toMatchObject({ mode: 'off', pull: 'open' });
  });
});

describe('the version of all', () => {
  const first = compilePolicies(over('a', 'b'), ROOTS).version;
  test('is the same for the same, in whatever order roots are', () => {
    expect(compilePolicies(over('a', 'b'), new Map([...ROOTS].toReversed())).version).toBe(first);
    expect(first).toMatch(/^[0-9a-f]{64}$/);
  });

  test.each([
    ['order', compilePolicies(over('b', 'a'), ROOTS)],
    ['pattern', compilePolicies(over('a', 'c'), ROOTS)],
    [
      'root that no policy names',
      compilePolicies(over('a', 'b'), new Map([...ROOTS, ['ops', aRoot('ops', 'openpgp', { version: '2' })]])),
    ],
    [
      'root that broke',
      compilePolicies(over('a', 'b'), new Map([...ROOTS, ['ops', aRoot('ops', 'openpgp', { problem: 'x' })]])),
    ],
    ['word elsewhere', compilePolicies({ ...over('a', 'b'), judgeAgainEvery: 1 }, ROOTS)],
  ])('is another with another %s', (_, other) => {
    expect(other.version).not.toBe(first);
  });
});

describe('a configuration is told', () => {
  const HEX = 'ab'.repeat(32);
  const problems = (written: object): string[] => {
    const roots = { release: { keys: ['a'] }, ci: { sigstore: 'a' }, ops: { openpgp: 'a' }, corp: { x509: ['a'] } };
    const issues = trustOptions.safeParse({ roots, ...written }).error?.issues ?? [];
    return issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  };
  const requiring = (require: unknown, more: object = {}): string[] =>
    problems({ policies: [{ repositories: 'x', require, ...more }] });

  test.each([
    [{ root: 'release' }],
    [{ root: 'release', key: HEX, predicateType: 'urn:x' }],
    [{ root: 'release', threshold: 3 }],
    [{ root: 'ci', identity: 'https://ci/x', issuer: 'https://ci' }],
    [{ root: 'ci', identityPattern: '*@example.com', issuer: 'https://ci', threshold: 2 }],
    [{ root: 'corp' }],
    [{ root: 'corp', subject: 'CN=alice, O=Acme' }],
    [{ root: 'ops', key: HEX.slice(0, 40) }],
    [{ root: 'ops', key: `${'ABCD '.repeat(5)} ${'ABCD '.repeat(5)}`.trim() }],
    [
      {
        any: [
          { root: 'release' },
          { all: [{ root: 'ops' }, { threshold: 2, of: [{ root: 'corp' }, { root: 'ops' }] }] },
        ],
      },
    ],
  ])('nothing of %j', (require) => {
    expect(requiring(require)).toEqual([]);
  });

  test.each([
    [{ root: 'gone' }, 'root: there is no root gone'],
    [{ root: 'constructor' }, 'root: there is no root constructor'],
    [{ any: [{ root: 'release' }, { root: 'gone' }] }, 'any.1.root: there is no root gone'],
    [{ root: 'release', issuer: 'x' }, 'issuer: a root of keys knows no issuer'],
    [{ root: 'release', subject: 'CN=x' }, 'subject: a root of keys knows no subject'],
    [{ root: 'ops', identityPattern: 'x@y' }, 'identityPattern: a root of openpgp knows no identityPattern'],
    [{ root: 'corp', key: HEX }, 'key: a root of x509 knows no key'],
    [{ root: 'corp', identity: 'x' }, 'identity: a root of x509 knows no identity'],
    [{ root: 'ci', identity: 'x', issuer: 'y', key: HEX }, 'key: a root of sigstore knows no key'],
    [{ root: 'ci', identity: 'x' }, 'issuer: expected who vouches for the identity, found nothing'],
    [{ root: 'ci', issuer: 'x' }, 'identity: expected an identity or an identityPattern, found nothing'],
    [
      { root: 'ci', issuer: 'x', identity: 'a', identityPattern: 'b*' },
      'identityPattern: expected an identity or an identityPattern, found both',
    ],
    [
      { root: 'ci', issuer: 'x', identityPattern: '**' },
      'identityPattern: expected a pattern that says more than anybody',
    ],
    [
      { root: 'ci', issuer: 'x', identityPattern: 'https://*.example.com/**' },
      'identityPattern: expected no * before the path of an address',
    ],
    [
      { root: 'ci', issuer: 'x', identityPattern: 'https://github.com' },
      'identityPattern: expected a / behind the host of an address',
    ],
    [
      { root: 'corp', subject: 'alice' },
      'subject: expected attributes such as CN=alice,O=Acme, escaped as in RFC 4514',
    ],
    [{ root: 'corp', subject: 'CM=a' }, 'subject: expected attributes such as CN=alice,O=Acme, escaped as in RFC 4514'],
    [{ root: 'corp', subject: 'CN=#0C0161' }, 'subject: expected values that are texts, found one in BER'],
    [{ root: 'release', key: HEX.slice(1) }, 'key: expected the 64 hexadecimal digits of a SHA-256'],
    [
      { root: 'ops', key: 'DEADBEEF' },
      'key: expected a fingerprint of 40 or 64 hexadecimal digits: anybody can make a key with the same short id',
    ],
    [
      { root: 'ops', key: '0xDEADBEEFDEADBEEF' },
      'key: expected a fingerprint of 40 or 64 hexadecimal digits: anybody can make a key with the same short id',
    ],
    [{ root: 'ops', key: 'alice' }, 'key: expected a fingerprint of 40 or 64 hexadecimal digits'],
    [{ root: 'release', key: HEX, threshold: 2 }, 'threshold: one key is one signer, found a threshold of 2'],
    [
      { root: 'ci', identity: 'x', issuer: 'y', threshold: 2 },
      'threshold: one identity is one signer, found a threshold of 2',
    ],
    [
      { threshold: 3, of: [{ root: 'ops' }, { root: 'corp' }] },
      'threshold: expected at most the 2 that are listed, found 3',
    ],
    [
      { all: [{ threshold: 2, of: [{ root: 'ops' }] }] },
      'all.0.threshold: expected at most the 1 that are listed, found 2',
    ],
  ])('of %j: %s', (require, want) => {
    expect(requiring(require)).toEqual([`policies.0.require.${want}`]);
  });

  test.each([[{ rot: 'x' }], [{}], ['release']])('what %j should have been', (require) => {
    expect(requiring(require)).toEqual([
      expect.stringMatching(/^policies\.0\.require: expected \{ root \} with .*of: \[\.\.\.\] \}$/),
    ]);
  });

  test('of more than can be judged', () => {
    const nested = Array.from({ length: 8 }).reduce<object>((inner) => ({ any: [inner] }), { root: 'ops' });
    expect(requiring(nested)).toEqual(['policies.0.require: expected at most 8 requirements within one another']);
    const many = {
      any: Array.from({ length: 3 }, () => ({ any: Array.from({ length: 70 }, () => ({ root: 'ops' })) })),
    };
    expect(requiring(many)).toEqual(['policies.0.require: expected at most 200 statements']);
  });

  test.each([
    [{}, 'mode hold'],
    [{ mode: 'audit' }, 'mode audit'],
    [{ mode: 'strict' }, 'mode strict'],
    [{ mode: 'off', pull: 'enforce' }, 'pull enforce'],
  ])('that %j needs a requirement', (policy, what) => {
    expect(requiring(undefined, policy)).toEqual([
      `policies.0.require: expected who has to have signed, since ${what} needs it, found nothing`,
    ]);
  });

  test.each([
    ['strict', { revocation: 'skip', expiry: 'log' }, []],
    [
      'strict',
      { integrity: 'enforce' },
      ['integrity: integrity is enforced by every level: what fails it is no signature of this'],
    ],
    ['audit', { expiry: 'skip' }, ['expiry: expiry can be enforced or logged, only revocation can be skipped']],
    [
      'permissive',
      { authenticity: 'skip' },
      ['authenticity: authenticity can be enforced or logged, only revocation can be skipped'],
    ],
    ['skip', { revocation: 'skip' }, ['revocation: the level skip has no exceptions']],
  ])('of the level %s with the exceptions %j: %j', (level, checks, want) => {
    expect(requiring({ root: 'ops' }, { level, checks })).toEqual(want.map((words) => `policies.0.checks.${words}`));
  });

  test('of two policies for the same repositories', () => {
    const policy = { require: { root: 'ops' } };
    const policies = ['a', 'b', 'a'].map((repositories) => ({ ...policy, repositories }));
    expect(problems({ policies })).toEqual([
      'policies.2.repositories: policy 1 is for the same repositories, so that this one never counts',
    ]);
  });
});
