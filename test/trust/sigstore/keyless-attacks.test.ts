import 'reflect-metadata';
import { generateKeyPairSync, sign, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { InclusionProof, TransparencyLogEntry, TrustedRoot } from '@sigstore/protobuf-specs';
import { beforeAll, describe, expect, test } from 'vitest';
import type { SigstoreRoot } from '#trust/root.ts';
import { checkKeyless } from '#trust/sigstore/keyless.ts';
import type { KeylessMaterial } from '#trust/sigstore/material.ts';
import type { Check } from '#trust/testimony.ts';
import { type AuthorityWishes, type LeafWishes, type Span, aKeyPair, aTestAuthority } from './authority.ts';
import type { EntryKind, Recorded } from './entry-body.ts';
import { type SigningWishes, type TestSigstore, aTestSigstore, authorityInstance, record, rootOf } from './instance.ts';
import { aTestLog, signCheckpoint, signEntry } from './log.ts';

const CONTENT = Buffer.from('what is signed');
const ENVELOPE = { payloadType: 'application/vnd.in-toto+json', payload: Buffer.from('{"_type":"x"}') };
const KINDS: readonly EntryKind[] = ['hashedrekord 0.0.1', 'dsse 0.0.1', 'intoto 0.0.2', 'hashedrekord 0.0.2'];
const SECOND: SigningWishes = { entries: ['hashedrekord 0.0.2'] };
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

let sigstore: TestSigstore;
let stranger: TestSigstore;
beforeAll(async () => {
  [sigstore, stranger] = [await aTestSigstore(), await aTestSigstore({ name: 'stranger' })];
});

/** The checks that fail, with their words. */
async function failuresOf(
  material: KeylessMaterial,
  root: SigstoreRoot = sigstore.root,
): Promise<Partial<Record<Check, string>>> {
  const { checks } = await checkKeyless(material, root);
  const failures = Object.entries(checks).filter(([, { outcome }]) => outcome === 'fail');
  return Object.fromEntries(failures.map(([check, { why }]) => [check, why]));
}

/** The one entry of a material, changed. */
function withEntry(
  material: KeylessMaterial,
  change: (entry: TransparencyLogEntry) => Partial<TransparencyLogEntry>,
): KeylessMaterial {
  return { ...material, logEntries: material.logEntries.map((entry) => ({ ...entry, ...change(entry) })) };
}

/** The root with something else in it. */
function rootWith(change: Partial<TrustedRoot>): SigstoreRoot {
  return rootOf({ ...sigstore.trustedRoot, ...change });
}

describe('an entry of a transparency log', () => {
  /** What `kind` says of a signature, when some of it is somebody else's. */
  async function signedWithEntryAbout(
    kind: EntryKind,
    change: (recorded: Recorded) => Recorded,
  ): Promise<KeylessMaterial> {
    const material = await sigstore.signEnvelope(ENVELOPE, { entries: [] });
    const recorded = change({ ...material, envelope: ENVELOPE });
    return { ...material, logEntries: [record(sigstore.logs, kind, { recorded, at: sigstore.at })] };
  }

  test.each(KINDS)('is refused when taken from another signature: CVE-2022-36056, %s', async (kind) => {
    const other = await sigstore.signEnvelope(ENVELOPE, { entries: [kind] });
    const mine = await sigstore.signEnvelope(ENVELOPE, { entries: [] });
    expect(await failuresOf({ ...mine, logEntries: other.logEntries })).toEqual({
      integrity: 'an entry of a transparency log is about another signature',
      authenticity: 'the signature is in no transparency log',
    });
  });

  test('is refused when it stands beside a good one', async () => {
    const other = await sigstore.sign(CONTENT);
    const mine = await sigstore.sign(CONTENT);
    const logEntries = [...mine.logEntries, ...other.logEntries];
    expect(await failuresOf({ ...mine, logEntries })).toEqual({
      integrity: 'an entry of a transparency log is about another signature',
    });
  });

  test.each(KINDS)('is refused when about the signature and another key: CVE-2026-22703, %s', async (kind) => {
    const { certificate } = await sigstore.sign(CONTENT);
    expect(await failuresOf(await signedWithEntryAbout(kind, (recorded) => ({ ...recorded, certificate })))).toEqual({
      integrity: 'an entry of a transparency log is about another key',
      authenticity: 'the signature is in no transparency log',
    });
  });

  test.each(KINDS)('is refused when about another digest: CVE-2026-22703, %s', async (kind) => {
    const envelope = { ...ENVELOPE, payload: Buffer.from('another') };
    const change = (recorded: Recorded): Recorded => ({ ...recorded, envelope, signed: Buffer.from('another') });
    expect(await failuresOf(await signedWithEntryAbout(kind, change))).toMatchObject({
      integrity: 'an entry of a transparency log is about something else that was signed',
    });
  });

  test('is refused when about an envelope of another type', async () => {
    const envelope = { ...ENVELOPE, payloadType: 'text/plain' };
    const material = await signedWithEntryAbout('intoto 0.0.2', (recorded) => ({ ...recorded, envelope }));
    expect((await failuresOf(material)).integrity).toContain('an envelope of another type');
  });

  test('gives no time when about another signature: CVE-2022-36056', async () => {
    const other = await sigstore.sign(CONTENT);
    const mine = await sigstore.sign(CONTENT, { stampedAt: [], entries: [] });
    const { timestamp } = await failuresOf({ ...mine, logEntries: other.logEntries });
    expect(timestamp).toBe('nobody trusted says when it was signed');
  });

  test.each<[string, (entry: TransparencyLogEntry) => Partial<TransparencyLogEntry>, string]>([
    [
      'of a kind unlike its own',
      () => ({ kindVersion: { kind: 'dsse', version: '0.0.1' } }),
      'not of the kind it says',
    ],
    ['of an unknown kind', () => bodyOf('{"kind":"rekord","apiVersion":"0.0.1","spec":{}}'), 'cannot be compared'],
    ['without a body', () => bodyOf(''), 'expected a JSON document'],
    ['with an endless body', () => bodyOf(`"${'x'.repeat(200_000)}"`), 'expected at most'],
    [
      'with half a body',
      ({ canonicalizedBody }) => bodyOf(canonicalizedBody.subarray(0, 99)),
      'expected a JSON document',
    ],
    ['whose body says two things', ({ canonicalizedBody }) => twice(canonicalizedBody), 'twice'],
  ])('is refused %s', async (_, change, why) => {
    expect((await failuresOf(withEntry(await sigstore.sign(CONTENT), change))).integrity).toContain(why);
  });

  test('is missed', async () => {
    expect(await failuresOf(await sigstore.sign(CONTENT, { entries: [] }))).toEqual({
      authenticity: 'the signature is in no transparency log',
    });
  });

  test('of a log the root does not know is none', async () => {
    const material = await sigstore.sign(CONTENT);
    const tlogs = stranger.trustedRoot.tlogs;
    expect(await failuresOf(material, rootWith({ tlogs }))).toEqual({
      authenticity: 'an entry is of a transparency log the root does not know',
    });
  });

  test('of one log twice is one log: CVE-2026-49834', async () => {
    const { logEntries, ...material } = await sigstore.sign(CONTENT);
    const again = record(sigstore.logs, 'hashedrekord 0.0.1', { recorded: material, at: sigstore.at + 1000 });
    const { checks } = await checkKeyless({ ...material, logEntries: [...logEntries, again] }, sigstore.root);
    expect(checks.authenticity.why).toMatch(/; one transparency log: https:\/\/rekor1.test$/);
  });
});

function bodyOf(body: string | Buffer): Partial<TransparencyLogEntry> {
  return { canonicalizedBody: Buffer.from(body) };
}

function twice(body: Buffer): Partial<TransparencyLogEntry> {
  return bodyOf(body.toString().replace('{', '{"kind":"dsse",'));
}

describe('the promise of a log', () => {
  const WRONG = 'the time of an entry was not signed by the transparency log it names';
  const signedEntry = (
    entry: TransparencyLogEntry,
    key: Parameters<typeof signEntry>[0],
  ): Partial<TransparencyLogEntry> => {
    const [integratedTime, logIndex] = [Number(entry.integratedTime), Number(entry.logIndex)];
    const signedEntryTimestamp = signEntry(key, { body: entry.canonicalizedBody, integratedTime, logIndex });
    return { inclusionPromise: { signedEntryTimestamp } };
  };

  test.each<[string, (entry: TransparencyLogEntry) => Partial<TransparencyLogEntry>]>([
    [
      'signed by another key: CVE-2022-23649',
      (entry) => signedEntry(entry, { keyId: sigstore.logs.first.keyId, key: aKeyPair().privateKey }),
    ],
    [
      'signed by another log of the root',
      (entry) => signedEntry(entry, { keyId: sigstore.logs.first.keyId, key: sigstore.certificateLog.privateKey }),
    ],
    [
      'with its time altered: CVE-2022-23649',
      ({ integratedTime }) => ({ integratedTime: String(Number(integratedTime) + 1) }),
    ],
    ['with its place altered', ({ logIndex }) => ({ logIndex: String(Number(logIndex) + 1) })],
    ['that is empty', () => ({ inclusionPromise: { signedEntryTimestamp: Buffer.alloc(0) } })],
  ])('is refused %s, and its time with it', async (_, change) => {
    const material = withEntry(await sigstore.sign(CONTENT, { stampedAt: [] }), change);
    const { authenticity, timestamp } = await failuresOf(material);
    expect(timestamp).toBe(`nobody trusted says when it was signed; ${WRONG}`);
    expect(authenticity).toBe(timestamp);
    // With another time to go by, the entry still proves nothing.
    const timeStamps = [await sigstore.stamp(material.signature, sigstore.at)];
    expect(await failuresOf({ ...material, timeStamps })).toEqual({ authenticity: WRONG });
  });

  test.each(['', '-1', '0', '1e9', '99999999999999999999', 'soon'])('has no time in %j', async (integratedTime) => {
    const material = withEntry(await sigstore.sign(CONTENT, { stampedAt: [] }), () => ({ integratedTime }));
    expect((await failuresOf(material)).timestamp).toContain('no sound time or place');
  });

  test('is all that makes the time of a log count: CVE-2022-23649', async () => {
    const material = withEntry(await sigstore.sign(CONTENT, { stampedAt: [] }), () => ({
      inclusionPromise: undefined,
    }));
    expect((await failuresOf(material)).timestamp).toBe('nobody trusted says when it was signed');
  });

  test('is enough without a proof, and a proof without a promise is, too', async () => {
    const material = await sigstore.sign(CONTENT);
    expect(await failuresOf(withEntry(material, () => ({ inclusionProof: undefined })))).toEqual({});
    expect(await failuresOf(withEntry(material, () => ({ inclusionPromise: undefined })))).toEqual({});
    const neither = withEntry(material, () => ({ inclusionProof: undefined, inclusionPromise: undefined }));
    expect(await failuresOf(neither)).toEqual({
      authenticity: 'an entry has no proof that it is in a transparency log',
    });
  });
});

describe('the proof of a log', () => {
  const WRONG = { authenticity: 'the proof that an entry is in its transparency log does not hold' };
  type Change = (proof: InclusionProof) => Partial<InclusionProof>;
  const second = (): Parameters<typeof signCheckpoint>[0] => {
    const { keyId, privateKey } = sigstore.logs.second;
    return { version: 2, origin: 'rekor2.test', keyId, key: privateKey };
  };
  const signedBy = (proof: InclusionProof, log: Parameters<typeof signCheckpoint>[0]): Partial<InclusionProof> => ({
    checkpoint: { envelope: signCheckpoint(log, Number(proof.treeSize), proof.rootHash) },
  });
  const reworded = ({ checkpoint }: InclusionProof, from: string | RegExp, to: string): Partial<InclusionProof> => ({
    checkpoint: { envelope: checkpoint?.envelope.replace(from, to) ?? '' },
  });

  const cases: [string, Change][] = [
    ['with another hash', ({ hashes }) => ({ hashes: [Buffer.alloc(32), ...hashes.slice(1)] })],
    ['with a short hash', ({ hashes }) => ({ hashes: [Buffer.alloc(31), ...hashes.slice(1)] })],
    ['with a hash too few', ({ hashes }) => ({ hashes: hashes.slice(1) })],
    ['with a hash too many', ({ hashes }) => ({ hashes: [...hashes, Buffer.alloc(32)] })],
    ['with ten thousand hashes', () => ({ hashes: Array.from({ length: 10_000 }, () => Buffer.alloc(32)) })],
    ['at another place', ({ logIndex }) => ({ logIndex: String(Number(logIndex) - 1) })],
    ['at a place behind the end', ({ treeSize }) => ({ logIndex: treeSize })],
    ['at no place', () => ({ logIndex: '-1' })],
    ['of another size', ({ treeSize }) => ({ treeSize: String(Number(treeSize) + 1) })],
    ['to another root', () => ({ rootHash: Buffer.alloc(32) })],
    ['to no root', () => ({ rootHash: Buffer.alloc(0) })],
    ['without a checkpoint', () => ({ checkpoint: undefined })],
    ['with an empty checkpoint', () => ({ checkpoint: { envelope: '' } })],
    ['with an endless checkpoint', (proof) => reworded(proof, '\n\n', `${'\nx'.repeat(20_000)}\n\n`)],
    ['with a checkpoint whose size was altered', (proof) => reworded(proof, /\n[0-9]+\n/, '\n9\n')],
    ['with a checkpoint nobody signed', (proof) => reworded(proof, /\u2014 .*\n/, '')],
    [
      'with a checkpoint signed under another name',
      (proof) => reworded(proof, '\u2014 rekor2.test', '\u2014 rekor3.test'),
    ],
    [
      'with a checkpoint signed by another key',
      (proof) => signedBy(proof, { ...second(), key: generateKeyPairSync('ed25519').privateKey }),
    ],
    ['with a checkpoint of another key id', (proof) => signedBy(proof, { ...second(), keyId: Buffer.alloc(32, 7) })],
    [
      'with a checkpoint of another tree of that log',
      () => ({ checkpoint: { envelope: signCheckpoint(second(), 9, Buffer.alloc(32, 9)) } }),
    ],
    [
      'into another tree of that log',
      () => ({
        treeSize: '9',
        rootHash: Buffer.alloc(32, 9),
        checkpoint: { envelope: signCheckpoint(second(), 9, Buffer.alloc(32, 9)) },
      }),
    ],
  ];

  test.each(cases)('is refused %s', async (_, change) => {
    const material = withEntry(await sigstore.sign(CONTENT, SECOND), ({ inclusionProof: proof }) => {
      if (proof === undefined) throw new Error('expected a proof');
      return { inclusionProof: { ...proof, ...change(proof) } };
    });
    expect(await failuresOf(material)).toEqual(WRONG);
  });

  test('is refused though the promise is good', async () => {
    const material = withEntry(await sigstore.sign(CONTENT), ({ inclusionProof: proof }) => ({
      inclusionProof: proof && { ...proof, hashes: [] },
    }));
    expect(await failuresOf(material)).toEqual(WRONG);
  });

  test('is refused when it is of a log that took the id of another', async () => {
    const material = await sigstore.sign(CONTENT, SECOND);
    const own = aTestLog(2, 'rekor2.test');
    const entry = own.record({ kind: 'hashedrekord', version: '0.0.2', at: sigstore.at, body: bodyJson(material) });
    const logEntries = [{ ...entry, logId: { keyId: sigstore.logs.second.keyId } }];
    expect(await failuresOf({ ...material, logEntries })).toEqual(WRONG);
  });
});

function bodyJson({ logEntries }: KeylessMaterial): unknown {
  return JSON.parse(logEntries[0]?.canonicalizedBody.toString() ?? '');
}

describe('the time of a signature', () => {
  test('is missed where a certificate has long expired: CVE-2022-23649', async () => {
    const why = 'nobody trusted says when it was signed';
    const material = await sigstore.sign(CONTENT, { ...SECOND, stampedAt: [] });
    expect(await failuresOf(material)).toEqual({ timestamp: why, authenticity: why });
  });

  test.each([
    ['before the certificate', -MINUTE_MS],
    ['after the certificate', 11 * MINUTE_MS],
  ])('is refused %s', async (_, offset) => {
    const material = await sigstore.sign(CONTENT, { ...SECOND, stampedAt: [sigstore.at + offset] });
    const when = new Date(sigstore.at + offset).toISOString();
    const { timestamp, authenticity } = await failuresOf(material);
    expect(timestamp).toMatch(new RegExp(`^the certificate was valid from .*; signed at ${when} `));
    expect(authenticity).toBe(timestamp);
  });

  test('of a log is refused outside the certificate', async () => {
    const span = { from: sigstore.at + MINUTE_MS, until: sigstore.at + 2 * MINUTE_MS };
    const { timestamp } = await failuresOf(await sigstore.sign(CONTENT, { stampedAt: [], span }));
    expect(timestamp).toMatch(/^the certificate was valid from /);
  });

  test.each<[string, (material: KeylessMaterial) => Promise<Uint8Array>]>([
    ['over another signature', async () => await sigstore.stamp(Buffer.from('another'), sigstore.at)],
    ['over what was signed', async () => await sigstore.stamp(CONTENT, sigstore.at)],
    ['by an authority of nobody', async ({ signature }) => await stranger.stamp(signature, sigstore.at)],
    ['cut short', async ({ timeStamps }) => timeStamps[0]?.subarray(0, 200) ?? new Uint8Array()],
    ['that is empty', async () => new Uint8Array()],
  ])('is no time stamp %s', async (_, timeStamp) => {
    const material = await sigstore.sign(CONTENT, SECOND);
    const timeStamps = [await timeStamp(material)];
    expect((await failuresOf({ ...material, timeStamps })).timestamp).toMatch(
      /^nobody trusted says when it was signed; ./,
    );
  });

  test('is no time stamp of an authority the root names another certificate of', async () => {
    const [authority] = sigstore.trustedRoot.timestampAuthorities;
    const other = stranger.trustedRoot.timestampAuthorities[0]?.certChain?.certificates ?? [];
    const own = authority?.certChain?.certificates ?? [];
    const chain = [...other.slice(0, 1), ...own].map(({ rawBytes }) => rawBytes);
    const timestampAuthorities = [authorityInstance(chain, { start: new Date(0) })];
    const { timestamp } = await failuresOf(await sigstore.sign(CONTENT, SECOND), rootWith({ timestampAuthorities }));
    expect(timestamp).toMatch(/^nobody trusted says when it was signed; ./);
  });
});

describe('a key or an authority whose time was over: CVE-2026-54787', () => {
  const spans: [string, (at: number) => { start: Date; end?: Date }][] = [
    ['ended before', (at) => ({ start: new Date(at - DAY_MS), end: new Date(at - 1) })],
    ['began after', (at) => ({ start: new Date(at + 1) })],
  ];

  test.each(spans)('is no transparency log when it %s', async (_, span) => {
    const tlogs = [sigstore.logs.first, sigstore.logs.second].map((log) => log.instance(span(sigstore.at)));
    const root = rootWith({ tlogs });
    for (const kind of ['hashedrekord 0.0.1', 'hashedrekord 0.0.2'] as const) {
      const { authenticity } = await failuresOf(await sigstore.sign(CONTENT, { entries: [kind] }), root);
      expect(authenticity).toMatch(/^the key of the transparency log was not good at /);
    }
    const { timestamp } = await failuresOf(await sigstore.sign(CONTENT, { stampedAt: [] }), root);
    expect(timestamp).toMatch(/^nobody trusted says when it was signed; the key of the transparency log was not good/);
  });

  test.each(spans)('is no certificate authority when it %s', async (_, span) => {
    const certificateAuthorities = [authorityInstance(sigstore.authority.chain, span(sigstore.at))];
    const { authenticity } = await failuresOf(await sigstore.sign(CONTENT), rootWith({ certificateAuthorities }));
    expect(authenticity).toMatch(/^https:\/\/authority.test was not trusted at /);
  });

  test.each(spans)('is no log of certificates when it %s', async (_, span) => {
    const ctlogs = sigstore.trustedRoot.ctlogs.map((log) => ({
      ...log,
      publicKey: log.publicKey && { ...log.publicKey, validFor: { ...span(sigstore.at), end: span(sigstore.at).end } },
    }));
    const { authenticity } = await failuresOf(await sigstore.sign(CONTENT), rootWith({ ctlogs }));
    expect(authenticity).toBe('no log of certificates of the root has seen the certificate');
  });

  test.each(spans)('is no time stamp authority when it %s', async (_, span) => {
    const timestampAuthorities = sigstore.trustedRoot.timestampAuthorities.map((authority) => ({
      ...authority,
      validFor: { start: span(sigstore.at).start, end: span(sigstore.at).end },
    }));
    const { timestamp } = await failuresOf(await sigstore.sign(CONTENT, SECOND), rootWith({ timestampAuthorities }));
    expect(timestamp).toMatch(/^nobody trusted says when it was signed; ./);
  });
});

describe('a certificate', () => {
  const UNSEEN = { authenticity: 'no log of certificates of the root has seen the certificate' };

  test('is refused that no log of certificates has seen', async () => {
    expect(await failuresOf(await sigstore.sign(CONTENT, { scts: [] }))).toEqual({
      authenticity: 'the certificate is in no log of certificates',
    });
  });

  test('is refused that was seen by a log of nobody', async () => {
    const scts = [{ log: stranger.certificateLog, at: sigstore.at }];
    expect(await failuresOf(await sigstore.sign(CONTENT, { scts }))).toEqual(UNSEEN);
  });

  test('is refused with the time stamp of another certificate', async () => {
    const scts = [{ log: sigstore.certificateLog, at: sigstore.at, over: 'another certificate' }] as const;
    expect(await failuresOf(await sigstore.sign(CONTENT, { scts }))).toEqual(UNSEEN);
  });

  test('is refused with certificate time stamps that cannot be read', async () => {
    const more = [new Extension('1.3.6.1.4.1.11129.2.4.2', false, Buffer.from('0403000100', 'hex'))];
    expect(await failuresOf(await sigstore.sign(CONTENT, { scts: [], more }))).toEqual({
      authenticity: 'the certificate time stamps cannot be read',
    });
  });

  test.each<[string, LeafWishes, string]>([
    ['for no usage', { usages: 'none' }, 'usage codeSigning'],
    ['for servers', { usages: ['1.3.6.1.5.5.7.3.1'] }, 'usage codeSigning'],
    ['for any usage', { usages: ['2.5.29.37.0'] }, 'usage codeSigning'],
    ['of an authority', { isCa: true }, 'found a certificate authority'],
    ['without an issuer', { issuerForm: 'none' }, 'does not say who issued'],
    ['with an empty issuer', { issuer: '' }, 'does not say who issued'],
    [
      'whose issuer takes words from the identity',
      { issuer: 'https://issuer.test https://ci.test' },
      'does not say who',
    ],
    ['without an identity', { identityType: 'none' }, 'expected one identity in the certificate, found 0'],
    ['with two identities', { identityType: 'both' }, 'expected one identity in the certificate, found 2'],
    ['for a host', { identityType: 'dns', identity: 'ci.test' }, 'names neither'],
    ['for an address written as a URI', { identity: 'ci@ci.test' }, 'names neither'],
    [
      'for a URI written as an address',
      { identityType: 'email', identity: 'https://ci.test/app@main' },
      'names neither',
    ],
    ['for an address written as a user', { identityType: 'otherName', identity: 'ci@ci.test' }, 'names neither'],
    ['for a URI written as a user', { identityType: 'otherName', identity: 'https://ci.test/!x' }, 'names neither'],
  ])('is refused %s', async (_, wishes, why) => {
    const failures = await failuresOf(await sigstore.sign(CONTENT, wishes));
    expect(failures).toEqual({ authenticity: expect.stringContaining(why) });
  });

  test('is refused with a critical extension nobody knows', async () => {
    const more = [new Extension('1.2.3.4', true, Buffer.from('0500', 'hex'))];
    expect(await failuresOf(await sigstore.sign(CONTENT, { more }))).toEqual({
      authenticity: 'the certificate: expected no critical extension 1.2.3.4',
    });
  });

  test('is not looked at with an extension twice', async () => {
    const more = [0, 1].map(() => new Extension('1.2.3.4', false, Buffer.from('0500', 'hex')));
    const why = 'expected extension 1.2.3.4 once';
    expect(await failuresOf(await sigstore.sign(CONTENT, { more }))).toEqual({
      integrity: why,
      authenticity: why,
      timestamp: why,
    });
  });

  test('that is an end of the chain vouches for nobody, not even itself', async () => {
    const material = await sigstore.sign(CONTENT, { more: [new BasicConstraintsExtension(false, undefined, true)] });
    const certificateAuthorities = [authorityInstance([material.certificate], { start: new Date(0) })];
    expect(await failuresOf(material, rootWith({ certificateAuthorities }))).toEqual({
      authenticity: 'the certificate vouches for itself',
    });
  });

  test('that signed itself is nobody, though the root names it', async () => {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const { rawData } = await X509CertificateGenerator.createSelfSigned({
      name: 'CN=self',
      keys,
      signingAlgorithm: algorithm,
      notBefore: new Date(sigstore.at - MINUTE_MS),
      notAfter: new Date(sigstore.at + MINUTE_MS),
      extensions: [
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.3']),
        new SubjectAlternativeNameExtension([
          {
            type: 'url',
            value: 'https://ci.test/app@main',
          },
        ]),
        new Extension('1.3.6.1.4.1.57264.1.1', false, Buffer.from('https://issuer.test')),
      ],
    });
    const material = { ...(await sigstore.sign(CONTENT)), certificate: Buffer.from(rawData) };
    const certificateAuthorities = [authorityInstance([material.certificate], { start: new Date(0) })];
    expect((await failuresOf(material, rootWith({ certificateAuthorities }))).authenticity).toBe(
      'the certificate vouches for itself',
    );
  });

  test('does not sign when it is that of the root', async () => {
    const [, root = Buffer.alloc(0)] = sigstore.authority.chain;
    const { authenticity } = await failuresOf({ ...(await sigstore.sign(CONTENT)), certificate: root });
    expect(authenticity).toBe('expected one identity in the certificate, found 0');
  });

  type Chain = AuthorityWishes & { at?: never };
  test.each<[string, (span: Span) => Chain, string]>([
    [
      'an intermediate that had expired: CVE-2026-24122',
      ({ from }) => ({ intermediate: { from: from - DAY_MS, until: from - 1000 } }),
      'expected it to be valid at',
    ],
    [
      'an intermediate of the future',
      ({ until }) => ({ intermediate: { from: until, until: until + DAY_MS } }),
      'expected it to be valid at',
    ],
    [
      'a root that had expired',
      ({ from }) => ({ root: { from: from - DAY_MS, until: from - 1000 } }),
      'expected it to be valid at',
    ],
    ['an intermediate that is none', () => ({ intermediateIsCa: false }), 'expected a certificate authority'],
    ['an intermediate for servers', () => ({ intermediateUsages: ['1.3.6.1.5.5.7.3.1'] }), 'may certify code signing'],
    [
      'an intermediate that may not sign certificates',
      () => ({ intermediateKeyUsage: KeyUsageFlags.digitalSignature }),
      'expected the key usage keyCertSign',
    ],
    [
      'one intermediate more than the root allows',
      () => ({ pathLength: 0 }),
      'expected a path length of at least 1, found 0',
    ],
  ])('is refused under %s', async (_, wishes, why) => {
    const span = { from: sigstore.at, until: sigstore.at + 10 * MINUTE_MS };
    const authority = await aTestAuthority(sigstore.at, wishes(span));
    const certificateAuthorities = [authorityInstance(authority.chain, { start: new Date(0) })];
    const material = await sigstore.sign(CONTENT, { authority });
    expect(await failuresOf(material, rootWith({ certificateAuthorities }))).toEqual({
      authenticity: expect.stringContaining(why),
    });
  });
});

describe('a signature', () => {
  const WRONG = 'the signature was not made by the key of the certificate over this content';

  test('is refused over other content', async () => {
    const { integrity } = await failuresOf({ ...(await sigstore.sign(CONTENT)), signed: Buffer.from('other') });
    expect(integrity).toBe(WRONG);
  });

  test('is refused with the certificate of somebody else', async () => {
    const { certificate } = await sigstore.sign(CONTENT);
    const { integrity } = await failuresOf({ ...(await sigstore.sign(CONTENT)), certificate });
    expect(integrity).toBe(WRONG);
  });

  test('is refused by another key', async () => {
    const signature = sign('sha256', CONTENT, aKeyPair().privateKey);
    expect((await failuresOf({ ...(await sigstore.sign(CONTENT)), signature })).integrity).toBe(WRONG);
  });

  test.each(['payload', 'payloadType'] as const)('is refused over an envelope with another %s', async (part) => {
    const material = await sigstore.signEnvelope(ENVELOPE);
    const envelope = { ...ENVELOPE, [part]: part === 'payload' ? Buffer.from('other') : 'text/plain' };
    expect((await failuresOf({ ...material, envelope })).integrity).toBe('what was signed is not the envelope');
  });

  test.each(['logEntries', 'timeStamps'] as const)('is not looked at with 33 %s: CVE-2024-45395', async (list) => {
    const material = await sigstore.sign(CONTENT);
    const { [list]: one } = material;
    const failures = await failuresOf({ ...material, [list]: Array.from({ length: 33 }, () => one[0]) });
    const why = expect.stringMatching(/^expected at most 32 (log entries|time stamps), found 33$/);
    expect(failures).toEqual({ integrity: why, authenticity: why, timestamp: why });
    expect(await failuresOf({ ...material, [list]: Array.from({ length: 32 }, () => one[0]) })).toEqual({});
  });
});
