import { type KeyObject, type VerifyKeyObjectInput, constants, verify } from 'node:crypto';
import { promisify } from 'node:util';
import { ed25519ph } from '@noble/curves/ed25519.js';

/** Off the loop: some hundred keys may be tried on megabytes. */
const verifyAside = promisify<string | null, Uint8Array, VerifyKeyObjectInput, Uint8Array, boolean>(verify);

/** Bytes of a coordinate, and the hashes that cosign has used with the curve. */
const CURVES: Readonly<Record<string, { readonly sizeBytes: number; readonly hashes: readonly string[] }>> = {
  prime256v1: { sizeBytes: 32, hashes: ['sha256'] },
  // SHA-256 by signers of before the algorithm registry of sigstore, which pairs each curve with its own.
  secp384r1: { sizeBytes: 48, hashes: ['sha384', 'sha256'] },
  secp521r1: { sizeBytes: 66, hashes: ['sha512', 'sha256'] },
};

const RSA_MIN_BITS = 2048;
const ED25519_SIGNATURE_BYTES = 64;

/**
 * Whether the key made the signature. The key alone decides on the algorithm, never what came with the signature: ECDSA
 * on P-256, P-384 and P-521 in DER, RSA of 2048 bits or more as PKCS#1 v1.5 with SHA-256, Ed25519 over the bytes or, as
 * cosign 3.1 makes it, over their hash. Anything else is no.
 */
export async function verifies(key: KeyObject, signed: Uint8Array, signature: Uint8Array): Promise<boolean> {
  try {
    for (const hash of hashesFor(key, signature)) {
      const padding = key.asymmetricKeyType === 'rsa' ? { padding: constants.RSA_PKCS1_PADDING } : {};
      if (await verifyAside(hash, signed, { key, dsaEncoding: 'der', ...padding }, signature)) return true;
    }
    return key.asymmetricKeyType === 'ed25519' && verifiesHashed(key, signed, signature);
  } catch {
    // OpenSSL throws at keys and signatures that it cannot even read.
    return false;
  }
}

/** Ed25519ph, which Node 24 does not know. RFC 8032, section 5.1: as strict as it says, so that all who verify agree. */
function verifiesHashed(key: KeyObject, signed: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== ED25519_SIGNATURE_BYTES) return false;
  const { x = '' } = key.export({ format: 'jwk' });
  return ed25519ph.verify(signature, signed, Buffer.from(x, 'base64url'), { zip215: false });
}

/** The hashes to try, none when the signature cannot be the key's: nothing is hashed for those. */
function hashesFor(key: KeyObject, signature: Uint8Array): readonly (string | null)[] {
  const { namedCurve = '', modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ed25519') return signature.length === ED25519_SIGNATURE_BYTES ? [null] : [];
  if (key.asymmetricKeyType === 'rsa') {
    return modulusLength >= RSA_MIN_BITS && signature.length === Math.ceil(modulusLength / 8) ? ['sha256'] : [];
  }
  const curve = CURVES[namedCurve];
  // A sequence of two integers, each with a header and perhaps a zero before it.
  return curve !== undefined && signature.length <= 2 * (curve.sizeBytes + 3) + 3 ? curve.hashes : [];
}
