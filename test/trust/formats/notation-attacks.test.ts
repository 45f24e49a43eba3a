import { encode } from 'cbor2';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Subject } from '#trust/format.ts';
import { type Finding, VerificationError } from '#trust/testimony.ts';
import { BY_AUTHORITY, STAMP, aCose, aJws, anEnvelope, expiring } from '../notary/envelopes.ts';
import { aStore, failuresOf, isBelieved, look, lookAt, named, only, outcomesOf, putEnvelope } from '../notary/looks.ts';
import { aShelf, aSubject } from '../shelf.ts';
import {
  type CertificateWishes,
  DAY_MS,
  NOW,
  type Party,
  aCertificate,
  aRevocationList,
  anAuthority,
} from '../x509/authority.ts';
import { type TimeStampAuthority, type TokenWishes, aTimeStamp, aTimeStampAuthority } from '../x509/time-stamping.ts';

let ca: Party;
let alice: Party;
let clock: TimeStampAuthority;

beforeAll(async () => {
  ca = await anAuthority(undefined, named('ca'));
  alice = await aCertificate(ca, named('alice'));
  clock = await aTimeStampAuthority();
});

const listOf = async (issuer: Party, ...revoked: Party[]) => ({
  bytes: await aRevocationList(issuer, { revoked: revoked.map((party) => ({ party })) }),
  source: 'revoked.crl',
});

/** A signature in JSON with a time stamp over its bytes, or over others. */
async function stamped(
  chain: readonly Party[],
  wishes: { readonly by?: TimeStampAuthority; readonly over?: Uint8Array; readonly token?: TokenWishes } = {},
): Promise<(root: ReturnType<typeof aStore>, at?: number) => Promise<Finding>> {
  const shelf = aShelf();
  const subject = aSubject(shelf);
  const envelope = aJws({ chain, subject });
  const over = wishes.over ?? Buffer.from(envelope.signature, 'base64url');
  const token = aTimeStamp(wishes.by ?? clock, over, wishes.token);
  const header = { ...envelope.header, [STAMP]: token.toString('base64') };
  putEnvelope(shelf, subject, { format: 'jws', content: JSON.stringify({ ...envelope, header }) });
  return async (root, at = NOW) => only(await look({ shelf, subject, roots: [root], at }));
}

const withClock = (more: Partial<ReturnType<typeof aStore>> = {}) =>
  aStore([ca], { timeStampAuthorities: [clock.root.certificate], ...more });

describe('CVE-2023-33959: a signature counts for what it was made for', () => {
  test('and not for another manifest it was attached to', async () => {
    const shelf = aShelf();
    const signed = aSubject(shelf);
    const other = aSubject(shelf, { repository: 'team-a/other' });
    for (const format of ['jws', 'cose'] as const) {
      putEnvelope(shelf, other, { format, content: anEnvelope(format, { chain: [alice, ca], subject: signed }) });
    }
    const findings = await look({ shelf, subject: other, roots: [aStore([ca])] });
    expect(findings.map(({ isAboutSubject }) => isAboutSubject)).toEqual([false, false]);
    for (const finding of findings) expect(failuresOf(finding).integrity).toContain('signed is another digest');
  });

  test.each([
    ['size', { size: 3 }],
    ['media type', { mediaType: 'application/vnd.docker.distribution.manifest.v2+json' }],
  ])('nor for the same digest with another %s', async (_, target) => {
    const finding = await lookAt('cose', { chain: [alice, ca], root: aStore([ca]), target });
    expect(isBelieved(finding)).toBe(false);
  });
});

test('CVE-2024-23332: what is expired and revoked is told beside what holds, for a policy to decide on', async () => {
  const old = await aCertificate(ca, { ...named('old'), until: NOW - DAY_MS });
  const root = aStore([ca], { revocationLists: [await listOf(ca, old)] });
  const finding = await lookAt('jws', { chain: [old, ca], root, header: expiring(NOW - 1000) });
  expect(outcomesOf(only(finding.testimonies))).toEqual({
    integrity: 'pass',
    authenticity: 'pass',
    timestamp: 'fail',
    expiry: 'fail',
    revocation: 'fail',
  });
});

describe('CVE-2024-56138: who tells the time may be revoked', () => {
  test('and then proves nothing', async () => {
    const signature = await stamped([alice, ca]);
    const list = await listOf(clock.root, clock.signer);
    expect(failuresOf(await signature(withClock()))).toEqual({});
    expect(failuresOf(await signature(withClock({ revocationLists: [list] })))).toEqual({
      timestamp: expect.stringContaining('revoked'),
    });
  });

  test('and is believed while others are', async () => {
    const signature = await stamped([alice, ca]);
    const other = await aTimeStampAuthority();
    const list = await listOf(clock.root, other.signer);
    expect(failuresOf(await signature(withClock({ revocationLists: [list] })))).toEqual({});
  });
});

describe('a time stamp', () => {
  test('keeps a signature good that was made in time', async () => {
    const brief = await aCertificate(ca, { until: NOW - DAY_MS });
    const signature = await stamped([brief, ca], { token: { at: NOW - 2 * DAY_MS } });
    expect(failuresOf(await signature(withClock()))).toEqual({});
    expect(failuresOf(await signature(aStore([ca])))).toHaveProperty('timestamp');
  });

  test.each<[string, CertificateWishes, TokenWishes]>([
    ['after a certificate ended', { until: NOW }, { at: NOW + 2000 }],
    ['perhaps after one ended', { until: NOW }, { at: NOW, accuracy: { seconds: 2 } }],
    ['before one began', { from: NOW }, { at: NOW - 2000 }],
    ['perhaps before one began', { from: NOW }, { at: NOW, accuracy: { seconds: 2 } }],
  ])('from %s saves nothing', async (_, wishes, token) => {
    const brief = await aCertificate(ca, wishes);
    const good = await stamped([brief, ca], { token: { at: NOW } });
    expect(failuresOf(await good(withClock()))).toEqual({});
    const bad = await stamped([brief, ca], { token });
    expect(failuresOf(await bad(withClock()))).toHaveProperty('timestamp');
  });

  test('of somebody else proves nothing', async () => {
    const signature = await stamped([alice, ca], { by: await aTimeStampAuthority() });
    expect(failuresOf(await signature(withClock()))).toHaveProperty('timestamp');
  });

  test('over the payload instead of the signature proves nothing', async () => {
    const signature = await stamped([alice, ca], { over: Buffer.from('something else') });
    expect(failuresOf(await signature(withClock()))).toHaveProperty('timestamp');
  });

  test('that is garbage proves nothing, and is not looked at where nobody asks for one', async () => {
    const chain = [alice, ca];
    const unprotected = { [STAMP]: Buffer.from('garbage').toString('base64') };
    expect(failuresOf(await lookAt('jws', { chain, root: withClock(), unprotected }))).toHaveProperty('timestamp');
    expect(failuresOf(await lookAt('jws', { chain, root: aStore([ca]), unprotected }))).toEqual({});
  });

  test('is not looked at when a signing authority tells the time', async () => {
    const root = withClock({ store: 'signingAuthority' });
    expect(failuresOf(await lookAt('jws', { chain: [alice, ca], root, header: BY_AUTHORITY }))).toEqual({});
  });
});

describe('revocation', () => {
  test('of the leaf or of an authority between fails, of somebody else does not', async () => {
    const between = await anAuthority(ca);
    const leaf = await aCertificate(between);
    const check = async (...lists: Awaited<ReturnType<typeof listOf>>[]) => {
      const finding = await lookAt('cose', {
        chain: [leaf, between, ca],
        root: aStore([ca], { revocationLists: lists }),
      });
      return only(finding.testimonies).checks.revocation.outcome;
    };
    expect(await check(await listOf(between, leaf), await listOf(ca))).toBe('fail');
    expect(await check(await listOf(between), await listOf(ca, between))).toBe('fail');
    expect(await check(await listOf(between), await listOf(ca, alice))).toBe('pass');
    expect(await check()).toBe('none');
  });

  test('is known until the next list is due, the signer’s or the one of who tells the time', async () => {
    const due = NOW + 6 * DAY_MS;
    const root = aStore([ca], { revocationLists: [await listOf(ca)] });
    const finding = await lookAt('cose', { chain: [alice, ca], root });
    expect(only(finding.testimonies).goodUntil).toBe(due);
    const signature = await stamped([alice, ca]);
    const stampedFinding = await signature(withClock({ revocationLists: [await listOf(clock.root)] }));
    expect(only(stampedFinding.testimonies).goodUntil).toBe(due);
    expect(only((await signature(withClock())).testimonies).goodUntil).toBeUndefined();
  });
});

describe('keys and certificates that came along', () => {
  test('a key in the header is not the key that counts', async () => {
    const mallory = await aCertificate(undefined, named('mallory'));
    const jwk = mallory.certificate.publicKey.export({ format: 'jwk' });
    const forged = { chain: [alice, ca], root: aStore([ca]), key: mallory.privateKey, header: { jwk } };
    expect(isBelieved(await lookAt('jws', forged))).toBe(false);
  });

  test('an authority of the same name is another', async () => {
    const twin = await anAuthority(undefined, named('ca'));
    const mallory = await aCertificate(twin, named('alice'));
    for (const chain of [
      [mallory, ca],
      [mallory, twin],
      [mallory, twin, ca],
      [mallory, alice, ca],
    ]) {
      expect(isBelieved(await lookAt('jws', { chain, root: aStore([ca]) }))).toBe(false);
    }
  });

  test('a signer is no authority', async () => {
    const mallory = await aCertificate(alice, named('mallory'));
    expect(isBelieved(await lookAt('jws', { chain: [mallory, alice, ca], root: aStore([ca]) }))).toBe(false);
    expect(isBelieved(await lookAt('jws', { chain: [mallory, alice, ca], root: aStore([alice]) }))).toBe(false);
  });
});

describe('a signature that was changed is never both intact and authentic', () => {
  const shelf = aShelf();
  const subject: Subject = aSubject(shelf);
  const chain = () => [alice, ca];

  const judged = async (format: 'jws' | 'cose', content: Uint8Array | string): Promise<Finding> => {
    const fresh = aShelf();
    putEnvelope(fresh, subject, { format, content });
    return only(await look({ shelf: fresh, subject, roots: [aStore([ca])] }));
  };

  const change = fc.record({
    part: fc.nat(3),
    place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    by: fc.integer({ min: 1, max: 255 }),
  });

  function flipped(bytes: Uint8Array, { place, by }: { place: number; by: number }): Uint8Array {
    const copy = Uint8Array.from(bytes);
    const at = Math.floor(place * copy.length);
    copy[at] = (copy[at] ?? 0) ^ by;
    return copy;
  }

  test('in JSON, in any byte of what is signed, the signature and the leaf', async () => {
    const good = aJws({ chain: chain(), subject });
    expect(isBelieved(await judged('jws', JSON.stringify(good)))).toBe(true);
    const property = fc.asyncProperty(change, async (how) => {
      const turn = (text: string, encoding: 'base64' | 'base64url') =>
        Buffer.from(flipped(Buffer.from(text, encoding), how)).toString(encoding);
      const [leaf = '', root = ''] = good.header.x5c;
      const bad = [
        { ...good, protected: turn(good.protected, 'base64url') },
        { ...good, payload: turn(good.payload, 'base64url') },
        { ...good, signature: turn(good.signature, 'base64url') },
        { ...good, header: { x5c: [turn(leaf, 'base64'), root] } },
      ][how.part];
      expect(isBelieved(await judged('jws', JSON.stringify(bad)))).toBe(false);
    });
    await fc.assert(property, { numRuns: 200 });
  });

  test('in CBOR, in any byte of the same', async () => {
    const good = aCose({ chain: chain(), subject });
    const property = fc.asyncProperty(change, async (how) => {
      const [header, beside, payload, signature] = good;
      const bad = [
        [flipped(header, how), beside, payload, signature],
        [header, beside, flipped(payload, how), signature],
        [header, beside, payload, flipped(signature, how)],
        [
          header,
          new Map([[33, [flipped(alice.certificate.raw, how), Uint8Array.from(ca.certificate.raw)]]]),
          payload,
          signature,
        ],
      ][how.part];
      const content = Buffer.concat([Buffer.from([0xd2]), encode(bad)]);
      expect(isBelieved(await judged('cose', content))).toBe(false);
    });
    await fc.assert(property, { numRuns: 200 });
  });

  test('and whatever becomes of the bytes, nothing is thrown and nothing else is believed', async () => {
    for (const format of ['jws', 'cose'] as const) {
      const good = anEnvelope(format, { chain: chain(), subject });
      const before = only((await judged(format, good)).testimonies);
      const cuts = fc.record({ at: fc.nat(good.length), remove: fc.nat(64), insert: fc.uint8Array({ maxLength: 16 }) });
      const property = fc.asyncProperty(cuts, async ({ at, remove, insert }) => {
        const content = Buffer.concat([good.slice(0, at), insert, good.slice(at + remove)]);
        const finding = await judged(format, content);
        // Blanks around JSON and labels nobody reads may change.
        expect(isBelieved(finding) ? finding.testimonies : [before]).toEqual([before]);
      });
      await fc.assert(property, { numRuns: 200 });
    }
  });

  test('nor are bytes at random', async () => {
    const property = fc.asyncProperty(fc.uint8Array({ maxLength: 256 }), async (content) => {
      for (const format of ['jws', 'cose'] as const) {
        const finding = await judged(format, content);
        expect({ ...finding, problem: typeof finding.problem }).toEqual({
          isAboutSubject: false,
          problem: 'string',
          testimonies: [],
        });
      }
    });
    await fc.assert(property, { numRuns: 200 });
  });
});

test('a shelf that fails in the midst of it is a problem in words, not an exception', async () => {
  const shelf = aShelf();
  const subject = aSubject(shelf);
  putEnvelope(shelf, subject, { format: 'jws', content: anEnvelope('jws', { chain: [alice, ca], subject }) });
  const failing = { ...shelf, blob: () => Promise.reject(new VerificationError('integrity', 'the blob is gone')) };
  const finding = only(await look({ shelf: failing, subject, roots: [aStore([ca])] }));
  expect(finding).toEqual({ isAboutSubject: false, problem: 'the blob is gone', testimonies: [] });
});
