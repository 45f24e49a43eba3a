import { type KeyObject, constants, verify } from 'node:crypto';
import { type Envelope, malformed, shown } from './envelope.ts';

interface Algorithm {
  readonly name: string;
  readonly hash: 'sha256' | 'sha384' | 'sha512';
}

/** signature-specification.md v1.1.0, "Algorithm Selection": the key alone decides, by its kind and size. */
const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map([
  ['rsa 2048', { name: 'PS256', hash: 'sha256' }],
  ['rsa 3072', { name: 'PS384', hash: 'sha384' }],
  ['rsa 4096', { name: 'PS512', hash: 'sha512' }],
  ['ec prime256v1', { name: 'ES256', hash: 'sha256' }],
  ['ec secp384r1', { name: 'ES384', hash: 'sha384' }],
  ['ec secp521r1', { name: 'ES512', hash: 'sha512' }],
]);

/** @throws {VerificationError} integrity: the leaf's key did not make the signature, or not as such a key has to */
export function checkSignature({ header, leaf, signed, signature }: Envelope): void {
  const key = leaf.publicKey;
  const kind = kindOf(key);
  const algorithm = ALGORITHMS.get(kind);
  if (algorithm === undefined) throw malformed(`a key of ${kind} is none to sign with`);
  if (header.algorithm !== algorithm.name) {
    throw malformed(`expected the algorithm ${algorithm.name} of a key of ${kind}, found ${shown(header.algorithm)}`);
  }
  if (!holds({ key, algorithm, signed, signature }))
    throw malformed('the signature is not of the key in the certificate');
}

function kindOf(key: KeyObject): string {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  return `${key.asymmetricKeyType} ${namedCurve ?? modulusLength ?? ''}`.trim();
}

interface Proof extends Pick<Envelope, 'signed' | 'signature'> {
  readonly key: KeyObject;
  readonly algorithm: Algorithm;
}

function holds({ key, algorithm, signed, signature }: Proof): boolean {
  if (key.asymmetricKeyType === 'ec') {
    return verify(algorithm.hash, signed, { key, dsaEncoding: 'ieee-p1363' }, signature);
  }
  // RFC 7518, section 3.5: the salt is as long as the hash.
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  return verify(algorithm.hash, signed, { key, padding, saltLength }, signature);
}
