import { expect, test } from 'vitest';
import type { Policy } from '#trust/policy.ts';
import { shortfallOf } from '#trust/shortfall.ts';
import type { Testimony } from '#trust/testimony.ts';
import { REPOSITORY, aPolicy, aTestimony, checks } from './findings.ts';

const RELEASE = aPolicy({ any: [{ root: 'release', key: 'a'.repeat(64) }, { root: 'other' }] });
const ALICE = { name: 'alice', ids: [`spki:${'a'.repeat(64)}`] };
const SLSA = 'https://slsa.dev/provenance/v1';

test.each<[string, Policy, Testimony, string | undefined]>([
  ['a sound one', RELEASE, aTestimony('release', { signer: ALICE }), undefined],
  ['one by somebody else', RELEASE, aTestimony('release'), 'the policy asks release for another signer'],
  ['one of a root that is not asked', RELEASE, aTestimony('ci'), 'nothing is asked of ci'],
  [
    'one that fails a check',
    RELEASE,
    aTestimony('release', { signer: ALICE, checks: checks({ revocation: 'fail' }) }),
    'revocation: revocation, as the test has it',
  ],
  [
    'one that fails what is only logged',
    aPolicy({ root: 'release' }, { level: 'permissive' }),
    aTestimony('release', { checks: checks({ revocation: 'fail' }) }),
    undefined,
  ],
  [
    'one for another repository',
    RELEASE,
    aTestimony('release', { signer: ALICE, reference: 'team-b/app' }),
    'it is for team-b/app, and not for team-a/app',
  ],
  [
    'one for another repository where that is no matter',
    aPolicy({ root: 'release' }, { reference: 'any' }),
    aTestimony('release', { reference: 'team-b/app' }),
    undefined,
  ],
  [
    'an attestation where a signature is asked for',
    RELEASE,
    aTestimony('other', { predicateType: SLSA }),
    `it is an attestation of type ${SLSA}, and that is not asked for`,
  ],
  [
    'a signature where an attestation is asked for',
    aPolicy({ root: 'release', predicateType: SLSA }),
    aTestimony('release'),
    'it is a plain signature, and an attestation is asked for',
  ],
  [
    'one of a root that cannot be used',
    aPolicy({ root: 'broken' }),
    aTestimony('broken'),
    'broken cannot be used: there is no file broken.pub',
  ],
])('%s falls short, or does not', (_, policy, testimony, want) => {
  expect(shortfallOf(testimony, policy, REPOSITORY)).toBe(want);
});
