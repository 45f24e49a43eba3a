import type { X509Certificate } from 'node:crypto';
import type { z } from 'zod';
import { VerificationError } from '../testimony.ts';
import { certificateOf } from '../x509/certificate.ts';

/** Largest envelope that is looked at, bytes: a chain of RSA keys with a time stamp is 16 KiB; notation itself stops at 32 MiB. */
export const MAX_ENVELOPE_BYTES = 1024 * 1024;

/** A chain has a leaf, a root and seldom more than two between; each costs a verification. */
const MAX_CERTIFICATES = 10;

/** The unprotected header with an RFC 3161 token; the specification's own example for JWS names it otherwise. */
export const TIME_STAMP = 'io.cncf.notary.timestampSignature';

/** What a signature covers beside the payload, in words that do not know whether it came as JSON or CBOR. */
export interface ProtectedHeader {
  /** As JWS names it, whatever it is. */
  readonly algorithm: string;
  readonly contentType: unknown;
  /** What has to be understood; undefined when nothing says so. */
  readonly critical: unknown;
  /** Everything else, by label. */
  readonly attributes: ReadonlyMap<unknown, unknown>;
  /** Reads a point in time, milliseconds since the epoch; undefined when the value is none. */
  time(value: unknown): number | undefined;
}

/** An envelope of the Notary Project, read and not verified. signature-specification.md v1.1.0, "Signature Envelope". */
export interface Envelope {
  readonly header: ProtectedHeader;
  readonly payload: Uint8Array;
  /** The very bytes that were signed. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
  readonly leaf: X509Certificate;
  /** The leaf, and what comes after it up to a root. */
  readonly chain: readonly X509Certificate[];
  /** DER of an RFC 3161 token over `signature`. */
  readonly timeStamp: Uint8Array | undefined;
}

/** @throws {VerificationError} integrity: there is none, there are too many, or one is not the DER of a certificate */
export function readChain(certificates: readonly Uint8Array[]): Pick<Envelope, 'leaf' | 'chain'> {
  if (certificates.length > MAX_CERTIFICATES) {
    throw malformed(`expected at most ${MAX_CERTIFICATES} certificates, found ${certificates.length}`);
  }
  const chain = certificates.map(readCertificate);
  const [leaf] = chain;
  if (leaf === undefined) throw malformed('expected a chain of certificates, found none');
  return { leaf, chain };
}

function readCertificate(bytes: Uint8Array, index: number): X509Certificate {
  try {
    const certificate = certificateOf(bytes);
    // Read once here: a key that node cannot read throws wherever it is asked for.
    certificate.publicKey.export({ type: 'spki', format: 'der' });
    return certificate;
  } catch (error) {
    throw malformed(`certificate ${index + 1} of the chain cannot be read`, error);
  }
}

/** That an envelope is not what it should be, and so cannot be trusted at all. */
export function malformed(message: string, cause?: unknown): VerificationError {
  return new VerificationError('integrity', message, { cause });
}

/** What was found in an envelope, short enough and plain enough to be shown to people. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 100));
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : `a value of type ${typeof value}`;
}

/** The first thing wrong with a document, the same way: names in it are somebody else's. */
export function firstIssue({ issues: [worst] }: z.ZodError): string {
  const text = `${worst?.path.join('.') || 'document'}: ${worst?.message ?? 'invalid'}`;
  return text.slice(0, 200).replaceAll(/\p{Cc}/gu, ' ');
}
