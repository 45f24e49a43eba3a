import { describe, expect, test } from 'vitest';
import { judgeFindings } from '#trust/policy.ts';
import type { StatementOptions } from '#trust/requirement.ts';
import type { Signer } from '#trust/testimony.ts';
import { REPOSITORY, aFinding, aPolicy, aTestimony } from './findings.ts';

const counts = (statement: StatementOptions, signer: Partial<Signer>): boolean => {
  const finding = aFinding(aTestimony(statement.root, { signer: { name: 'x', ids: ['x'], ...signer } }));
  return judgeFindings(aPolicy(statement), REPOSITORY, [finding]).isSatisfied;
};

const ISSUER = 'https://token.actions.example.com';
const WORKFLOW = 'https://github.com/org/app/.github/workflows/release.yml@refs/heads/main';

describe('an identity', () => {
  test.each([
    [WORKFLOW, true],
    [`${WORKFLOW}.evil`, false],
    [`${WORKFLOW}/`, false],
    [`${WORKFLOW} `, false],
    [`${WORKFLOW}\n`, false],
    [`${WORKFLOW}\0`, false],
    [`https://evil.example/?${WORKFLOW}`, false],
    [`x${WORKFLOW}`, false],
    [WORKFLOW.replace('org', 'Org'), false],
    [WORKFLOW.replace('https', 'HTTPS'), false],
    // Cyrillic o, and the form in which a name server knows it.
    [WORKFLOW.replace('org', 'оrg'), false],
    [WORKFLOW.replace('github.com', 'xn--ithub-n4a.com'), false],
    [WORKFLOW.replace('main', 'main%20'), false],
    ['', false],
    [undefined, false],
  ])('%j counts for the one that is asked for: %s', (identity, want) => {
    expect(counts({ root: 'ci', identity: WORKFLOW, issuer: ISSUER }, { identity, issuer: ISSUER })).toBe(want);
  });

  test.each([
    [ISSUER, true],
    [`${ISSUER}/`, false],
    [`${ISSUER}.evil.example`, false],
    ['https://evil.example', false],
    [ISSUER.toUpperCase(), false],
    [undefined, false],
  ])('of the issuer %j counts: %s', (issuer, want) => {
    expect(counts({ root: 'ci', identity: WORKFLOW, issuer: ISSUER }, { identity: WORKFLOW, issuer })).toBe(want);
  });

  test.each<[string, StatementOptions]>([
    ['no issuer', { root: 'ci', identity: WORKFLOW }],
    ['no identity', { root: 'ci', issuer: ISSUER }],
    ['neither', { root: 'ci' }],
    ['an empty pattern', { root: 'ci', identityPattern: '', issuer: ISSUER }],
    ['a pattern that fits anybody', { root: 'ci', identityPattern: '**', issuer: ISSUER }],
    [
      'an identity and a pattern that disagree',
      { root: 'ci', identity: WORKFLOW, identityPattern: 'https://x/**', issuer: ISSUER },
    ],
  ])('never counts when a statement has %s', (_, statement) => {
    expect(counts(statement, { identity: WORKFLOW, issuer: ISSUER })).toBe(false);
  });

  test('never counts when neither signature nor statement has an issuer', () => {
    expect(counts({ root: 'ci', identity: WORKFLOW }, { identity: WORKFLOW })).toBe(false);
    expect(counts({ root: 'ci', issuer: ISSUER }, { issuer: ISSUER })).toBe(false);
  });

  test('is nobody when two statements know each half of it', () => {
    const halves = {
      any: [
        { root: 'ci', identity: WORKFLOW, issuer: 'a' },
        { root: 'ci', identity: 'b', issuer: ISSUER },
      ],
    };
    const finding = aFinding(
      aTestimony('ci', { signer: { name: 'x', ids: ['x'], identity: WORKFLOW, issuer: ISSUER } }),
    );
    expect(judgeFindings(aPolicy(halves), REPOSITORY, [finding]).isSatisfied).toBe(false);
  });
});

describe('a pattern', () => {
  test.each([
    ['https://github.com/org/**', WORKFLOW, true],
    ['https://github.com/org/**', 'https://github.com/org.evil/app', false],
    ['https://github.com/org/**', 'https://github.com/org', false],
    ['https://github.com/org/**', 'https://github.com/orgs/x', false],
    ['https://github.com/org/**', 'https://evil.example/https://github.com/org/app', false],
    ['https://github.com/org/**', 'https://github.com@evil.example/org/app', false],
    ['https://github.com/org/**', 'https://GITHUB.com/org/app', false],
    ['https://github.com/org/*', 'https://github.com/org/app', true],
    ['https://github.com/org/*', 'https://github.com/org/app/x', false],
    ['https://github.com/org/*/x', 'https://github.com/org/app/x', true],
    ['https://github.com/org/a.p', 'https://github.com/org/app', false],
    ['https://github.com/org/[a-z]+', 'https://github.com/org/app', false],
    ['https://github.com/org/a?p', 'https://github.com/org/app', false],
    ['https://github.com/org/{app,x}', 'https://github.com/org/app', false],
    ['https://github.com/org/{app,x}', 'https://github.com/org/{app,x}', true],
    ['https://github.com/org/**@refs/heads/main', WORKFLOW, true],
    ['https://github.com/org/**@refs/heads/main', `${WORKFLOW}2`, false],
    ['https://github.com/org/**@refs/heads/main', `${WORKFLOW}\nx`, false],
    ['*@example.com', 'alice@example.com', true],
    ['*@example.com', 'alice@example.com.evil', false],
    ['*@example.com', 'alice@sub.example.com', false],
    ['*@example.com', 'https://evil.example/alice@example.com', false],
    ['*@example.com', 'urn:alice@example.com', false],
    ['**@example.com', 'https://evil.example/alice@example.com', false],
    ['alice@*', 'alice@example.com', true],
    // Anybody can have a host of that name; the configuration refuses such patterns.
    ['https://github.com*', 'https://github.com.evil/x', false],
    ['https://*.example.com/x', 'https://evil.example?.example.com/x', false],
    ['https://github.com', 'https://github.com', false],
    ['spiffe://example.com/ns/*/sa/builder', 'spiffe://example.com/ns/a/sa/builder', true],
  ])('%s fits %j: %s', (identityPattern, identity, want) => {
    expect(counts({ root: 'ci', identityPattern, issuer: ISSUER }, { identity, issuer: ISSUER })).toBe(want);
  });

  test('is never slow', () => {
    const identityPattern = `https://h/${'**a'.repeat(300)}`;
    const started = performance.now();
    expect(
      counts({ root: 'ci', identityPattern, issuer: 'i' }, { identity: `https://h/${'a'.repeat(4000)}b`, issuer: 'i' }),
    ).toBe(false);
    expect(
      counts(
        { root: 'ci', identityPattern: 'https://h/**', issuer: 'i' },
        { identity: `https://h/${'a'.repeat(1e6)}`, issuer: 'i' },
      ),
    ).toBe(false);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe('a subject', () => {
  const has = (subject: string, text: string | undefined) =>
    counts({ root: 'corp', subject }, text === undefined ? {} : { subject: text });

  test.each([
    ['CN=alice', 'CN=alice', true],
    ['CN=alice', 'CN=alice,O=Acme,C=DE', true],
    ['O=Acme,CN=alice', 'C=DE,O=Acme,CN=alice', true],
    ['CN=alice, O=Acme', 'CN=alice,O=Acme', true],
    ['cn = alice', 'CN=alice', true],
    ['O=Acme,CN=alice', 'CN=alice+O=Acme', true],
    ['S=WA', 'ST=WA', true],
    ['2.5.4.3=alice', 'CN=alice', true],
    ['O=Acme\\, Inc.', 'O=Acme\\, Inc.', true],
    ['O=Acme\\2C Inc.', 'O=Acme\\, Inc.', true],
    ['CN=J\\C3\\BCrgen', 'CN=Jürgen', true],
    ['CN=a\\ ', 'CN=a\\20', true],
    ['DC=example,DC=com', 'DC=com,DC=example', true],
    // Everything below only looks like what is asked for.
    ['CN=alice', 'CN=alice2', false],
    ['CN=alice', 'CN=malice', false],
    ['CN=alice', 'CN=Alice', false],
    ['CN=alice', 'CN=alice\\ ', false],
    ['CN=alice', 'O=CN=alice', false],
    ['CN=alice', 'O=x\\,CN=alice', false],
    ['CN=alice', 'O=x\\+CN=alice', false],
    ['CN=alice', 'UID=CN\\=alice', false],
    ['CN=alice', 'CN=mallory,CN=alice', false],
    ['CN=alice', 'CN=mallory+CN=alice', false],
    ['CN=alice,CN=alice', 'CN=alice', false],
    ['CN=alice,O=Acme', 'CN=alice', false],
    ['CN=alice,O=Acme', 'CN=alice,O=Acme\\, Inc.', false],
    ['DC=com', 'DC=evil,DC=com', false],
    ['CN=alice', 'OU=alice', false],
    ['CN=alice', 'CN=аlice', false],
    ['CN=alice', 'CN=#0C05616C696365', false],
    ['CN=#0C05616C696365', 'CN=#0C05616C696365', false],
    ['CN=\\#00', 'CN=#00', false],
    ['CN=alice', 'CN=alice,2.5.4.97=#130161', true],
    ['2.5.4.97=a', '2.5.4.97=a,CN=alice', true],
    ['CM=alice', 'CM=alice', false],
    ['CN=alice', '', false],
    ['CN=alice', 'alice', false],
    ['CN=alice', 'CN=alice,', false],
    ['CN=alice', undefined, false],
    // A statement that cannot be read is met by nobody.
    ['', 'CN=alice', false],
    ['CN=', 'CN=', false],
    ['CN=al\\', 'CN=al\\', false],
    ['CN=\\FF', 'CN=\\FF', false],
  ])('%j is in %j: %s', (subject, text, want) => {
    expect(has(subject, text)).toBe(want);
  });

  test('is read in no time however long', () => {
    const started = performance.now();
    expect(has('CN=alice', `CN=alice,O=${'a'.repeat(1e6)}`)).toBe(false);
    expect(has('CN=alice', `CN=alice,O=${' \\ '.repeat(1300)}\\`)).toBe(false);
    expect(has('CN=alice', `CN=alice${',O=a'.repeat(900)}`)).toBe(true);
    expect(performance.now() - started).toBeLessThan(500);
  });
});

describe('a key', () => {
  const SPKI = 'ab12'.repeat(16);
  const FINGERPRINT = 'AB12'.repeat(10);

  test.each([
    [SPKI, [`spki:${SPKI}`], true],
    [SPKI.toUpperCase(), [`spki:${SPKI}`], true],
    [SPKI, ['x', `spki:${SPKI}`], true],
    [SPKI, [`spki:${SPKI}0`], false],
    [SPKI, [SPKI], false],
    [SPKI, [`openpgp:${SPKI}`], false],
    [SPKI.slice(0, 16), [`spki:${SPKI}`], false],
  ])('%s of a root of keys is the signer %j: %s', (key, ids, want) => {
    expect(counts({ root: 'release', key }, { ids })).toBe(want);
  });

  test.each([
    [FINGERPRINT, FINGERPRINT, true],
    [FINGERPRINT.toLowerCase(), FINGERPRINT, true],
    ['AB12 AB12 AB12 AB12 AB12  AB12 AB12 AB12 AB12 AB12', FINGERPRINT, true],
    [FINGERPRINT.slice(-16), FINGERPRINT, false],
    [FINGERPRINT.slice(-8), FINGERPRINT, false],
    [FINGERPRINT, `${FINGERPRINT}0`, false],
    [FINGERPRINT, undefined, false],
  ])('%s of a key ring is the signer %s: %s', (key, fingerprint, want) => {
    expect(counts({ root: 'ops', key }, { fingerprint })).toBe(want);
  });
});
