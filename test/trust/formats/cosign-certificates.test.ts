import { dsse } from '@sigstore/core';
import { describe, expect, test } from 'vitest';
import type { Root } from '#trust/root.ts';
import { readBundle } from '#trust/sigstore/bundle.ts';
import { certificateOf } from '#trust/sigstore/legacy-certificate.ts';
import {
  ALICE,
  BUNDLE_TYPE,
  ROOTS,
  STATEMENT_TYPE,
  aBundle,
  aPayload,
  aPayloadLayer,
  aScene,
  aStatement,
  anEnvelope,
  attach,
  onlyFinding,
  sigTagOf,
  vouchers,
} from './cosign-signing.ts';

const CERTIFICATE = Buffer.from('stands for a certificate');
const TIME_STAMP = Buffer.from('stands for a time stamp');
const PROMISE = Buffer.from('stands for a promise');
const KEY_ID = Buffer.alloc(32, 7);
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const pem = (bytes: Uint8Array): string => `-----BEGIN CERTIFICATE-----\n${text(bytes)}\n-----END CERTIFICATE-----\n`;

const SIGSTORE: Root = { name: 'ci', version: '1', problem: 'not there', kind: 'sigstore', trustedRoot: undefined };

describe('a bundle with a certificate', () => {
  const entry = {
    logIndex: '12',
    logId: { keyId: text(KEY_ID) },
    kindVersion: { kind: 'hashedrekord', version: '0.0.1' },
    integratedTime: '1700000000',
    inclusionPromise: { signedEntryTimestamp: text(PROMISE) },
    inclusionProof: {
      logIndex: 11,
      rootHash: text(KEY_ID),
      treeSize: '13',
      hashes: [text(KEY_ID), text(KEY_ID)],
      checkpoint: { envelope: 'log\n13\n' },
    },
    canonicalizedBody: text(Buffer.from('{}')),
  };
  const timestampVerificationData = { rfc3161Timestamps: [{ signedTimestamp: text(TIME_STAMP) }] };

  test.each<[string, object, string]>([
    ['alone', { certificate: { rawBytes: text(CERTIFICATE) } }, BUNDLE_TYPE],
    [
      'first of a chain, as in version 0.1',
      { x509CertificateChain: { certificates: [{ rawBytes: text(CERTIFICATE) }, { rawBytes: 'AAAA' }] } },
      'application/vnd.dev.sigstore.bundle+json;version=0.1',
    ],
  ])('%s is keyless material', (_, leaf, mediaType) => {
    const { subject } = aScene();
    const payload = aStatement(subject.digest);
    const envelope = anEnvelope(payload, ALICE) as { signatures: [{ sig: string }] };
    const verificationMaterial = {
      ...leaf,
      tlogEntries: [entry, { canonicalizedBody: 'AAAA' }],
      timestampVerificationData,
    };
    const claim = readBundle(Buffer.from(aBundle(envelope, { mediaType, verificationMaterial })), subject.digest);
    const signed = dsse.preAuthEncoding(STATEMENT_TYPE, Buffer.from(payload));
    expect(claim.signed).toEqual(signed);
    expect(claim.keyless).toEqual({
      certificate: CERTIFICATE,
      signature: Buffer.from(envelope.signatures[0].sig, 'base64'),
      signed,
      envelope: { payloadType: STATEMENT_TYPE, payload: Buffer.from(payload) },
      logEntries: [
        {
          logIndex: '12',
          logId: { keyId: KEY_ID },
          kindVersion: { kind: 'hashedrekord', version: '0.0.1' },
          integratedTime: '1700000000',
          inclusionPromise: { signedEntryTimestamp: PROMISE },
          inclusionProof: {
            logIndex: '11',
            rootHash: KEY_ID,
            treeSize: '13',
            hashes: [KEY_ID, KEY_ID],
            checkpoint: { envelope: 'log\n13\n' },
          },
          canonicalizedBody: Buffer.from('{}'),
        },
        {
          logIndex: '0',
          logId: undefined,
          kindVersion: undefined,
          integratedTime: '0',
          inclusionPromise: undefined,
          inclusionProof: undefined,
          canonicalizedBody: Buffer.from('AAAA', 'base64'),
        },
      ],
      timeStamps: [TIME_STAMP],
    });
  });

  test.each<[string, object]>([
    ['a chain in version 0.3', { x509CertificateChain: { certificates: [{ rawBytes: 'AAAA' }] } }],
    ['an empty chain', { x509CertificateChain: { certificates: [] } }],
    [
      'a chain of eleven',
      { x509CertificateChain: { certificates: Array.from({ length: 11 }, () => ({ rawBytes: 'AAAA' })) } },
    ],
    ['a certificate of 65 KiB', { certificate: { rawBytes: text(Buffer.alloc(65 << 10)) } }],
    [
      'a path of 65 hashes',
      withEntry({ inclusionProof: { ...entry.inclusionProof, hashes: Array.from({ length: 65 }, () => 'AAAA') } }),
    ],
    ['an index that is no number', withEntry({ logIndex: '1e3' })],
    ['an index below zero', withEntry({ logIndex: -1 })],
    ['an entry without a body', withEntry({ canonicalizedBody: undefined })],
    ['a promise that is no base64', withEntry({ inclusionPromise: { signedEntryTimestamp: '?' } })],
  ])('is refused with %s', async (_, verificationMaterial) => {
    const { shelf, subject } = aScene();
    attach(shelf, subject, aBundle(anEnvelope(aStatement(subject.digest), ALICE), { verificationMaterial }));
    const finding = await onlyFinding(shelf, subject);
    expect(finding).toMatchObject({
      isAboutSubject: false,
      problem: expect.stringMatching(/^bundle: /),
      testimonies: [],
    });
  });

  function withEntry(fields: object): object {
    return { certificate: { rawBytes: 'AAAA' }, tlogEntries: [{ ...entry, ...fields }] };
  }
});

describe('annotations of before version 3', () => {
  const body = Buffer.from('{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{}}');
  const Payload = { body: text(body), integratedTime: 1700000000, logIndex: 12, logID: KEY_ID.toString('hex') };
  const bundle = { SignedEntryTimestamp: text(PROMISE), Payload };
  const whole = {
    'dev.sigstore.cosign/certificate': pem(CERTIFICATE),
    'dev.sigstore.cosign/chain': pem(CERTIFICATE),
    'dev.sigstore.cosign/bundle': JSON.stringify(bundle),
    'dev.sigstore.cosign/rfc3161timestamp': JSON.stringify({ SignedRFC3161Timestamp: text(TIME_STAMP) }),
  };
  const claim = {
    signature: Buffer.of(1),
    signed: Buffer.of(2),
    envelope: undefined,
    predicateType: undefined,
    reference: undefined,
  };

  test('are keyless material in the form of bundles', () => {
    expect(certificateOf(whole, claim)).toEqual({
      certificate: CERTIFICATE,
      signature: claim.signature,
      signed: claim.signed,
      envelope: undefined,
      logEntries: [
        {
          logIndex: '12',
          logId: { keyId: KEY_ID },
          kindVersion: { kind: 'hashedrekord', version: '0.0.1' },
          integratedTime: '1700000000',
          inclusionPromise: { signedEntryTimestamp: PROMISE },
          inclusionProof: undefined,
          canonicalizedBody: body,
        },
      ],
      timeStamps: [TIME_STAMP],
    });
  });

  test('without log entry and time stamp are a certificate alone', () => {
    const annotations = { 'dev.sigstore.cosign/certificate': pem(CERTIFICATE).replace('\n', '\r\n') };
    expect(certificateOf(annotations, claim)).toMatchObject({
      certificate: CERTIFICATE,
      logEntries: [],
      timeStamps: [],
    });
  });

  test.each([[undefined], [{}], [{ 'dev.sigstore.cosign/chain': pem(CERTIFICATE) }]])(
    '%j have no certificate',
    (annotations) => {
      expect(certificateOf(annotations, claim)).toBeUndefined();
    },
  );

  const broken: [string, unknown, string][] = [
    ['that are a list', [], 'annotations'],
    ['whose certificate is a number', { 'dev.sigstore.cosign/certificate': 1 }, 'annotations'],
    ['whose certificate is no PEM', { 'dev.sigstore.cosign/certificate': text(CERTIFICATE) }, 'exactly one, as PEM'],
    ['with two certificates', { 'dev.sigstore.cosign/certificate': pem(CERTIFICATE).repeat(2) }, 'exactly one, as PEM'],
    [
      'with a certificate of 65 KiB',
      { 'dev.sigstore.cosign/certificate': pem(Buffer.alloc(65 << 10)) },
      'certificate: document',
    ],
    [
      'with a key as certificate',
      { 'dev.sigstore.cosign/certificate': pem(CERTIFICATE).replaceAll('CERTIFICATE', 'PUBLIC KEY') },
      'exactly one, as PEM',
    ],
    ['with a log entry that is no JSON', { ...whole, 'dev.sigstore.cosign/bundle': '{' }, 'expected a JSON document'],
    [
      'with a log entry without promise',
      { ...whole, 'dev.sigstore.cosign/bundle': JSON.stringify({ Payload }) },
      'log entry: SignedEntryTimestamp',
    ],
    [
      'with a log entry that has a member twice',
      { ...whole, 'dev.sigstore.cosign/bundle': JSON.stringify(bundle).replace('{', '{"Payload":{},') },
      'a member twice',
    ],
    [
      'with a log of a short name',
      { ...whole, 'dev.sigstore.cosign/bundle': JSON.stringify({ ...bundle, Payload: { ...Payload, logID: 'ab' } }) },
      'Payload.logID',
    ],
    [
      'with an entry of no kind',
      {
        ...whole,
        'dev.sigstore.cosign/bundle': JSON.stringify({
          ...bundle,
          Payload: { ...Payload, body: text(Buffer.from('{}')) },
        }),
      },
      'body of the log entry',
    ],
    [
      'with a time stamp that is no base64',
      { ...whole, 'dev.sigstore.cosign/rfc3161timestamp': '{"SignedRFC3161Timestamp":"?"}' },
      'time stamp',
    ],
  ];

  test.each(broken)('%s are a problem in words', (_, annotations, problem) => {
    expect(certificateOf(annotations, claim)).toEqual({ problem: expect.stringContaining(problem) });
  });

  test('that are broken take nothing from what a key is worth', async () => {
    const { shelf, subject } = aScene();
    const annotations = { 'dev.sigstore.cosign/certificate': 'no certificate' };
    shelf.putArtifact({ tag: sigTagOf(subject), layers: [aPayloadLayer(aPayload(subject), ALICE, annotations)] });
    const finding = await onlyFinding(shelf, subject, [...ROOTS, { ...SIGSTORE, problem: undefined }]);
    expect(vouchers([finding])).toEqual(['release: alice.pub']);
    expect(finding.testimonies).toMatchObject([
      { root: 'release' },
      { root: 'ci', checks: { authenticity: { outcome: 'fail', why: 'certificate: expected exactly one, as PEM' } } },
    ]);
  });
});

describe('a root of sigstore', () => {
  test('that cannot be used fails what has a certificate, and says why', async () => {
    const { shelf, subject } = aScene();
    const annotations = { 'dev.sigstore.cosign/certificate': pem(CERTIFICATE) };
    shelf.putArtifact({ tag: sigTagOf(subject), layers: [aPayloadLayer(aPayload(subject), ALICE, annotations)] });
    const finding = await onlyFinding(shelf, subject, [SIGSTORE]);
    expect(finding).toMatchObject({ isAboutSubject: true, problem: undefined });
    expect(finding.testimonies).toMatchObject([
      {
        root: 'ci',
        reference: 'team-a/app',
        checks: {
          integrity: { outcome: 'fail' },
          authenticity: { outcome: 'fail', why: 'the root cannot be used: not there' },
        },
      },
    ]);
  });

  test('has nothing to say of what has no certificate', async () => {
    const { shelf, subject } = aScene();
    shelf.putArtifact({ tag: sigTagOf(subject), layers: [aPayloadLayer(aPayload(subject), ALICE)] });
    expect((await onlyFinding(shelf, subject, [...ROOTS, SIGSTORE])).testimonies.map(({ root }) => root)).toEqual([
      'release',
    ]);
  });
});
