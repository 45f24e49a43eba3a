import type { InclusionProof, TransparencyLogEntry } from '@sigstore/protobuf-specs';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkKeyless } from '#trust/sigstore/keyless.ts';
import type { KeylessMaterial } from '#trust/sigstore/material.ts';
import { type TestSigstore, aTestSigstore } from './instance.ts';

const ENVELOPE = { payloadType: 'application/vnd.in-toto+json', payload: Buffer.from('{"_type":"x"}') };

let sigstore: TestSigstore;
let materials: readonly [KeylessMaterial, KeylessMaterial];
beforeAll(async () => {
  sigstore = await aTestSigstore();
  materials = [
    await sigstore.signEnvelope(ENVELOPE, { stampedAt: [] }),
    await sigstore.signEnvelope(ENVELOPE, { entries: ['hashedrekord 0.0.2'] }),
  ];
});

type Change = (bytes: Uint8Array) => Buffer;

/** Ways to change bytes that leave others behind. */
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ at: fc.nat(), by: fc.integer({ min: 1, max: 255 }) }).map(({ at, by }) => (bytes: Uint8Array) => {
    const copy = Buffer.from(bytes);
    const index = at % Math.max(1, copy.length);
    copy[index] = (copy[index] ?? 0) ^ by;
    return copy.length === 0 ? Buffer.from([by]) : copy;
  }),
  fc.nat().map((to) => (bytes: Uint8Array) => {
    return bytes.length === 0 ? Buffer.from([1]) : Buffer.from(bytes).subarray(0, to % bytes.length);
  }),
  fc.uint8Array({ minLength: 1, maxLength: 40 }).map((more) => (bytes: Uint8Array) => Buffer.concat([bytes, more])),
);

const digits = fc.oneof(fc.constantFrom('', '-1', '1e3', '0x10', '9'.repeat(30)), fc.nat().map(String));

function withEntry(
  material: KeylessMaterial,
  alter: (entry: TransparencyLogEntry) => Partial<TransparencyLogEntry>,
): KeylessMaterial {
  return { ...material, logEntries: material.logEntries.map((entry) => ({ ...entry, ...alter(entry) })) };
}

function withProof(
  material: KeylessMaterial,
  alter: (proof: InclusionProof) => Partial<InclusionProof>,
): KeylessMaterial {
  return withEntry(material, ({ inclusionProof: proof }) => ({
    inclusionProof: proof && { ...proof, ...alter(proof) },
  }));
}

/** Each changes a part that counts for both materials. */
const PARTS: Record<string, (material: KeylessMaterial, alter: Change, text: string) => KeylessMaterial> = {
  certificate: (material, alter) => ({ ...material, certificate: alter(material.certificate) }),
  signature: (material, alter) => ({ ...material, signature: alter(material.signature) }),
  signed: (material, alter) => ({ ...material, signed: alter(material.signed) }),
  payload: (material, alter) => ({
    ...material,
    envelope: { ...ENVELOPE, payload: alter(ENVELOPE.payload) },
  }),
  body: (material, alter) =>
    withEntry(material, ({ canonicalizedBody }) => ({ canonicalizedBody: alter(canonicalizedBody) })),
  logId: (material, alter) => withEntry(material, ({ logId }) => ({ logId: logId && { keyId: alter(logId.keyId) } })),
  kind: (material, _, text) => withEntry(material, () => ({ kindVersion: { kind: text, version: '0.0.1' } })),
  rootHash: (material, alter) => withProof(material, ({ rootHash }) => ({ rootHash: alter(rootHash) })),
  hashes: (material, alter) => withProof(material, ({ hashes }) => ({ hashes: hashes.map(alter) })),
  treeSize: (material, _, text) => withProof(material, ({ treeSize }) => ({ treeSize: `${treeSize}${text}` })),
  logIndex: (material, _, text) => withProof(material, ({ logIndex }) => ({ logIndex: `${logIndex}${text}` })),
  checkpoint: (material, alter) =>
    withProof(material, ({ checkpoint }) => ({
      // The blank line before the signatures and everything above it is signed.
      checkpoint: { envelope: alter(Buffer.from(checkpoint?.envelope.split('\n\n')[0] ?? '')).toString('latin1') },
    })),
  promise: (material, alter) =>
    withEntry(material, ({ inclusionPromise: promise, inclusionProof }) => ({
      inclusionPromise: { signedEntryTimestamp: alter(promise?.signedEntryTimestamp ?? Buffer.alloc(0)) },
      inclusionProof,
    })),
  time: (material, _, text) =>
    withEntry({ ...material, timeStamps: [] }, ({ integratedTime }) => ({
      integratedTime: `${integratedTime}${text}`,
    })),
};

describe('a keyless signature of which one part was changed', () => {
  test.each(Object.entries(PARTS))('is never good, and never throws: %s', async (_, part) => {
    const arbitrary = fc.record({ isFirst: fc.boolean(), alter: change, text: digits.filter((text) => text !== '') });
    await fc.assert(
      fc.asyncProperty(arbitrary, async ({ isFirst, alter, text }) => {
        const [first, second] = materials;
        const material = isFirst ? first : second;
        const { checks } = await checkKeyless(part(material, alter, text), sigstore.root);
        const outcomes = [checks.integrity, checks.authenticity, checks.timestamp].map(({ outcome }) => outcome);
        expect(outcomes).toContain('fail');
        expect(Object.values(checks).every(({ why }) => why.length > 0)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('is good again with nothing changed', async () => {
    for (const material of materials) {
      const { checks } = await checkKeyless(material, sigstore.root);
      expect(Object.values(checks).map(({ outcome }) => outcome)).toEqual(['pass', 'pass', 'pass', 'none', 'none']);
    }
  });

  test('a time stamp of which one octet was changed says the same time or none', async () => {
    const material = await sigstore.signEnvelope(ENVELOPE, { entries: ['hashedrekord 0.0.2'] });
    await fc.assert(
      fc.asyncProperty(change, async (alter) => {
        const { checks } = await checkKeyless(
          { ...material, timeStamps: material.timeStamps.map(alter) },
          sigstore.root,
        );
        const { outcome, why } = checks.timestamp;
        expect(outcome === 'fail' || why.startsWith(new Date(sigstore.at).toISOString())).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  test('made of nothing at all is nothing at all', async () => {
    const nothing = new Uint8Array();
    const material = { certificate: nothing, signature: nothing, signed: nothing, envelope: undefined };
    const { signer, checks } = await checkKeyless({ ...material, logEntries: [], timeStamps: [] }, sigstore.root);
    expect(signer).toEqual({ name: 'a certificate that cannot be read', ids: [] });
    expect(checks.integrity.outcome).toBe('fail');
  });
});
