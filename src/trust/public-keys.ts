import { type KeyObject, createHash, createPublicKey } from 'node:crypto';
import type { TrustedKey } from './root.ts';

// More keys than anybody can keep an eye on.
const KEYS_MAX = 100;

// A longer modulus makes each check slow for no gain.
const RSA_BITS = { least: 2048, most: 16_384 };

const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];

/**
 * The public keys in a PEM file, each once.
 *
 * @param file its name, as people are told
 * @throws {Error} what is wrong with the file, as the end of a sentence
 */
export function publicKeysIn(bytes: Uint8Array, file: string): TrustedKey[] {
  const text = Buffer.from(bytes).toString('latin1');
  const labels = Array.from(text.matchAll(/-----BEGIN ([A-Z0-9 ]{1,40})-----/g), ([, label]) => label ?? '');
  // A private key has no place here, and a certificate says more than its key: that is what x509 is for.
  const strange = labels.find((label) => label !== 'PUBLIC KEY');
  if (strange !== undefined) throw new Error(`expected PEM of PUBLIC KEY, found ${strange}`);
  const blocks = text.match(/-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]*-----END PUBLIC KEY-----/g) ?? [];
  if (blocks.length === 0 || blocks.length !== labels.length) throw new Error('expected PEM of PUBLIC KEY, found none');
  if (blocks.length > KEYS_MAX) throw new Error(`expected at most ${KEYS_MAX} keys, found ${blocks.length}`);
  const keys = blocks.map((block) => trustedKey(block, file));
  return keys.filter((key, index) => keys.findIndex(({ spkiHash }) => spkiHash === key.spkiHash) === index);
}

function trustedKey(pem: string, file: string): TrustedKey {
  const written = keyIn(pem);
  const problem = keyProblem(written);
  if (problem !== undefined) throw new Error(problem);
  // The same key can be written with its point compressed or not: only one form makes one hash.
  const key = createPublicKey({ key: written.export({ format: 'jwk' }), format: 'jwk' });
  const spkiHash = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
  return { key, spkiHash, file };
}

function keyIn(pem: string): KeyObject {
  try {
    return createPublicKey({ key: pem, format: 'pem' });
  } catch (error) {
    throw new Error('a PUBLIC KEY in it cannot be read', { cause: error });
  }
}

/** What is wrong with a key, as the end of a sentence; undefined: nothing. */
export function keyProblem({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string | undefined {
  if (type === 'ed25519') return undefined;
  if (type === 'ec' && CURVES.includes(details?.namedCurve ?? '')) return undefined;
  if (type === 'ec')
    return `expected a key on P-256, P-384 or P-521, found one on ${details?.namedCurve ?? 'no curve'}`;
  if (type !== 'rsa') return `expected a key for ECDSA, RSA or Ed25519, found ${type ?? 'none'}`;
  const bits = details?.modulusLength ?? 0;
  if (bits < RSA_BITS.least || bits > RSA_BITS.most) {
    return `expected RSA of ${RSA_BITS.least} to ${RSA_BITS.most} bits, found ${bits}`;
  }
  const exponent = details?.publicExponent ?? 0n;
  // With an exponent of one everything is its own signature.
  return exponent < 3n || exponent % 2n === 0n ? `expected an odd exponent of 3 or more, found ${exponent}` : undefined;
}
