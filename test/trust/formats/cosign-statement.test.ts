import { describe, expect, test } from 'vitest';
import type { Subject } from '#trust/format.ts';
import { type MemoryShelf, aShelf, aSubject } from '../shelf.ts';
import {
  ALICE,
  SIGN_V1,
  aBundle,
  aScene,
  aSignatureBundle,
  aStatement,
  anEnvelope,
  attach,
  findingsOf,
  onlyFinding,
  vouchers,
} from './cosign-signing.ts';

const RELEASE = 'release: alice.pub';
const OTHER = `sha256:${'0'.repeat(64)}` as const;
const sha256Of = ({ digest }: Subject): string => digest.slice('sha256:'.length);

/** A statement of Alice's about the subject, but for these fields. */
function attested(fields: (subject: Subject) => object): { shelf: MemoryShelf; subject: Subject } {
  const scene = aScene();
  attach(
    scene.shelf,
    scene.subject,
    aBundle(anEnvelope(aStatement(scene.subject.digest, fields(scene.subject)), ALICE)),
  );
  return scene;
}

describe('a statement', () => {
  test('about the subject is a plain signature', async () => {
    const { shelf, subject } = attested(() => ({}));
    const finding = await onlyFinding(shelf, subject);
    expect(vouchers([finding])).toEqual([RELEASE]);
    expect(finding.testimonies.map(({ predicateType }) => predicateType)).toEqual([undefined]);
  });

  test.each<[string, (subject: Subject) => object, string | undefined]>([
    ['of version 0.1', () => ({ _type: 'https://in-toto.io/Statement/v0.1' }), undefined],
    ['without a predicate, as before cosign 3.0.5', () => ({ predicate: undefined }), undefined],
    ['with members nobody knows', () => ({ later: 1 }), undefined],
    [
      'with another predicate type',
      () => ({ predicateType: 'https://slsa.dev/provenance/v1' }),
      'https://slsa.dev/provenance/v1',
    ],
    ['whose type begins as that of signatures', () => ({ predicateType: `${SIGN_V1}.1` }), `${SIGN_V1}.1`],
    [
      'with another subject first',
      (subject) => ({
        subject: [{ name: 'x', digest: { sha256: OTHER.slice(7) } }, { digest: { sha256: sha256Of(subject) } }],
      }),
      undefined,
    ],
    ['with 1024 subjects, ours last', (subject) => ({ subject: manySubjects(1023, subject) }), undefined],
  ])('%s counts for what it says', async (_, fields, predicateType) => {
    const { shelf, subject } = attested(fields);
    const finding = await onlyFinding(shelf, subject);
    expect(vouchers([finding])).toEqual([RELEASE]);
    expect(finding.testimonies.map((testimony) => testimony.predicateType)).toEqual([predicateType]);
  });

  test.each<[string, (subject: Subject) => object, string]>([
    ['a wrong _type (CVE-2022-35929)', () => ({ _type: 'https://in-toto.io/Statement/v2' }), 'statement: _type'],
    ['no _type', () => ({ _type: undefined }), 'statement: _type'],
    ['no predicate type (CVE-2022-35930)', () => ({ predicateType: undefined }), 'statement: predicateType'],
    ['an empty predicate type', () => ({ predicateType: '' }), 'statement: predicateType'],
    ['a predicate type that is no text', () => ({ predicateType: [SIGN_V1] }), 'statement: predicateType'],
    ['0 subjects', () => ({ subject: [] }), 'statement: subject'],
    ['no subjects at all', () => ({ subject: undefined }), 'statement: subject'],
    ['another digest', () => ({ subject: [{ digest: { sha256: OTHER.slice(7) } }] }), 'about something else'],
    [
      'our name and another digest',
      () => ({ subject: [{ name: 'team-a/app', digest: { sha256: OTHER.slice(7) } }] }),
      'about something else',
    ],
    ['only a sha512', () => ({ subject: [{ digest: { sha512: 'ab'.repeat(64) } }] }), 'about something else'],
    [
      'our digest under another algorithm',
      (subject) => ({ subject: [{ digest: { sha512: sha256Of(subject) } }] }),
      'about something else',
    ],
    [
      'our digest in upper case',
      (subject) => ({ subject: [{ digest: { sha256: sha256Of(subject).toUpperCase() } }] }),
      'about something else',
    ],
    [
      'our digest with its algorithm',
      (subject) => ({ subject: [{ digest: { sha256: subject.digest } }] }),
      'about something else',
    ],
    [
      'our digest as a name only',
      (subject) => ({ subject: [{ name: subject.digest, digest: {} }] }),
      'about something else',
    ],
    ['1025 subjects (CVE-2024-45395)', (subject) => ({ subject: manySubjects(1024, subject) }), 'statement: subject'],
    [
      '33 digests of a subject',
      (subject) => ({
        subject: [
          {
            digest: {
              ...Object.fromEntries(Array.from({ length: 32 }, (__, at) => [`a${at}`, 'b'])),
              sha256: sha256Of(subject),
            },
          },
        ],
      }),
      'more than 32 digests',
    ],
    ['a predicate too deep', () => ({ predicate: JSON.parse('['.repeat(200) + ']'.repeat(200)) as unknown }), 'deep'],
  ])('with %s counts for nothing', async (_, fields, problem) => {
    const { shelf, subject } = attested(fields);
    expect(await onlyFinding(shelf, subject)).toMatchObject({
      isAboutSubject: false,
      problem: expect.stringContaining(problem),
      testimonies: [],
    });
  });

  test('about a sha512 digest is found by it, and by nothing shorter', async () => {
    const shelf = aShelf();
    const subject = aSubject(shelf, { algorithm: 'sha512' });
    attach(shelf, subject, aSignatureBundle(subject.digest, ALICE));
    attach(shelf, subject, aBundle(anEnvelope(aStatement(OTHER), ALICE)));
    const findings = await findingsOf(shelf, subject);
    expect(vouchers(findings)).toEqual([RELEASE]);
    expect(findings.filter(({ isAboutSubject }) => isAboutSubject)).toHaveLength(1);
    expect(findings).toHaveLength(2);
  });
});

function manySubjects(others: number, subject: Subject): object[] {
  const other = { digest: { sha256: OTHER.slice(7) } };
  return [...Array.from({ length: others }, () => other), { digest: { sha256: sha256Of(subject) } }];
}
