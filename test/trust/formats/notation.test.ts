import 'reflect-metadata';
import { constants, hash, sign } from 'node:crypto';
import { ExtendedKeyUsage, ExtendedKeyUsageExtension, KeyUsageFlags, KeyUsagesExtension } from '@peculiar/x509';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  AUTHENTIC_TIME,
  BY_AUTHORITY,
  EXPIRY,
  type EnvelopeWishes,
  PLUGIN,
  SCHEME,
  SIGNING_TIME,
  expiring,
  signAs,
} from '../notary/envelopes.ts';
import { aStore, failuresOf, lookAt, named, only, outcomesOf } from '../notary/looks.ts';
import { DAY_MS, NOW, type Party, aCertificate, anAuthority } from '../x509/authority.ts';

const PASSES = { integrity: 'pass', authenticity: 'pass', timestamp: 'pass', expiry: 'none', revocation: 'none' };

let ca: Party;
let between: Party;
let alice: Party;
let stranger: Party;
let mallory: Party;

beforeAll(async () => {
  ca = await anAuthority();
  between = await anAuthority(ca);
  alice = await aCertificate(between, named('alice'));
  stranger = await anAuthority(undefined, named('stranger'));
  mallory = await aCertificate(stranger, named('mallory'));
});

const chain = () => [alice, between, ca];

describe.each(['jws', 'cose'] as const)('a signature of notation in %s', (format) => {
  const fails = async (wishes: Partial<Omit<EnvelopeWishes, 'subject'>>) =>
    failuresOf(await lookAt(format, { chain: chain(), root: aStore([ca]), ...wishes }));

  test('passes every check there is something to look at, and says who made it', async () => {
    const finding = await lookAt(format, { chain: chain(), root: aStore([ca]) });
    const testimony = only(finding.testimonies);
    const spki = hash('sha256', alice.certificate.publicKey.export({ type: 'spki', format: 'der' }));
    expect(finding).toMatchObject({ isAboutSubject: true, problem: undefined });
    expect(outcomesOf(testimony)).toEqual(PASSES);
    expect(testimony).toMatchObject({ root: 'corp', predicateType: undefined, reference: undefined });
    const { subject, ids, name } = testimony.signer;
    expect(subject).toBe('CN=alice,O=Example,ST=Bern,C=CH');
    expect({ name, ids }).toEqual({ name: subject, ids: [`spki:${spki}`, `subject:${subject}`] });
  });

  test.each(['P-256', 'P-384', 'P-521', 'RSA-2048'] as const)('is taken from a key of %s', async (key) => {
    const leaf = await aCertificate(ca, { key });
    const algorithm = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512', 'RSA-2048': 'PS256' }[key];
    const finding = await lookAt(format, { chain: [leaf, ca], root: aStore([ca]) });
    expect(outcomesOf(only(finding.testimonies))).toEqual(PASSES);
    expect(only(finding.testimonies).checks.integrity.why).toContain(algorithm);
  });

  test.each([
    ['RSA-1024', 'PS256'],
    ['Ed25519', 'EdDSA'],
  ] as const)('is refused from a key of %s', async (key, alg) => {
    const leaf = await aCertificate(ca, { key });
    expect(await fails({ chain: [leaf, ca], header: { alg } })).toMatchObject({
      integrity: expect.stringMatching(/a key of (rsa 1024|ed25519) is none to sign with/),
    });
  });

  test.each(['none', 'HS256', 'ES384', 'RS256', 'PS256'])(
    'is refused with the algorithm %s of a key of P-256',
    async (alg) => {
      const signWith = alg.startsWith('ES') || alg === 'none' || alg === 'HS256' ? alg : 'ES256';
      const wishes = { header: { alg }, signWith: (signed: Uint8Array) => signAs(signWith, alice.privateKey, signed) };
      expect(await fails(wishes)).toMatchObject({ integrity: expect.stringContaining('expected the algorithm ES256') });
    },
  );

  test('is refused in PKCS #1 v1.5, whatever it says it is', async () => {
    const leaf = await aCertificate(ca, { key: 'RSA-2048' });
    const asPss = {
      header: { alg: 'PS256' },
      signWith: (signed: Uint8Array) => signAs('RS256', leaf.privateKey, signed),
    };
    expect(await fails({ chain: [leaf, ca], ...asPss })).toMatchObject({
      integrity: expect.stringContaining('not of the key'),
    });
    const asItIs = { ...asPss, header: { alg: 'RS256' } };
    expect(await fails({ chain: [leaf, ca], ...asItIs })).toMatchObject({
      integrity: expect.stringContaining('PS256'),
    });
  });

  test('is refused with a salt that is not as long as the hash', async () => {
    const leaf = await aCertificate(ca, { key: 'RSA-2048' });
    const salted = (saltLength: number) => (signed: Uint8Array) =>
      sign('sha256', signed, { key: leaf.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
    expect(await fails({ chain: [leaf, ca], signWith: salted(32) })).toEqual({});
    expect(await fails({ chain: [leaf, ca], signWith: salted(20) })).toHaveProperty('integrity');
  });

  test('is not intact when another key made it, and then nothing it says counts', async () => {
    const finding = await lookAt(format, { chain: chain(), root: aStore([ca]), key: mallory.privateKey });
    expect(finding.isAboutSubject).toBe(true);
    const testimony = only(finding.testimonies);
    expect(new Set(Object.values(outcomesOf(testimony)))).toEqual(new Set(['fail']));
    expect(testimony.checks.integrity.why).toBe('the signature is not of the key in the certificate');
    expect(testimony.checks.expiry.why).toBe('not looked at: the signature is not intact');
    expect(testimony.goodUntil).toBeUndefined();
  });

  test.each([
    ['a digest', { digest: `sha256:${'0'.repeat(64)}` }, 'signed is another digest', false],
    ['a size', { size: 1 }, 'signed is another size', true],
    ['a media type', { mediaType: 'application/vnd.oci.image.index.v1+json' }, 'signed is another media type', true],
  ])('is not intact with %s that is not the subject’s', async (_, target, words, isAboutSubject) => {
    const finding = await lookAt(format, { chain: chain(), root: aStore([ca]), target });
    expect(failuresOf(finding)).toMatchObject({ integrity: expect.stringContaining(words) });
    expect(finding.isAboutSubject).toBe(isAboutSubject);
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['without crit', { crit: undefined }, 'expected crit'],
    ['with a crit that is no list', { crit: SCHEME }, 'expected crit'],
    ['with an empty crit', { crit: [] }, `crit does not name ${SCHEME}`],
    ['with something unknown in crit', { crit: [SCHEME, 'exp'], exp: 1 }, 'crit names "exp"'],
    ['with b64 in crit', { crit: [SCHEME, 'b64'], b64: true }, 'crit names "b64"'],
    ['with something in crit that is not there', { crit: [SCHEME, EXPIRY] }, `crit names "${EXPIRY}"`],
    ['with something twice in crit', { crit: [SCHEME, SCHEME] }, 'crit names something twice'],
    ['with the signing time in crit', { crit: [SCHEME, SIGNING_TIME] }, `crit names "${SIGNING_TIME}"`],
    ['with an expiry that is not in crit', { [EXPIRY]: new Date(NOW + 1000) }, `crit does not name ${EXPIRY}`],
    [
      'that asks for a plugin',
      { [PLUGIN]: 'com.example', crit: [SCHEME, PLUGIN] },
      'asks for the plugin "com.example"',
    ],
    ['that asks for a plugin if possible', { [PLUGIN]: 'com.example' }, 'asks for the plugin "com.example"'],
    ['that asks for a version of a plugin', { [`${PLUGIN}MinVersion`]: '1.0.0' }, 'asks for the plugin'],
    ['of no scheme', { [SCHEME]: undefined }, 'expected a signing scheme'],
    ['of another scheme', { [SCHEME]: 'notary.x509.other' }, 'found "notary.x509.other"'],
    ['without a signing time', { [SIGNING_TIME]: undefined }, `expected a point in time in ${SIGNING_TIME}`],
    [
      'with a signing time that is none',
      { [SIGNING_TIME]: 'yesterday' },
      `expected a point in time in ${SIGNING_TIME}`,
    ],
    ['with an authentic time beside', { [AUTHENTIC_TIME]: new Date(NOW) }, `${AUTHENTIC_TIME} is not for`],
    ['of an authority without its time', { ...BY_AUTHORITY, [AUTHENTIC_TIME]: undefined }, 'expected a point in time'],
    [
      'of an authority with the time of others',
      { ...BY_AUTHORITY, [SIGNING_TIME]: new Date(NOW) },
      'is not for the scheme',
    ],
    [
      'of an authority whose time is not in crit',
      { ...BY_AUTHORITY, crit: [SCHEME] },
      `crit does not name ${AUTHENTIC_TIME}`,
    ],
    ['that expires before it was made', expiring(NOW - DAY_MS), 'expires before it was made'],
    ['of another payload type', { cty: 'application/json' }, 'expected a payload of'],
    ['of no payload type', { cty: undefined }, 'expected a payload of'],
  ])('is not intact %s', async (_, header, words) => {
    expect(await fails({ header })).toMatchObject({ integrity: expect.stringContaining(words) });
  });

  test('may have more in its header that need not be understood', async () => {
    expect(await fails({ header: { 'com.example.build': 7 } })).toEqual({});
  });

  test('is not authentic when nobody of its chain is in the trust store, and the rest is told nevertheless', async () => {
    const finding = await lookAt(format, { chain: [mallory, stranger], root: aStore([ca]) });
    expect(outcomesOf(only(finding.testimonies))).toEqual({ ...PASSES, authenticity: 'fail' });
    expect(failuresOf(finding).authenticity).toBe('no certificate of the chain is in the trust store');
  });

  test.each<[string, () => Party]>([
    ['root', () => ca],
    ['intermediate', () => between],
    ['leaf', () => alice],
  ])('is authentic when its %s is in the trust store', async (_, trusted) => {
    const finding = await lookAt(format, { chain: chain(), root: aStore([trusted()]) });
    expect(outcomesOf(only(finding.testimonies))).toEqual(PASSES);
  });

  test('is authentic with a leaf that is its own root', async () => {
    const alone = await aCertificate(undefined);
    expect(failuresOf(await lookAt(format, { chain: [alone], root: aStore([alone]) }))).toEqual({});
  });

  test('is not authentic with a leaf that vouches for itself as an authority', async () => {
    expect(await fails({ chain: [ca] })).toMatchObject({ authenticity: expect.any(String) });
  });

  test('is not authentic when a trusted certificate only stands beside the chain', async () => {
    expect(await fails({ chain: [mallory, stranger, ca] })).toMatchObject({ authenticity: expect.any(String) });
    expect(await fails({ chain: [mallory, ca] })).toMatchObject({ authenticity: expect.any(String) });
  });

  test('is not authentic when its chain is out of order or ends too early', async () => {
    expect(await fails({ chain: [alice, ca, between] })).toMatchObject({ authenticity: expect.any(String) });
    expect(await fails({ chain: [alice, between], root: aStore([between]) } as object)).toMatchObject({
      authenticity: expect.any(String),
    });
  });

  test('is not authentic of a certificate that is not for signing code', async () => {
    const server = [
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    ];
    const leaf = await aCertificate(ca, { extensions: server });
    expect(await fails({ chain: [leaf, ca] })).toMatchObject({ authenticity: expect.any(String) });
    const unmarked = await aCertificate(ca, {
      extensions: [new KeyUsagesExtension(KeyUsageFlags.digitalSignature, false)],
    });
    expect(await fails({ chain: [unmarked, ca] })).toMatchObject({ authenticity: expect.any(String) });
  });

  test('is vouched for by a trust store of its scheme only', async () => {
    const authority = aStore([ca], { store: 'signingAuthority' });
    const byAuthority = { chain: chain(), header: BY_AUTHORITY };
    expect(failuresOf(await lookAt(format, { ...byAuthority, root: authority }))).toEqual({});
    expect(failuresOf(await lookAt(format, { ...byAuthority, root: aStore([ca]) }))).toEqual({
      authenticity: 'a trust store of ca does not vouch for the scheme notary.x509.signingAuthority',
    });
    expect(failuresOf(await lookAt(format, { chain: chain(), root: authority }))).toEqual({
      authenticity: 'a trust store of signingAuthority does not vouch for the scheme notary.x509',
    });
  });

  test('is not authentic for a root that cannot be used', async () => {
    const root = aStore([ca], { problem: 'the file is gone' });
    expect(failuresOf(await lookAt(format, { chain: chain(), root }))).toEqual({
      authenticity: 'the root cannot be used: the file is gone',
    });
  });

  test.each([
    ['a second before', NOW + 1000, 'pass'],
    ['at', NOW, 'fail'],
    ['a second after', NOW - 1000, 'fail'],
  ])('judged %s its expiry', async (_, expiry, outcome) => {
    const finding = await lookAt(format, { chain: chain(), root: aStore([ca]), header: expiring(expiry) });
    expect(outcomesOf(only(finding.testimonies))).toEqual({ ...PASSES, expiry: outcome });
  });

  test.each([
    ['expired', { until: NOW - 1000 }, 'to 2026-06-01T11:59:59.000Z, not at'],
    ['not valid yet', { from: NOW + 1000 }, 'valid from 2026-06-01T12:00:01.000Z'],
  ])('fails by the clock when a certificate is %s, wherever it stands in the chain', async (_, wishes, words) => {
    const leaf = await aCertificate(ca, wishes);
    expect(await fails({ chain: [leaf, ca] })).toEqual({ timestamp: expect.stringContaining(words) });
    const middle = await anAuthority(ca, wishes);
    const below = await aCertificate(middle);
    expect(await fails({ chain: [below, middle, ca] })).toEqual({ timestamp: expect.stringContaining(words) });
  });

  test('of a signing authority is judged by when it was made', async () => {
    const leaf = await aCertificate(ca, { from: NOW - DAY_MS, until: NOW - 2000 });
    const root = aStore([ca], { store: 'signingAuthority' });
    const signedAt = (time: number) => ({ ...BY_AUTHORITY, [AUTHENTIC_TIME]: new Date(time) });
    const wishes = { chain: [leaf, ca], root };
    expect(failuresOf(await lookAt(format, { ...wishes, header: signedAt(NOW - 2000) }))).toEqual({});
    expect(failuresOf(await lookAt(format, { ...wishes, header: signedAt(NOW) }))).toHaveProperty('timestamp');
  });

  test('holds until it expires, or the first certificate of its chain does', async () => {
    const until = async (wishes: Partial<Parameters<typeof lookAt>[1]>) => {
      const finding = await lookAt(format, { chain: chain(), root: aStore([ca]), ...wishes });
      return only(finding.testimonies).goodUntil;
    };
    const brief = await aCertificate(ca, { until: NOW + 5000 });
    // A certificate is good for the whole of its last second.
    expect(await until({})).toBe(NOW + 365 * DAY_MS + 1000);
    expect(await until({ chain: [brief, ca] })).toBe(NOW + 6000);
    expect(await until({ chain: [brief, ca], at: NOW + 5999 })).toBe(NOW + 6000);
    expect(await until({ chain: [brief, ca], at: NOW + 6000 })).toBe(NOW + 365 * DAY_MS + 1000);
    expect(await until({ header: expiring(NOW + 1000) })).toBe(NOW + 1000);
    expect(await until({ chain: [brief, ca], header: expiring(NOW + 9000) })).toBe(NOW + 6000);
    // What is over already does not end again, and what begins will change the judgement.
    expect(await until({ header: expiring(NOW - 1000) })).toBe(NOW + 365 * DAY_MS + 1000);
    const early = await aCertificate(ca, { from: NOW + 3000 });
    expect(await until({ chain: [early, ca] })).toBe(NOW + 3000);
    const authority = aStore([ca], { store: 'signingAuthority' });
    expect(await until({ root: authority, header: BY_AUTHORITY })).toBeUndefined();
  });
});
