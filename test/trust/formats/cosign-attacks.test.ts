import { describe, expect, test } from 'vitest';
import { aSubject } from '../shelf.ts';
import {
  ALICE,
  ENVELOPE_LAYER,
  MALLORY,
  SIGNATURE,
  SIGN_V1,
  aBundle,
  aPayload,
  aPayloadLayer,
  aScene,
  aSignatureBundle,
  aStatement,
  anEnvelope,
  attTagOf,
  attach,
  findingsOf,
  onlyFinding,
  sigTagOf,
  vouchers,
} from './cosign-signing.ts';

const RELEASE = 'release: alice.pub';
const OTHER = `sha256:${'0'.repeat(64)}` as const;

describe('an attacker who can push', () => {
  test('moves a signature to another digest by its subject, in vain', async () => {
    const { shelf, subject } = aScene();
    const other = aSubject(shelf, { repository: 'team-a/other' });
    attach(shelf, subject, aSignatureBundle(other.digest, ALICE));
    expect(await onlyFinding(shelf, subject)).toMatchObject({ isAboutSubject: false, testimonies: [] });
  });

  test('copies a .sig tag to another digest, in vain', async () => {
    const { shelf, subject } = aScene();
    const other = aSubject(shelf, { repository: 'team-a/other' });
    shelf.putArtifact({ tag: sigTagOf(subject), layers: [aPayloadLayer(aPayload(other), ALICE)] });
    expect(await onlyFinding(shelf, subject)).toMatchObject({
      isAboutSubject: false,
      problem: expect.stringContaining('about something else'),
      testimonies: [],
    });
  });

  test('replays a legacy signature into another repository: it says where it is from', async () => {
    const { shelf, subject } = aScene();
    const payload = aPayload({ ...subject, repository: 'team-b/app' });
    shelf.putArtifact({ tag: sigTagOf(subject), layers: [aPayloadLayer(payload, ALICE)] });
    const { testimonies } = await onlyFinding(shelf, subject);
    expect(testimonies.map(({ reference }) => reference)).toEqual(['team-b/app']);
  });

  test('signs with a key of their own: it is about the subject and vouches for nothing', async () => {
    const { shelf, subject } = aScene();
    attach(shelf, subject, aSignatureBundle(subject.digest, MALLORY));
    const finding = await onlyFinding(shelf, subject);
    expect(vouchers([finding])).toEqual([]);
    expect(finding).toMatchObject({ isAboutSubject: true, problem: undefined });
    expect(finding.testimonies).toMatchObject([
      {
        root: 'release',
        signer: { name: 'unknown', ids: [] },
        checks: {
          integrity: { outcome: 'fail', why: 'no key of this root made it' },
          authenticity: { outcome: 'fail', why: 'no key of this root made it' },
        },
      },
    ]);
  });

  test('annotates a bill of materials as a signature: the signed type counts', async () => {
    const { shelf, subject } = aScene();
    const statement = aStatement(subject.digest, { predicateType: 'https://spdx.dev/Document' });
    attach(shelf, subject, aBundle(anEnvelope(statement, ALICE)), {
      annotations: { 'dev.sigstore.bundle.predicateType': SIGN_V1, 'dev.sigstore.bundle.content': 'dsse-envelope' },
    });
    const { testimonies } = await onlyFinding(shelf, subject);
    expect(testimonies.map(({ predicateType }) => predicateType)).toEqual(['https://spdx.dev/Document']);
  });

  test('annotates a legacy attestation as a signature: the signed type counts', async () => {
    const { shelf, subject } = aScene();
    const statement = aStatement(subject.digest, { predicateType: 'https://spdx.dev/Document' });
    const content = JSON.stringify(anEnvelope(statement, ALICE));
    const layer = { mediaType: ENVELOPE_LAYER, content, annotations: { predicateType: SIGN_V1, [SIGNATURE]: '' } };
    shelf.putArtifact({ tag: attTagOf(subject), layers: [layer] });
    const { testimonies } = await onlyFinding(shelf, subject);
    expect(testimonies.map(({ predicateType }) => predicateType)).toEqual(['https://spdx.dev/Document']);
  });

  test('names the key of somebody else in the hint, in vain', async () => {
    const { shelf, subject } = aScene();
    const verificationMaterial = { publicKey: { hint: 'alice.pub' } };
    attach(shelf, subject, aBundle(anEnvelope(aStatement(subject.digest), MALLORY), { verificationMaterial }));
    expect(vouchers(await findingsOf(shelf, subject))).toEqual([]);
  });

  test('puts the digest into what is not signed, in vain', async () => {
    const { shelf, subject } = aScene();
    const good = anEnvelope(aStatement(OTHER), ALICE);
    const payload = Buffer.from(aStatement(subject.digest)).toString('base64');
    attach(shelf, subject, aBundle({ ...good, payload }));
    expect(vouchers(await findingsOf(shelf, subject))).toEqual([]);
  });

  test('adds a signature of their own to an envelope, or takes all away, in vain', async () => {
    const { shelf, subject } = aScene();
    const envelope = anEnvelope(aStatement(subject.digest), ALICE) as { signatures: object[] };
    const theirs = anEnvelope(aStatement(subject.digest), MALLORY) as { signatures: object[] };
    attach(shelf, subject, aBundle({ ...envelope, signatures: [...envelope.signatures, ...theirs.signatures] }));
    attach(shelf, subject, aBundle({ ...envelope, signatures: [] }));
    const findings = await findingsOf(shelf, subject);
    expect(findings.map(({ problem }) => problem)).toEqual([
      expect.stringContaining('envelope: signatures'),
      expect.stringContaining('envelope: signatures'),
    ]);
  });

  test('changes the type of the payload, in vain', async () => {
    const { shelf, subject } = aScene();
    attach(shelf, subject, aBundle(anEnvelope(aStatement(subject.digest), ALICE, { payloadType: 'application/json' })));
    expect(await onlyFinding(shelf, subject)).toMatchObject({
      isAboutSubject: false,
      problem: expect.stringContaining('envelope: payloadType'),
    });
  });

  test('signs twice: both are the same signer', async () => {
    const { shelf, subject } = aScene();
    attach(shelf, subject, aSignatureBundle(subject.digest, ALICE));
    attach(shelf, subject, aSignatureBundle(subject.digest, ALICE));
    const findings = await findingsOf(shelf, subject);
    const ids = findings.flatMap(({ testimonies }) => testimonies.flatMap(({ signer }) => signer.ids));
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
  });

  test('leaves a bad bundle before and after a good one, in vain', async () => {
    const { shelf, subject } = aScene();
    attach(shelf, subject, aSignatureBundle(subject.digest, ALICE));
    for (let count = 0; count < 20; count += 1) attach(shelf, subject, `not a bundle, number ${count}`);
    const findings = await findingsOf(shelf, subject);
    expect(findings).toHaveLength(21);
    expect(vouchers(findings)).toEqual([RELEASE]);
  });
});
