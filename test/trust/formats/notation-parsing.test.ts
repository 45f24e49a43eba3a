import { Tag, encode } from 'cbor2';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Subject } from '#trust/format.ts';
import type { Finding } from '#trust/testimony.ts';
import {
  AUTHENTIC_TIME,
  BY_AUTHORITY,
  type EnvelopeFormat,
  SCHEME,
  SIGNING_TIME,
  STAMP,
  aCose,
  aJws,
  anEnvelope,
  signAs,
} from '../notary/envelopes.ts';
import { aStore, failuresOf, isBelieved, look, lookAt, only, outcomesOf, putEnvelope } from '../notary/looks.ts';
import { type MemoryShelf, aShelf, aSubject } from '../shelf.ts';
import { type Party, aCertificate, anAuthority } from '../x509/authority.ts';

let ca: Party;
let alice: Party;
let shelf: MemoryShelf;
let subject: Subject;

beforeAll(async () => {
  ca = await anAuthority();
  alice = await aCertificate(ca);
  shelf = aShelf();
  subject = aSubject(shelf);
});

async function read(format: EnvelopeFormat, content: Uint8Array | string): Promise<Finding> {
  const fresh = aShelf();
  putEnvelope(fresh, subject, { format, content });
  return only(await look({ shelf: fresh, subject, roots: [aStore([ca])] }));
}

const wishes = () => ({ chain: [alice, ca], subject });
const jws = () => aJws(wishes());
const text = (document: unknown): string => JSON.stringify(document);
const nothing = (problem: string) => ({
  isAboutSubject: false,
  problem: expect.stringContaining(problem),
  testimonies: [],
});

/** Signs a protected header that is written by hand. */
function jwsOver(header: string, payload = jws().payload): string {
  const covered = Buffer.from(header).toString('base64url');
  const signature = signAs('ES256', alice.privateKey, Buffer.from(`${covered}.${payload}`));
  return text({ ...jws(), protected: covered, payload, signature: Buffer.from(signature).toString('base64url') });
}

const headerText = (): string => Buffer.from(jws().protected, 'base64url').toString();

describe('an envelope in JSON is refused when it', () => {
  test.each<[string, () => string | Uint8Array, string]>([
    ['is empty', () => '', 'expected a JSON document'],
    ['is garbage', () => Buffer.from([0xff, 0xfe, 0]), 'expected a JSON document'],
    ['is cut short', () => text(jws()).slice(0, -10), 'expected a JSON document'],
    ['is in CBOR', () => anEnvelope('cose', wishes()), 'expected a JSON document'],
    ['is null', () => 'null', 'the envelope is malformed'],
    ['is a list', () => text([jws()]), 'the envelope is malformed'],
    ['has a mark before it', () => `\ufeff${text(jws())}`, 'expected a JSON document'],
    ['is nested deeply', () => '['.repeat(500_000), 'deep'],
    ['is not flattened', () => text({ payload: jws().payload, signatures: [jws()] }), 'the envelope is malformed'],
    ['is compact', () => text(`${jws().protected}.${jws().payload}.${jws().signature}`), 'the envelope is malformed'],
    ['has a member more', () => text({ ...jws(), more: 1 }), 'the envelope is malformed'],
    ['has no signature', () => text({ ...jws(), signature: undefined }), 'the envelope is malformed: signature'],
    ['has a member twice', () => text(jws()).replace('{', '{"payload":"e30",'), 'a member twice: "payload"'],
    ['has a member twice, once disguised', () => text(jws()).replace('{', '{"p\\u0061yload":"e30",'), 'a member twice'],
    [
      'has a protected header twice',
      () => jwsOver(headerText().replace('{', '{"alg":"none",')),
      'a member twice: "alg"',
    ],
    ['has a protected header that is none', () => jwsOver('[]'), 'the protected header is malformed'],
    [
      'has no algorithm',
      () => jwsOver(headerText().replace('"alg"', '"alt"')),
      'the protected header is malformed: alg',
    ],
    ['has padding', () => text({ ...jws(), payload: `${jws().payload}=` }), 'expected the payload in base64url'],
    [
      'has blanks in base64',
      () => text({ ...jws(), signature: `${jws().signature}\n` }),
      'expected the signature in base64url',
    ],
    [
      'has spare bits in base64',
      () => text({ ...jws(), signature: jws().signature.replace(/.$/, (last) => (last === 'B' ? 'C' : 'B')) }),
      'expected the signature in base64url',
    ],
    [
      'has certificates for the web',
      () => certificates((one) => one.toString('base64url')),
      'expected a certificate in base64',
    ],
    [
      'has a header here and there',
      () => text({ ...jws(), header: { ...jws().header, alg: 'none' } }),
      'protected and unprotected',
    ],
    ['has no certificates', () => text({ ...jws(), header: {} }), 'the unprotected header is malformed: x5c'],
    [
      'has an empty chain',
      () => text({ ...jws(), header: { x5c: [] } }),
      'expected a chain of certificates, found none',
    ],
    [
      'has eleven certificates',
      () => text({ ...jws(), header: { x5c: Array(11).fill(jws().header.x5c[0]) } }),
      'at most 10',
    ],
    ['has a certificate of garbage', () => certificates(() => 'AAAA'), 'certificate 1 of the chain cannot be read'],
    ['has a certificate in PEM', () => certificates(pemOf), 'certificate 1 of the chain cannot be read'],
    [
      'has more after a certificate',
      () => certificates((one) => Buffer.concat([one, Buffer.from([0])]).toString('base64')),
      'certificate 1 of the chain cannot be read',
    ],
    ['has a time stamp that is no text', () => text({ ...jws(), header: { ...jws().header, [STAMP]: 7 } }), STAMP],
  ])('%s', async (_, content, problem) => {
    expect(await read('jws', content())).toEqual(nothing(problem));
  });

  function certificates(write: (der: Buffer) => string): string {
    return text({ ...jws(), header: { x5c: [alice, ca].map((one) => write(one.certificate.raw)) } });
  }

  function pemOf(der: Buffer): string {
    const lines = `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
    return Buffer.from(lines).toString('base64');
  }
});

describe('an envelope in CBOR', () => {
  const cose = () => aCose(wishes());
  const tagged = (parts: unknown, tag = 18): Uint8Array => encode(new Tag(tag, parts));
  const replaced = (at: number, part: unknown): Uint8Array =>
    tagged(cose().map((one, index) => (index === at ? part : one)));
  const nested = (depth: number): unknown => (depth === 0 ? 0 : [nested(depth - 1)]);
  const hex = (digits: string): Uint8Array => new Uint8Array(Buffer.from(digits, 'hex'));
  const beside = (...entries: [unknown, unknown][]): Uint8Array => replaced(1, new Map([...cose()[1], ...entries]));

  test.each<[string, () => string | Uint8Array, string]>([
    ['is empty', () => '', 'the envelope is not CBOR'],
    ['is garbage', () => Buffer.from([0xff, 0xfe, 0]), 'the envelope is not CBOR'],
    ['is cut short', () => tagged(cose()).slice(0, -10), 'the envelope is not CBOR'],
    ['has more after it', () => Buffer.concat([tagged(cose()), Buffer.from([0])]), 'the envelope is not CBOR'],
    ['is in JSON', () => text(jws()), 'the envelope is not CBOR'],
    ['has no tag', () => encode(cose()), 'expected tag 18'],
    ['has the tag of several signers', () => tagged(cose(), 98), 'expected tag 18'],
    ['has the tag twice', () => encode(new Tag(18, new Tag(18, cose()))), 'expected the four parts'],
    ['has three parts', () => tagged(cose().slice(0, 3)), 'expected the four parts'],
    ['has five parts', () => tagged([...cose(), 0]), 'expected the four parts'],
    ['is a hundred thousand arrays deep', () => new Uint8Array(100_000).fill(0x81, 0, -1), 'the envelope is not CBOR'],
    ['is a hundred thousand tags deep', () => new Uint8Array(100_000).fill(0xd2, 0, -1), 'the envelope is not CBOR'],
    ['claims four milliards of entries', () => Buffer.from('d29affffffff', 'hex'), 'the envelope is not CBOR'],
    ['claims a map of as many', () => Buffer.from('d2bbffffffffffffffff', 'hex'), 'the envelope is not CBOR'],
    ['claims a text of as many', () => Buffer.from('d284587bffffffffffffff', 'hex'), 'the envelope is not CBOR'],
    ['has no end', () => Buffer.from('d29f40a04040ff', 'hex'), 'the envelope is not CBOR'],
    ['has a protected header that is no map', () => replaced(0, encode([])), 'expected headers that are maps'],
    [
      'has a protected header that is not encoded',
      () => replaced(0, new Map()),
      'expected the protected header in bytes',
    ],
    ['has an empty protected header', () => replaced(0, new Uint8Array()), 'the protected header is not CBOR'],
    ['has a protected header twice', () => replaced(0, hex('a201260127')), 'the protected header is not CBOR'],
    [
      'has a label twice, once spelt longer',
      () => replaced(0, hex('a20126180127')),
      'the protected header is not CBOR',
    ],
    [
      'has a label twice, once as a fraction',
      () => replaced(0, hex('a20126f93c0027')),
      'the protected header is not CBOR',
    ],
    [
      'has a time in a fraction',
      () => replaced(0, hex('a10ac1fb41da863d20000000')),
      'the protected header is not CBOR',
    ],
    ['has an unprotected header that is none', () => replaced(1, []), 'expected headers that are maps'],
    ['has a detached payload', () => replaced(2, null), 'expected the payload in bytes'],
    ['has a payload of text', () => replaced(2, '{}'), 'expected the payload in bytes'],
    ['has a signature of text', () => replaced(3, 'signed'), 'expected the signature in bytes'],
    ['has an algorithm here and there', () => beside([1, -7]), 'protected and unprotected'],
    ['has no certificates', () => replaced(1, new Map()), 'expected a certificate in bytes'],
    ['has an empty chain', () => beside([33, []]), 'expected a chain of certificates, found none'],
    ['has a chain of text', () => beside([33, ['AAAA']]), 'expected a certificate in bytes'],
    ['has something deep beside', () => beside(['deep', nested(15)]), 'the envelope is not CBOR'],
    ['has a time stamp that is no bytes', () => beside([STAMP, 'stamp']), 'expected the time stamp in bytes'],
  ])('is refused when it %s', async (_, content, problem) => {
    expect(await read('cose', content())).toEqual(nothing(problem));
  });

  test('may have something beside that is not too deep', async () => {
    expect(isBelieved(await read('cose', beside(['deep', nested(3)])))).toBe(true);
  });

  test('may have its one certificate alone', async () => {
    const finding = await read('cose', beside([33, new Uint8Array(alice.certificate.raw)]));
    expect(outcomesOf(only(finding.testimonies)).integrity).toBe('pass');
  });

  test.each<[string, unknown]>([
    ['without a tag', 1_780_000_000],
    ['of another tag', new Tag(100, 1_780_000_000)],
    ['before the epoch', new Tag(1, -1)],
    ['after the year 9999', new Tag(1, 253_402_300_800)],
    ['in words', new Tag(1, 'now')],
  ])('is not intact with a time %s', async (_, time) => {
    const finding = await lookAt('cose', { chain: [alice, ca], root: aStore([ca]), header: { [SIGNING_TIME]: time } });
    expect(failuresOf(finding).integrity).toContain('expected a point in time');
  });

  test('is not intact with a label in crit that is a number', async () => {
    const finding = await lookAt('cose', { chain: [alice, ca], root: aStore([ca]), header: { crit: [SCHEME, 3] } });
    expect(failuresOf(finding).integrity).toBe('crit names 3, which is not understood or not there');
  });
});

describe('a time in JSON', () => {
  const root = () => aStore([ca], { store: 'signingAuthority' });

  test.each(['2026-06-01T11:59:00Z', '2026-06-01T19:59:00+08:00', '2026-06-01T06:29:00.5-05:30'])(
    'is read as RFC 3339 writes it: %s',
    async (time) => {
      const header = { ...BY_AUTHORITY, [AUTHENTIC_TIME]: time };
      expect(failuresOf(await lookAt('jws', { chain: [alice, ca], root: root(), header }))).toEqual({});
    },
  );

  test('counts with its offset', async () => {
    const late = await aCertificate(ca, { from: Date.parse('2026-06-01T11:59:00Z') });
    const at = async (time: string) => {
      const header = { ...BY_AUTHORITY, [AUTHENTIC_TIME]: time };
      return failuresOf(await lookAt('jws', { chain: [late, ca], root: root(), header }));
    };
    expect(await at('2026-06-01T13:59:00+02:00')).toEqual({});
    expect(await at('2026-06-01T12:58:59+01:00')).toHaveProperty('timestamp');
  });

  test.each([
    '2026-06-01',
    '2026-06-01T11:59Z',
    '2026-06-01T11:59:00',
    '2026-02-30T00:00:00Z',
    '2026-06-01T24:00:00Z',
    1_780_000_000,
  ])('is refused otherwise: %s', async (time) => {
    const header = { ...BY_AUTHORITY, [AUTHENTIC_TIME]: time };
    const finding = await lookAt('jws', { chain: [alice, ca], root: root(), header });
    expect(failuresOf(finding).integrity).toContain('expected a point in time');
  });
});

describe.each(['jws', 'cose'] as const)('a payload in %s', (format) => {
  const target = (more: object = {}) =>
    text({
      targetArtifact: { mediaType: subject.mediaType, digest: subject.digest, size: subject.sizeBytes, ...more },
    });

  test.each<[string, () => string, string]>([
    ['that is garbage', () => 'garbage', 'expected a JSON document'],
    ['of a bill of materials', () => text({ spdxVersion: 'SPDX-2.3' }), 'the payload is malformed: targetArtifact'],
    ['with something beside its target', () => target().replace('{', '{"more":1,'), 'the payload is malformed'],
    ['with a size in words', () => target({ size: '7' }), 'the payload is malformed: targetArtifact.size'],
    ['with a negative size', () => target({ size: -1 }), 'the payload is malformed: targetArtifact.size'],
    [
      'with a long name in it',
      () => target({ annotations: { ['\n'.repeat(5000)]: 7 } }),
      'targetArtifact.annotations. ',
    ],
    ['with a target twice', () => target().replace('{', '{"targetArtifact":{},'), 'a member twice'],
    ['with a digest twice', () => target().replace('"size"', '"digest":"sha256:00","size"'), 'a member twice'],
  ])('%s is none, however well it is signed', async (_, payload, problem) => {
    const content = anEnvelope(format, { ...wishes(), target: payload() });
    const finding = await read(format, content);
    expect(finding).toEqual(nothing(problem));
    expect(finding.problem?.length).toBeLessThan(300);
  });

  test('may say more of its target, as notation does', async () => {
    const content = anEnvelope(format, {
      ...wishes(),
      target: target({ annotations: { build: '7' }, artifactType: 'a/b', urls: [] }),
    });
    expect(isBelieved(await read(format, content))).toBe(true);
  });
});

test('CBOR of which every byte is a value is read as far as it may be long', async () => {
  const most = 128 * 1024;
  const array = new Uint8Array(most).fill(0xa0);
  array[0] = 0x9a;
  new DataView(array.buffer).setUint32(1, most - 5);
  const pairs = Math.floor((most - 3) / 6);
  const map = new Uint8Array(3 + 6 * pairs);
  const view = new DataView(map.buffer);
  view.setUint8(0, 0xb9);
  view.setUint16(1, pairs);
  for (let at = 0; at < pairs; at += 1) {
    view.setUint8(3 + 6 * at, 0x1a);
    view.setUint32(4 + 6 * at, 100_000 + at);
  }
  for (const content of [array, map]) expect((await read('cose', content)).problem).toContain('expected tag 18');
  const longer = new Uint8Array(most + 1);
  expect((await read('cose', longer)).problem).toBe('expected at most 131072 bytes of CBOR, found 131073');
});
