import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VerificationError } from '#trust/testimony.ts';
import { certificateOf } from '#trust/x509/certificate.ts';
import { readCertificateList } from '#trust/x509/certificate-list.ts';
import { codeSigningProblem, validAt } from '#trust/x509/chain.ts';
import { DerError } from '#trust/x509/der.ts';
import { revocationOf } from '#trust/x509/revocation.ts';
import { subjectText } from '#trust/x509/subject.ts';
import { verifyTimeStamp } from '#trust/x509/time-stamp.ts';
import { readTimeStamp } from '#trust/x509/time-stamp-token.ts';
import { NOW, aCertificate, aRevocationList, anAuthority, certificatesOf } from './authority.ts';
import { aTimeStamp, aTimeStampAuthority } from './time-stamping.ts';

const SIGNED = Buffer.from('a signature');
const authority = await aTimeStampAuthority();
const token = aTimeStamp(authority, SIGNED);
const anchors = [authority.root.certificate];
const root = await anAuthority();
const leaf = await aCertificate(root);
const list = await aRevocationList(root, { revoked: [{ party: leaf }] });

// One of these, at some place: an octet changed, taken out, put in, or the rest cut off.
const mutation = fc.record({
  kind: fc.constantFrom('change', 'remove', 'insert', 'cut', 'repeat'),
  place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  octet: fc.integer({ min: 0, max: 255 }),
});
type Mutation = typeof mutation extends fc.Arbitrary<infer One> ? One : never;

function mutated(bytes: Uint8Array, { kind, place, octet }: Mutation): Buffer {
  const at = Math.floor(place * bytes.length);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (kind) {
    case 'change':
      return Buffer.concat([before, Buffer.from([octet]), after.subarray(1)]);
    case 'remove':
      return Buffer.concat([before, after.subarray(1)]);
    case 'insert':
      return Buffer.concat([before, Buffer.from([octet]), after]);
    case 'cut':
      return Buffer.from(before);
    case 'repeat':
      return Buffer.concat([before, after, after]);
  }
}

/** What a token says: everything about the time, in hex. */
function contentOf(bytes: Uint8Array): string {
  return Buffer.from(readTimeStamp(bytes).content).toString('hex');
}

describe('whatever becomes of', () => {
  test('a time stamp, it says nothing else, and never hangs', async () => {
    let verified = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
        const bytes = mutations.reduce<Buffer>(mutated, token);
        const start = performance.now();
        const outcome = await verifyTimeStamp(bytes, { signed: SIGNED, anchors, extra: [] }).then(
          () => contentOf(bytes),
          (error: unknown) => (error instanceof VerificationError ? 'refused' : error),
        );
        expect(['refused', contentOf(token)]).toContain(outcome);
        if (outcome !== 'refused' && !bytes.equals(token)) verified += 1;
        expect(performance.now() - start).toBeLessThan(2000);
      }),
      { numRuns: 2000 },
    );
    // Versions and the list of hashes are all that is not signed: a percent of the octets.
    expect(verified).toBeLessThan(60);
  });

  test('every octet of a time stamp: what can be changed is not signed, and few are', async () => {
    const free: number[] = [];
    for (let at = 0; at < token.length; at += 1) {
      const bytes = Buffer.from(token);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      const verification = verifyTimeStamp(bytes, { signed: SIGNED, anchors, extra: [] });
      const isVerified = await verification.then(
        () => true,
        () => false,
      );
      if (isVerified) free.push(at);
    }
    // Two versions, and 15 octets in the list of hashes, which only helps those who read a token in one pass.
    expect(free).toHaveLength(17);
  });

  test('a list, no certificate passes that failed, and it never hangs', () => {
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
        const bytes = mutations.reduce<Buffer>(mutated, list);
        const start = performance.now();
        const { outcome } = revocationOf(certificatesOf([leaf, root]), [{ bytes, source: 'a.crl' }], NOW);
        // With its issuer changed it is somebody else's, and there is nothing to look at.
        expect(outcome).not.toBe('pass');
        expect(performance.now() - start).toBeLessThan(2000);
      }),
      { numRuns: 1000 },
    );
  });

  test('a certificate, no chain is sound with it', () => {
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
        const bytes = mutations.reduce<Buffer>(mutated, leaf.certificate.raw);
        if (bytes.equals(leaf.certificate.raw)) return;
        try {
          const certificate = certificateOf(bytes);
          expect(codeSigningProblem([certificate, root.certificate])).toBeTypeOf('string');
          validAt([certificate], NOW);
          subjectText(certificate);
        } catch (error) {
          if (!(error instanceof Error) || error.name === 'AssertionError') throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('bytes that never were DER, they are refused in words', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const read of [readTimeStamp, readCertificateList]) expect(() => read(bytes)).toThrow(DerError);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['nested 30,000 deep', nested(30_000)],
    [
      'an identifier of 60 KiB',
      Buffer.concat([Buffer.from([0x30, 0x82, 0xf0, 0x04, 0x06, 0x82, 0xf0, 0]), Buffer.alloc(0xf000, 0x81)]),
    ],
    [
      '20,000 values',
      Buffer.concat([Buffer.from([0x30, 0x82, 0x9c, 0x40]), Buffer.alloc(40_000, Buffer.from('0500', 'hex'))]),
    ],
  ])('a time stamp: %s (CVE-2025-66564)', async (_, bytes) => {
    const start = performance.now();
    const verification = verifyTimeStamp(bytes, { signed: SIGNED, anchors, extra: [] });
    await expect(verification).rejects.toBeInstanceOf(VerificationError);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

/** Sequences in sequences, within 64 KiB: two octets each where they are short. */
function nested(depth: number): Buffer {
  const headers: Buffer[] = [];
  for (let length = 0; headers.length < depth; ) {
    const long = length >= 0x100 ? [0x82, length >> 8, length & 0xff] : length >= 0x80 ? [0x81, length] : [length];
    headers.push(Buffer.from([0x30, ...long]));
    length += 1 + long.length;
    if (length > 60_000) break;
  }
  return Buffer.concat(headers.toReversed());
}
