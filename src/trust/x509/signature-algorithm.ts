import { type KeyObject, constants, verify } from 'node:crypto';
import { type Element, Fields, TAG, only } from './der.ts';

/** Hashes that count, as node:crypto calls them. */
export type HashName = 'sha256' | 'sha384' | 'sha512';

/** How something is signed. */
interface SignatureAlgorithm {
  readonly key: 'rsa' | 'ec';
  /** Undefined for RSA without a word on the hash: CMS says it elsewhere. */
  readonly hash: HashName | undefined;
  readonly isPss?: true;
}

/** Bytes and what is said to be their signature. */
export interface Signed {
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
  /** AlgorithmIdentifier. */
  readonly algorithm: Element;
  /** For an algorithm that does not say. */
  readonly hash?: HashName;
}

const HASHES: ReadonlyMap<string, HashName> = new Map([
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
]);

const RSA_PSS = '1.2.840.113549.1.1.10';
const ALGORITHMS: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ['1.2.840.113549.1.1.1', { key: 'rsa', hash: undefined }],
  ['1.2.840.113549.1.1.11', { key: 'rsa', hash: 'sha256' }],
  ['1.2.840.113549.1.1.12', { key: 'rsa', hash: 'sha384' }],
  ['1.2.840.113549.1.1.13', { key: 'rsa', hash: 'sha512' }],
  ['1.2.840.10045.4.3.2', { key: 'ec', hash: 'sha256' }],
  ['1.2.840.10045.4.3.3', { key: 'ec', hash: 'sha384' }],
  ['1.2.840.10045.4.3.4', { key: 'ec', hash: 'sha512' }],
]);

/** What is wanted of signatures, in words. */
export const STRONG_SIGNATURE = 'a signature of RSA or ECDSA with SHA-256, SHA-384 or SHA-512';

/** The hash an AlgorithmIdentifier names; undefined for one that does not count. @throws {DerError} */
export function hashOf(identifier: Element): HashName | undefined {
  const fields = new Fields(identifier);
  const hash = HASHES.get(fields.oid());
  fields.optional(TAG.null);
  fields.end();
  return hash;
}

/** Whether a signature is made with a hash that counts. @throws {DerError} */
export function isStrong(identifier: Element): boolean {
  return algorithmOf(identifier)?.hash !== undefined;
}

/** Whether the owner of a key signed it, with an algorithm that counts. @throws {DerError} */
export function isSignedWith(key: KeyObject, { bytes, signature, algorithm, hash }: Signed): boolean {
  const wanted = algorithmOf(algorithm);
  const name = wanted?.hash ?? hash;
  if (wanted === undefined || name === undefined || wanted.key !== key.asymmetricKeyType) return false;
  if (wanted.isPss !== true) return verify(name, bytes, key, signature);
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return verify(name, bytes, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_AUTO }, signature);
}

function algorithmOf(identifier: Element): SignatureAlgorithm | undefined {
  const fields = new Fields(identifier);
  const oid = fields.oid();
  if (oid !== RSA_PSS) {
    fields.optional(TAG.null);
    fields.end();
    return ALGORITHMS.get(oid);
  }
  // RFC 4055, section 3.1: without a hash it is SHA-1.
  const hash = new Fields(fields.next(TAG.sequence)).optional(0xa0);
  return { key: 'rsa', hash: hash === undefined ? undefined : hashOf(only(hash)), isPss: true };
}
