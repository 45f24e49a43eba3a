import { constants, createHash, generateKeyPairSync, sign } from 'node:crypto';
import { ed25519ph } from '@noble/curves/ed25519.js';
import { describe, expect, test } from 'vitest';
import {
  type Signer,
  aBundle,
  aKeysRoot,
  aPayload,
  aPayloadLayer,
  aScene,
  aSignatureBundle,
  aStatement,
  anEcSigner,
  anEnvelope,
  attach,
  findingsOf,
  sigTagOf,
  vouchers,
} from './cosign-signing.ts';

const rsa = (modulusLength: number, hash = 'sha256', options: object = {}): Signer => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength });
  return { publicKey, sign: (message) => sign(hash, message, { key: privateKey, ...options }) };
};

const pss = (): Signer => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa-pss', { modulusLength: 2048, hashAlgorithm: 'sha256' });
  return { publicKey, sign: (message) => sign('sha256', message, privateKey) };
};

const ed = (type: 'ed25519' | 'ed448'): Signer => {
  // Two calls: each type has an overload of its own.
  const { publicKey, privateKey } = type === 'ed25519' ? generateKeyPairSync(type) : generateKeyPairSync(type);
  return { publicKey, sign: (message) => sign(null, message, privateKey) };
};

/** Ed25519ph. RFC 8032, section 5.1. */
const edHashed = (): Signer => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const seed = Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url');
  return { publicKey, sign: (message) => Buffer.from(ed25519ph.sign(message, seed)) };
};

/** Signs as the other does, and does something to the signature. */
const changed = (signer: Signer, change: (signature: Buffer) => Buffer): Signer => ({
  publicKey: signer.publicKey,
  sign: (message) => change(signer.sign(message)),
});

/** The integers of an ECDSA signature in DER, both of which must be short. */
function integersOf(der: Buffer): [bigint, bigint] {
  const length = der[3] ?? 0;
  const read = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`);
  return [read(der.subarray(4, 4 + length)), read(der.subarray(6 + length))];
}

function derOf(integers: readonly bigint[], { isLong = false } = {}): Buffer {
  const parts = integers.map((value) => {
    const hex = value.toString(16);
    const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
    const positive = (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Buffer.of(0), bytes]);
    return Buffer.concat([Buffer.of(0x02, positive.length), positive]);
  });
  const body = Buffer.concat(parts);
  return Buffer.concat([isLong ? Buffer.of(0x30, 0x81, body.length) : Buffer.of(0x30, body.length), body]);
}

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

async function vouchersOf(signer: Signer): Promise<string[]> {
  const { shelf, subject } = aScene();
  attach(shelf, subject, aSignatureBundle(subject.digest, signer));
  shelf.putArtifact({ tag: sigTagOf(subject), layers: [aPayloadLayer(aPayload(subject), signer)] });
  return vouchers(await findingsOf(shelf, subject, [aKeysRoot('release', { 'a.pub': signer.publicKey })]));
}

const BOTH = ['release: a.pub', 'release: a.pub'];

describe('a signature', () => {
  test.each([
    ['P-256 and SHA-256', anEcSigner('P-256', 'sha256')],
    ['P-384 and SHA-384', anEcSigner('P-384', 'sha384')],
    ['P-384 and SHA-256, as old signers made', anEcSigner('P-384', 'sha256')],
    ['P-521 and SHA-512', anEcSigner('P-521', 'sha512')],
    ['P-521 and SHA-256, as old signers made', anEcSigner('P-521', 'sha256')],
    ['RSA of 2048 bits, PKCS#1 and SHA-256', rsa(2048)],
    ['RSA of 3072 bits, PKCS#1 and SHA-256', rsa(3072)],
    ['Ed25519 over the bytes', ed('ed25519')],
    ['Ed25519 over their hash, as cosign 3.1 makes it', edHashed()],
    // A high s is as good as a low one: what counts are signers, never signatures.
    [
      'P-256 with a high s',
      changed(anEcSigner('P-256', 'sha256'), (der) => withS(der, (s) => (s > P256_ORDER / 2n ? s : P256_ORDER - s))),
    ],
    [
      'P-256 with a low s',
      changed(anEcSigner('P-256', 'sha256'), (der) => withS(der, (s) => (s < P256_ORDER / 2n ? s : P256_ORDER - s))),
    ],
  ])('with %s counts', async (_, signer) => {
    expect(await vouchersOf(signer)).toEqual(BOTH);
  });

  test.each([
    ['P-256 and SHA-384', anEcSigner('P-256', 'sha384')],
    ['P-256 and SHA-1', anEcSigner('P-256', 'sha1')],
    ['P-384 and SHA-512', anEcSigner('P-384', 'sha512')],
    ['P-521 and SHA-384', anEcSigner('P-521', 'sha384')],
    ['secp256k1', anEcSigner('secp256k1', 'sha256')],
    ['RSA-PSS by an RSA key', rsa(2048, 'sha256', { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 })],
    ['RSA-PSS by a key for it', pss()],
    ['RSA and SHA-1', rsa(2048, 'sha1')],
    ['RSA and SHA-512', rsa(2048, 'sha512')],
    ['RSA of 1024 bits', rsa(1024)],
    ['Ed448', ed('ed448')],
    ['a length in BER', changed(anEcSigner('P-256', 'sha256'), (der) => derOf(integersOf(der), { isLong: true }))],
    ['an integer with a zero too much', changed(anEcSigner('P-256', 'sha256'), zeroAdded)],
    [
      's beyond the order of the curve',
      changed(anEcSigner('P-256', 'sha256'), (der) => withS(der, (s) => s + P256_ORDER)),
    ],
    ['r and s of zero', changed(anEcSigner('P-256', 'sha256'), () => derOf([0n, 0n]))],
    ['a byte after its end', changed(anEcSigner('P-256', 'sha256'), (der) => Buffer.concat([der, Buffer.of(0)]))],
    ['a byte missing', changed(anEcSigner('P-256', 'sha256'), (der) => der.subarray(0, -1))],
    ['r and s side by side, not in DER', changed(anEcSigner('P-256', 'sha256'), sideBySide)],
    [
      'Ed25519 over the hash and a bit changed',
      changed(edHashed(), (bytes) => Buffer.from(bytes.map((byte, at) => (at === 40 ? byte ^ 1 : byte)))),
    ],
    [
      'Ed25519 over what is the hash, without saying so',
      ((signer: Signer) => ({
        ...signer,
        sign: (message: Buffer) => signer.sign(createHash('sha512').update(message).digest()),
      }))(ed('ed25519')),
    ],
    [
      'Ed25519 and a bit changed',
      changed(ed('ed25519'), (bytes) => Buffer.from(bytes.map((byte, at) => (at === 40 ? byte ^ 1 : byte)))),
    ],
  ])('with %s counts for nothing', async (_, signer) => {
    expect(await vouchersOf(signer)).toEqual([]);
  });

  test('says which algorithm it is of, in vain: the key decides', async () => {
    const signer = anEcSigner('P-256', 'sha384');
    const { shelf, subject } = aScene();
    const envelope = anEnvelope(aStatement(subject.digest), signer) as { signatures: [object] };
    const signatures = [{ ...envelope.signatures[0], keyid: 'a.pub', alg: 'ES384', hash: 'sha384' }];
    attach(shelf, subject, aBundle({ ...envelope, signatures }));
    expect(vouchers(await findingsOf(shelf, subject, [aKeysRoot('release', { 'a.pub': signer.publicKey })]))).toEqual(
      [],
    );
  });
});

describe('roots of keys', () => {
  test('are each asked, and each answers for the key of theirs that made it', async () => {
    const [first, second, third] = [ed('ed25519'), rsa(2048), anEcSigner('P-384', 'sha384')];
    const { shelf, subject } = aScene();
    attach(shelf, subject, aSignatureBundle(subject.digest, second));
    const [finding] = await findingsOf(shelf, subject, [
      aKeysRoot('one', { 'first.pub': first.publicKey, 'second.pub': second.publicKey, 'again.pub': second.publicKey }),
      aKeysRoot('two', { 'third.pub': third.publicKey }),
      aKeysRoot('three', { 'other.pub': second.publicKey }),
      { ...aKeysRoot('four', { 'second.pub': second.publicKey }), problem: 'second.pub is not there' },
    ]);
    expect(
      finding?.testimonies.map(({ root, signer, checks }) => [root, signer.name, checks.authenticity.why]),
    ).toEqual([
      ['one', 'second.pub', 'made by a key of this root'],
      ['two', 'unknown', 'no key of this root made it'],
      ['three', 'other.pub', 'made by a key of this root'],
      ['four', 'unknown', 'the root cannot be used: second.pub is not there'],
    ]);
  });

  test('are missing: nobody can vouch, and the finding says so', async () => {
    const { shelf, subject } = aScene();
    attach(shelf, subject, aSignatureBundle(subject.digest, ed('ed25519')));
    expect(await findingsOf(shelf, subject, [])).toMatchObject([
      { isAboutSubject: true, problem: 'there is no root that could vouch for it', testimonies: [] },
    ]);
  });
});

function withS(der: Buffer, change: (s: bigint) => bigint): Buffer {
  const [r, s] = integersOf(der);
  return derOf([r, change(s)]);
}

function zeroAdded(der: Buffer): Buffer {
  const body = Buffer.concat([Buffer.of(0x02, (der[3] ?? 0) + 1, 0), der.subarray(4)]);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

function sideBySide(der: Buffer): Buffer {
  return Buffer.from(
    integersOf(der)
      .map((value) => value.toString(16).padStart(64, '0'))
      .join(''),
    'hex',
  );
}
