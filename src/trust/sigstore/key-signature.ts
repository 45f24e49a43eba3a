import { type KeyObject, verify } from 'node:crypto';

/** sigstore's algorithm registry: the curve's own hash; older signers took SHA-256 for every curve. */
const CURVE_HASHES: Readonly<Record<string, readonly string[]>> = {
  prime256v1: ['sha256'],
  secp384r1: ['sha384', 'sha256'],
  secp521r1: ['sha512', 'sha256'],
};

const RSA_MIN_BITS = 2048;

/**
 * Whether a key made a signature, by the algorithms that sigstore's signers use; the key alone says which.
 *
 * ECDSA in DER on P-256, P-384 and P-521, RSA PKCS#1 v1.5 with SHA-256 from 2048 bits on, pure Ed25519.
 */
export function isSignedBy(key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  return hashesOf(key).some((hash) => {
    try {
      return verify(hash, data, key, signature);
    } catch {
      return false;
    }
  });
}

function hashesOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): readonly (string | null)[] {
  if (asymmetricKeyType === 'ec') return CURVE_HASHES[asymmetricKeyDetails?.namedCurve ?? ''] ?? [];
  if (asymmetricKeyType === 'ed25519') return [null];
  const isLongRsa = asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= RSA_MIN_BITS;
  return isLongRsa ? ['sha256'] : [];
}
