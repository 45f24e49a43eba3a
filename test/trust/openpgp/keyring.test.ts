import { generateKey, readKeys } from 'openpgp';
import { beforeAll, describe, expect, it } from 'vitest';
import { readKeyring } from '#trust/openpgp/keyring.ts';
import { FINGERPRINTS, ringBytes, signatureBytes } from './scene.ts';

const fingerprintsIn = async (bytes: Uint8Array): Promise<string[]> =>
  (await readKeyring(bytes)).map((key) => key.getFingerprint().toUpperCase());

let generated: { privateKey: string; publicKey: string };
beforeAll(async () => {
  generated = await generateKey({ userIDs: { name: 'test' }, curve: 'ed25519Legacy', type: 'ecc' });
});

describe('a ring', () => {
  it.each([
    ['binary', () => ringBytes('rsa'), ['rsa']],
    ['of several keys', () => Buffer.concat([ringBytes('rsa'), ringBytes('sub')]), ['rsa', 'sub']],
    ['armored in several blocks', () => ringBytes('armored'), ['rsa', 'ed']],
    ['with words around it', () => Buffer.concat([Buffer.from('our keys:\n'), ringBytes('armored')]), ['rsa', 'ed']],
    ['with a key twice', () => Buffer.concat([ringBytes('gone-before'), ringBytes('gone')]), ['gone', 'gone']],
  ] as const)('is read %s', async (_, bytes, names) => {
    expect(await fingerprintsIn(bytes())).toEqual(names.map((name) => FINGERPRINTS[name]));
  });

  it.each<[string, () => Uint8Array | string | Promise<Uint8Array | string>, RegExp]>([
    ['nothing', () => '', /found none/],
    ['text', () => 'no key', /what cannot be read/],
    ['a message', () => signatureBytes('ed'), /what cannot be read|found none/],
    ['a private key', () => generated.privateKey, /found a private key/],
    ['a private key behind a public one', () => generated.publicKey + generated.privateKey, /found a private key/],
    [
      'a private key in binary',
      async () => (await readKeys({ armoredKeys: generated.privateKey }))[0]?.write() ?? '',
      /found a private key/,
    ],
    ['an armored message', () => signatureBytes('armored'), /found a PGP MESSAGE/],
    ['a block without its end', () => generated.publicKey.slice(0, 200), /found none/],
    [
      'a damaged block',
      () => generated.publicKey.replace(/\n\n[^]*\n-----END/, '\n\n!!!!\n-----END'),
      /what cannot be read/,
    ],
    ['half a key', () => ringBytes('rsa').subarray(0, 100), /what cannot be read/],
    ['too much', () => Buffer.alloc(4 * 1024 * 1024 + 1), /at most 4194304 bytes/],
    ['too many', () => Buffer.concat(Array.from({ length: 1001 }, () => ringBytes('gone-before'))), /at most 1000/],
  ])('is not %s', async (_, content, problem) => {
    await expect(readKeyring(Buffer.from(await content()))).rejects.toThrow(problem);
  });
});
