import { generateKeyPairSync } from 'node:crypto';
import type { InclusionProof, TransparencyLogEntry } from '@sigstore/protobuf-specs';
import { beforeAll, describe, expect, test } from 'vitest';
import type { SigstoreRoot } from '#trust/root.ts';
import { checkKeyless } from '#trust/sigstore/keyless.ts';
import type { KeylessMaterial } from '#trust/sigstore/material.ts';
import { aKeyPair } from './authority.ts';
import type { EntryKind, Recorded } from './entry-body.ts';
import { CONTENT, ENVELOPE, SECOND, failuresOf, rootWith, withEntry } from './failures.ts';
import { type TestSigstore, aTestSigstore, record } from './instance.ts';
import { aTestLog, signCheckpoint, signEntry } from './log.ts';

const KINDS: readonly EntryKind[] = ['hashedrekord 0.0.1', 'dsse 0.0.1', 'intoto 0.0.2', 'hashedrekord 0.0.2'];

let sigstore: TestSigstore;
let stranger: TestSigstore;
beforeAll(async () => {
  [sigstore, stranger] = [await aTestSigstore(), await aTestSigstore({ name: 'stranger' })];
});

/** The checks that fail, seen from the instance's own root unless told otherwise. */
async function failures(material: KeylessMaterial, root: SigstoreRoot = sigstore.root): ReturnType<typeof failuresOf> {
  return await failuresOf(material, root);
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
    expect(await failures({ ...mine, logEntries: other.logEntries })).toEqual({
      integrity: 'an entry of a transparency log is about another signature',
      authenticity: 'the signature is in no transparency log',
    });
  });

  test('is refused when it stands beside a good one', async () => {
    const other = await sigstore.sign(CONTENT);
    const mine = await sigstore.sign(CONTENT);
    const logEntries = [...mine.logEntries, ...other.logEntries];
    expect(await failures({ ...mine, logEntries })).toEqual({
      integrity: 'an entry of a transparency log is about another signature',
    });
  });

  test.each(KINDS)('is refused when about the signature and another key: CVE-2026-22703, %s', async (kind) => {
    const { certificate } = await sigstore.sign(CONTENT);
    expect(await failures(await signedWithEntryAbout(kind, (recorded) => ({ ...recorded, certificate })))).toEqual({
      integrity: 'an entry of a transparency log is about another key',
      authenticity: 'the signature is in no transparency log',
    });
  });

  test.each(KINDS)('is refused when about another digest: CVE-2026-22703, %s', async (kind) => {
    const envelope = { ...ENVELOPE, payload: Buffer.from('another') };
    const change = (recorded: Recorded): Recorded => ({ ...recorded, envelope, signed: Buffer.from('another') });
    expect(await failures(await signedWithEntryAbout(kind, change))).toMatchObject({
      integrity: 'an entry of a transparency log is about something else that was signed',
    });
  });

  test('is refused when about an envelope of another type', async () => {
    const envelope = { ...ENVELOPE, payloadType: 'text/plain' };
    const material = await signedWithEntryAbout('intoto 0.0.2', (recorded) => ({ ...recorded, envelope }));
    expect((await failures(material)).integrity).toContain('an envelope of another type');
  });

  test('gives no time when about another signature: CVE-2022-36056', async () => {
    const other = await sigstore.sign(CONTENT);
    const mine = await sigstore.sign(CONTENT, { stampedAt: [], entries: [] });
    const { timestamp } = await failures({ ...mine, logEntries: other.logEntries });
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
    expect((await failures(withEntry(await sigstore.sign(CONTENT), change))).integrity).toContain(why);
  });

  test('is missed', async () => {
    expect(await failures(await sigstore.sign(CONTENT, { entries: [] }))).toEqual({
      authenticity: 'the signature is in no transparency log',
    });
  });

  test('of a log the root does not know is none', async () => {
    const material = await sigstore.sign(CONTENT);
    const tlogs = stranger.trustedRoot.tlogs;
    expect(await failures(material, rootWith(sigstore, { tlogs }))).toEqual({
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
    const { authenticity, timestamp } = await failures(material);
    expect(timestamp).toBe(`nobody trusted says when it was signed; ${WRONG}`);
    expect(authenticity).toBe(timestamp);
    // With another time to go by, the entry still proves nothing.
    const timeStamps = [await sigstore.stamp(material.signature, sigstore.at)];
    expect(await failures({ ...material, timeStamps })).toEqual({ authenticity: WRONG });
  });

  test.each(['', '-1', '0', '1e9', '99999999999999999999', 'soon'])('has no time in %j', async (integratedTime) => {
    const material = withEntry(await sigstore.sign(CONTENT, { stampedAt: [] }), () => ({ integratedTime }));
    expect((await failures(material)).timestamp).toContain('no sound time or place');
  });

  test('is all that makes the time of a log count: CVE-2022-23649', async () => {
    const material = withEntry(await sigstore.sign(CONTENT, { stampedAt: [] }), () => ({
      inclusionPromise: undefined,
    }));
    expect((await failures(material)).timestamp).toBe('nobody trusted says when it was signed');
  });

  test('is enough without a proof, and a proof without a promise is, too', async () => {
    const material = await sigstore.sign(CONTENT);
    expect(await failures(withEntry(material, () => ({ inclusionProof: undefined })))).toEqual({});
    expect(await failures(withEntry(material, () => ({ inclusionPromise: undefined })))).toEqual({});
    const neither = withEntry(material, () => ({ inclusionProof: undefined, inclusionPromise: undefined }));
    expect(await failures(neither)).toEqual({
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
    ['with an endless checkpoint', (proof) => reworded(proof, /$/, '\u2014 witness.test AAAA\n'.repeat(1000))],
    [
      'with the signature behind 32 others',
      (proof) => reworded(proof, '\n\n', `\n\n${'\u2014 a.test AAAA\n'.repeat(32)}`),
    ],
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
    expect(await failures(material)).toEqual(WRONG);
  });

  test('is refused though the promise is good', async () => {
    const material = withEntry(await sigstore.sign(CONTENT), ({ inclusionProof: proof }) => ({
      inclusionProof: proof && { ...proof, hashes: [] },
    }));
    expect(await failures(material)).toEqual(WRONG);
  });

  test('is refused when it is of a log that took the id of another', async () => {
    const material = await sigstore.sign(CONTENT, SECOND);
    const own = aTestLog(2, 'rekor2.test');
    const entry = own.record({ kind: 'hashedrekord', version: '0.0.2', at: sigstore.at, body: bodyJson(material) });
    const logEntries = [{ ...entry, logId: { keyId: sigstore.logs.second.keyId } }];
    expect(await failures({ ...material, logEntries })).toEqual(WRONG);
  });
});

function bodyJson({ logEntries }: KeylessMaterial): unknown {
  return JSON.parse(logEntries[0]?.canonicalizedBody.toString() ?? '');
}
