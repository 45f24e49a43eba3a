import fc from 'fast-check';
import { createMessage, sign } from 'openpgp';
import { beforeAll, describe, expect, it } from 'vitest';
import { simpleSigning } from '#trust/formats/simple-signing.ts';
import { signedPackets } from '#trust/openpgp/packets.ts';
import {
  DAY,
  FINGERPRINTS,
  NOW,
  type RingName,
  type SignatureName,
  type TestSigner,
  aPacket,
  aPayload,
  aRing,
  aSignedShelf,
  aSigner,
  compressed,
  literal,
  look,
  outcomes,
  ringBytes,
  signatureBytes,
  signedBy,
} from '../openpgp/scene.ts';

// integrity authenticity timestamp expiry revocation
const GOOD = 'pass pass none pass pass';
const UNKNOWN = 'fail fail none none none';
const { subject } = aSignedShelf();
const ED = signatureBytes('ed');
const PLAIN = signatureBytes('uncompressed');

let signer: TestSigner;
beforeAll(async () => {
  signer = await aSigner();
});

describe('what gpg and skopeo signed', () => {
  it.each<[SignatureName, RingName, string]>([
    ['rsa', 'rsa', GOOD],
    ['ed', 'ed', GOOD],
    ['sub', 'sub', GOOD],
    ['skopeo', 'ed', GOOD],
    ['skopeo-sub', 'sub', GOOD],
    ['uncompressed', 'ed', GOOD],
    ['zlib', 'ed', GOOD],
    ['ed', 'armored', GOOD],
    ['rsa', 'armored', GOOD],
    // The ring has another key, and none with that id.
    ['ed', 'rsa', UNKNOWN],
    ['sub', 'gonesub', UNKNOWN],
    ['expiring', 'ed', 'pass pass none fail pass'],
    ['old-in-time', 'old', GOOD],
    ['old-late', 'old', 'pass pass none fail pass'],
    ['long', 'long', GOOD],
    ['gone', 'gone-before', GOOD],
    ['gone', 'gone', 'pass fail none pass fail'],
    ['gonesub', 'gonesub', 'pass fail none pass fail'],
    ['retired', 'retired', 'pass pass none pass fail'],
    ['oldsub', 'oldsub-before', GOOD],
    ['oldsub', 'oldsub', 'pass pass none pass fail'],
    ['weak', 'weak', 'pass fail none pass pass'],
    ['sha1', 'rsa', UNKNOWN],
  ])('%s against the ring %s: %s', async (name, ring, expected) => {
    const finding = await look(signatureBytes(name), [await aRing(ring)]);
    expect([outcomes(finding), finding.isAboutSubject]).toEqual([expected, true]);
  });

  it('names the primary key, also when a subkey signed, and what it was signed as', async () => {
    const finding = await look(signatureBytes('skopeo-sub'), [await aRing('sub')]);
    const [testimony] = finding.testimonies;
    expect(testimony).toEqual({
      root: 'ops',
      signer: {
        name: `sub <sub@example.org> (OpenPGP key ${FINGERPRINTS.sub.slice(-16)})`,
        ids: [`openpgp:${FINGERPRINTS.sub}`],
        fingerprint: FINGERPRINTS.sub,
      },
      checks: testimony?.checks,
      predicateType: undefined,
      reference: 'team-a/app',
      goodUntil: undefined,
    });
  });

  it('gives whoever is not in the ring no identity to share', async () => {
    const { testimonies } = await look(ED, [await aRing('rsa')]);
    expect(testimonies.map(({ signer: { ids, fingerprint } }) => [ids, fingerprint])).toEqual([[[], undefined]]);
  });

  it('says how long a signature is good that ends, and lets it end then', async () => {
    const ends = Date.parse('2026-02-02T00:00:00Z');
    const judged = async (at: number) => await look(signatureBytes('expiring'), [await aRing('ed')], at);
    const finding = await judged(ends - 1);
    expect([outcomes(finding), finding.testimonies[0]?.goodUntil]).toEqual([GOOD, ends]);
    expect(outcomes(await judged(ends))).toBe('pass pass none fail pass');
  });

  it('believes a key whose end was moved until the end it has now', async () => {
    const end = Date.parse('2027-01-01T00:00:00Z');
    const judged = async (at: number) => await look(signatureBytes('long'), [await aRing('long')], at);
    // A day of grace is the key's: gpg counts from its creation.
    const finding = await judged(NOW);
    const goodUntil = finding.testimonies[0]?.goodUntil ?? 0;
    expect(Math.abs(goodUntil - end)).toBeLessThan(DAY);
    expect(outcomes(await judged(goodUntil - 1))).toBe(GOOD);
    expect(outcomes(await judged(goodUntil))).toBe('pass pass none fail pass');
  });

  it('believes no signature from the future, and none from before its key', async () => {
    const made = Date.parse('2026-02-01T00:00:00Z');
    const judged = async (at: number) => outcomes(await look(ED, [await aRing('ed')], at));
    expect(await judged(made - 1)).toBe('pass pass fail pass pass');
    expect(await judged(made)).toBe(GOOD);
    const keyMade = signer.privateKey.getCreationTime().getTime();
    for (const [date, expected] of [
      [keyMade, GOOD],
      [keyMade - 1000, 'pass pass fail pass pass'],
    ] as const) {
      const text = await createMessage({ binary: Buffer.from(aPayload(subject)) });
      const bytes = await signedBy(signer.privateKey, text, new Date(date));
      expect(outcomes(await look(bytes, [signer.ring]))).toBe(expected);
    }
  });

  it('lets a retired key speak until it is retired', async () => {
    const retired = Date.parse('2026-03-01T00:00:00Z');
    const judged = async (at: number) => outcomes(await look(signatureBytes('retired'), [await aRing('retired')], at));
    expect(await judged(retired - 1)).toBe(GOOD);
    expect(await judged(retired)).toBe('pass pass none pass fail');
  });

  it('is not misled by an older copy of a key that was revoked since', async () => {
    for (const [name, before] of [
      ['gone', 'gone-before'],
      ['oldsub', 'oldsub-before'],
    ] as const) {
      for (const ring of [await aRing(before, name), await aRing(name, before)]) {
        expect(outcomes(await look(signatureBytes(name), [ring]))).toMatch(/ fail$/);
      }
    }
  });

  it('is held against every ring, and every ring is told apart', async () => {
    const other = { ...(await aRing('rsa')), name: 'others' };
    const broken = { ...(await aRing()), name: 'broken', problem: 'the file cannot be read' };
    const finding = await look(ED, [await aRing('ed'), other, broken]);
    expect(finding.testimonies.map(({ root }) => root)).toEqual(['ops', 'others', 'broken']);
    expect(outcomes(finding)).toBe([GOOD, UNKNOWN, UNKNOWN].join('; '));
    expect(finding.testimonies[2]?.checks.authenticity.why).toBe('the file cannot be read');
  });

  it('is about its subject whoever signed it, and has no testimony without a ring', async () => {
    expect(await look(ED, [])).toEqual({
      isAboutSubject: true,
      problem: 'no root of the configuration is a ring of OpenPGP keys',
      testimonies: [],
    });
  });
});

describe('what is no signed message', () => {
  const payload = (): string => aPayload(subject);
  /** One-pass, text and signature of what is not compressed. */
  const packetsOf = (bytes: Uint8Array): Buffer[] => {
    const { literal: text, signature } = signedPackets(bytes);
    return [aPacket(4, bytes.subarray(2, 15)), aPacket(11, text), aPacket(2, signature)];
  };
  const join = (...parts: Uint8Array[]): Buffer => Buffer.concat(parts);

  it.each<[string, () => Promise<Uint8Array> | Uint8Array, RegExp]>([
    ['nothing', () => new Uint8Array(), /found nothing/],
    ['text', () => Buffer.from('not a signature'), /binary OpenPGP/],
    ['a cleartext signature', () => signatureBytes('cleartext'), /binary OpenPGP/],
    ['an armored message', () => signatureBytes('armored'), /binary OpenPGP/],
    ['a detached signature', () => signatureBytes('detached'), /found signature$/],
    ['a text that nobody signed', () => signatureBytes('literal'), /found literal data$/],
    ['two signatures', () => signatureBytes('two'), /fewer than 5 packets/],
    ['a signature over lines', () => signatureBytes('textmode'), /over a binary document/],
    ['a public key', () => ringBytes('ed'), /found packet 6/],
    ['bzip2', () => signatureBytes('bzip2'), /ZIP or ZLIB/],
    ['a text, then a signed one', () => join(literal(payload()), PLAIN), /found literal data, one-pass/],
    ['a signed text, then another', () => join(PLAIN, literal(payload())), /signature, literal data$/],
    ['two messages', () => join(PLAIN, signatureBytes('sub')), /nothing|found/],
    ['a message twice', () => join(PLAIN, PLAIN), /fewer than 5 packets/],
    ['two compressed messages', () => join(ED, signatureBytes('sub')), /nothing after the compressed/],
    ['a compressed message and a text', () => join(ED, literal(payload())), /nothing after the compressed/],
    ['bytes after a compressed message', () => join(ED, Buffer.from([0])), /nothing after the compressed/],
    ['two messages in one compressed', () => compressed(join(PLAIN, PLAIN)), /fewer than 5 packets/],
    [
      'a text and a signed one, compressed',
      () => compressed(join(literal('a'), PLAIN)),
      /found literal data, one-pass/,
    ],
    ['a compressed message in another', () => compressed(ED), /found compressed data$/],
    ['a compressed message after a marker', () => join(aPacket(10, Buffer.from('PGP')), ED), /found packet 10/],
    [
      'two compressed packets of known length',
      () => join(aPacket(8, ED.subarray(1)), aPacket(8, ED.subarray(1))),
      /nothing after the compressed/,
    ],
    ['a bomb', () => compressed(literal('a'.repeat(8 * 1024 * 1024))), /unpacks to at most 1048576/],
    ['something too large', () => Buffer.alloc(256 * 1024 + 1, 0xa3), /at most 262144 bytes, found 262145/],
    ['a message cut off', () => PLAIN.subarray(0, -1), /cut off/],
    ['a compressed message cut off', () => ED.subarray(0, -1), /unpacks/],
    ['parts without end', () => Buffer.alloc(1000, 0xe0).fill(0xcb, 0, 1), /cut off/],
    ['a signature in parts', () => Buffer.concat([Buffer.from([0xc2, 0xe0]), literal('a')]), /a packet in one part/],
    ['a text up to the end', () => Buffer.from('\xafb\0\0\0\0\0text', 'latin1'), /say how long they are/],
    ['a length beyond the end', () => Buffer.from([0xcb, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), /cut off/],
    ['a length that is missing', () => Buffer.from([0xcb]), /cut off/],
    ['packets of garbage', () => join(aPacket(4, Buffer.alloc(13)), literal('a'), aPacket(2, Buffer.alloc(9))), /./],
  ])('refuses %s', async (_, bytes, problem) => {
    const finding = await look(await bytes(), [await aRing('ed', 'sub', 'rsa'), signer.ring]);
    expect(finding).toEqual({
      isAboutSubject: false,
      problem: expect.stringMatching(problem),
      testimonies: [],
    });
  });

  it('refuses a signed message in a signed message', async () => {
    const inner = await createMessage({ binary: PLAIN, date: new Date(NOW - DAY) });
    const signed = { signingKeys: signer.privateKey, format: 'binary', date: new Date(NOW - DAY) } as const;
    const { problem } = await look(await sign({ message: inner, ...signed }), [signer.ring]);
    expect(problem).toContain('JSON');
    const [onePass = PLAIN, , signature = PLAIN] = packetsOf(await signer.sign('x'));
    const nested = join(onePass, PLAIN, signature);
    expect((await look(nested, [signer.ring])).problem).toContain('fewer than 5 packets');
    expect((await look(join(onePass, ED), [signer.ring])).problem).toContain('expected');
  });

  it('takes every honest way of writing a message, and finds the same in it', async () => {
    const [onePass = PLAIN, text = PLAIN, signature = PLAIN] = packetsOf(PLAIN);
    // 256 bytes, then the rest.
    const parts = join(
      Buffer.from([0xcb, 0xe8]),
      text.subarray(6, 262),
      Buffer.from([text.length - 262]),
      text.subarray(262),
    );
    const honest = [
      join(onePass, text, signature),
      join(signature, text),
      join(onePass, parts, signature),
      compressed(PLAIN),
      compressed(join(signature, text)),
      aPacket(8, join(Buffer.from([0]), PLAIN)),
    ];
    for (const bytes of honest) expect(outcomes(await look(bytes, [await aRing('ed')]))).toBe(GOOD);
  });

  it('refuses another text under the same signature, and another signature over the same text', async () => {
    const [onePass = PLAIN, text = PLAIN] = packetsOf(
      await signer.sign(aPayload({ digest: `sha256:${'0'.repeat(64)}` })),
    );
    const [, , signature = PLAIN] = packetsOf(await signer.sign(payload()));
    const [, wanted = PLAIN] = packetsOf(await signer.sign(payload()));
    expect((await look(join(onePass, text, signature), [signer.ring])).testimonies).toEqual([]);
    const [, , other = PLAIN] = packetsOf(await signer.sign('something else'));
    expect(outcomes(await look(join(onePass, wanted, other), [signer.ring]))).toBe(UNKNOWN);
  });
});

describe('what was signed', () => {
  const { digest } = subject;
  const document = (): Record<string, Record<string, unknown>> =>
    JSON.parse(aPayload({ digest })) as Record<string, Record<string, unknown>>;
  const critical = (change: object): string =>
    JSON.stringify({ ...document(), critical: { ...document().critical, ...change } });
  const optional = (change: unknown): string => JSON.stringify({ ...document(), optional: change });

  it.each<[string, string, RegExp]>([
    ['another digest', aPayload({ digest: `sha256:${'0'.repeat(64)}` }), /found one for sha256:0000/],
    ['the digest in capitals', aPayload({ digest: digest.toUpperCase() }), /docker-manifest-digest/],
    ['no JSON', 'garbage', /JSON/],
    ['JSON of another kind', '[]', /payload/],
    ['nothing', '', /JSON/],
    ['two documents', aPayload({ digest }).repeat(2), /JSON/],
    ['a byte order mark', `\uFEFF${aPayload({ digest })}`, /JSON/],
    ['another type', critical({ type: 'cosign container image signature' }), /critical\.type/],
    ['a member more', critical({ more: 1 }), /critical/],
    ['a member more outside', JSON.stringify({ ...document(), more: 1 }), /payload/],
    ['a member more in image', critical({ image: { 'docker-manifest-digest': digest, more: 1 } }), /critical\.image/],
    ['a member more in identity', critical({ identity: { 'docker-reference': 'a/b', more: 1 } }), /critical\.identity/],
    ['no identity', critical({ identity: {} }), /docker-reference/],
    ['no optional', JSON.stringify({ critical: document().critical }), /optional/],
    ['an optional of null', optional(null), /optional/],
    ['a creator that is none', optional({ creator: 1 }), /creator/],
    ['a time that is none', optional({ timestamp: 1.5 }), /timestamp/],
    [
      'a member twice',
      aPayload({ digest }).replace('{"critical"', '{"critical":{},"critical"'),
      /twice|repeat|more than once/,
    ],
    [
      'a digest twice',
      aPayload({ digest }).replace('"docker-manifest-digest"', '"docker-manifest-digest":"x","docker-manifest-digest"'),
      /twice|repeat|more than once/,
    ],
    [
      'a digest twice, spelt otherwise',
      aPayload({ digest }).replace(
        '"docker-manifest-digest"',
        '"docker-manifest-d\\u0069gest":"x","docker-manifest-digest"',
      ),
      /twice|repeat|more than once/,
    ],
    ['too much', optional({ note: 'a'.repeat(64 * 1024) }), /at most 65536/],
    [
      'a name that is none',
      aPayload({ digest, reference: 'registry.example.com/Team-A/app:v1' }),
      /names no repository/,
    ],
    ['a host alone', aPayload({ digest, reference: 'registry.example.com/' }), /names no repository/],
    ['a long name', aPayload({ digest, reference: 'a/'.repeat(200) + 'b' }), /names no repository/],
  ])('refuses %s, however well it is signed', async (_, content, problem) => {
    const finding = await look(await signer.sign(content), [signer.ring]);
    expect(finding).toEqual({ isAboutSubject: false, problem: expect.stringMatching(problem), testimonies: [] });
  });

  it.each([
    ['registry.example.com/team-a/app:v1', 'team-a/app'],
    ['registry.example.com:5000/team-a/app', 'team-a/app'],
    ['127.0.0.1:5000/team-a/app:v1', 'team-a/app'],
    ['localhost/team-a/app:v1', 'team-a/app'],
    [`registry.example.com/team-a/app@sha256:${'0'.repeat(64)}`, 'team-a/app'],
    [`registry.example.com/team-a/app:v1@sha256:${'0'.repeat(64)}`, 'team-a/app'],
    ['team-a/app:v1', 'team-a/app'],
    ['app', 'app'],
    ['app:v1', 'app'],
    ['registry.example.com/other/app:v1', 'other/app'],
  ])('reads %s as %s', async (reference, repository) => {
    const finding = await look(await signer.sign(aPayload({ digest, reference })), [signer.ring]);
    expect([outcomes(finding), finding.testimonies[0]?.reference]).toEqual([GOOD, repository]);
  });

  it('may have notes', async () => {
    const finding = await look(await signer.sign(optional({ note: { a: [1] } })), [signer.ring]);
    expect(outcomes(finding)).toBe(GOOD);
  });
});

describe('many', () => {
  it('are found in the order in which they came, one bad among them hides no other, and they are bounded', async () => {
    const { shelf } = aSignedShelf();
    shelf.putSignature(subject.digest, { name: 'bad', content: Buffer.from('garbage') });
    for (let count = 0; count < 70; count += 1) shelf.putSignature(subject.digest, { name: `${count}`, content: ED });
    const found = await Array.fromAsync(simpleSigning.find(subject, shelf));
    expect(found).toHaveLength(64);
    expect(found.slice(0, 2).map(({ source, format, manifest }) => [source, format, manifest])).toEqual([
      ['simple signature 1, bad', 'simple-signing', undefined],
      ['simple signature 2, 0', 'simple-signing', undefined],
    ]);
    const ring = await aRing('ed');
    const said = [await found[0]?.check([ring], NOW), await found[1]?.check([ring], NOW)];
    expect(said.map((finding) => finding?.testimonies.length)).toEqual([0, 1]);
  });

  it('changed bytes never verify as something else, and never break anything', async () => {
    const ring = await aRing('ed', 'sub', 'rsa');
    const originals = [ED, PLAIN, signatureBytes('sub'), signatureBytes('rsa'), signatureBytes('two')];
    const change = fc.record({
      original: fc.constantFrom(...originals),
      edits: fc.array(fc.tuple(fc.nat({ max: 800 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 }),
      cut: fc.option(fc.nat({ max: 800 }), { freq: 4 }),
      isPacked: fc.boolean(),
    });
    const property = fc.asyncProperty(change, async ({ original, edits, cut, isPacked }) => {
      const bytes = Buffer.from(original);
      for (const [at, byte] of edits) bytes[at % bytes.length] = byte;
      const whole = bytes.subarray(0, cut ?? undefined);
      const finding = await look(isPacked ? compressed(whole) : whole, [ring]);
      // Names and times beside the text are not signed: changing those changes nothing that counts.
      const verified = finding.testimonies.filter(({ checks }) => checks.integrity.outcome === 'pass');
      expect(verified.filter(({ reference }) => reference !== 'team-a/app')).toEqual([]);
      expect(finding.testimonies.length === 0).toBe(finding.problem !== undefined);
    });
    await fc.assert(property, { numRuns: 400, interruptAfterTimeLimit: 4000 });
  });

  it('bytes of any kind are nothing', async () => {
    const ring = await aRing('ed');
    const bytes = fc.uint8Array({ maxLength: 600 }).map((rest) => Buffer.concat([Buffer.from([0xc4]), rest]));
    const property = fc.asyncProperty(bytes, async (content) => {
      expect((await look(content, [ring])).testimonies).toEqual([]);
    });
    await fc.assert(property, { numRuns: 200, interruptAfterTimeLimit: 2000 });
  });
});
