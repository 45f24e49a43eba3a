import type { KeylessMaterial, SignedEnvelope } from './material.ts';

/** Enough for RSA of 8192 bits. */
export const SIGNATURE_MAX_BYTES = 1024;

/** A certificate of Fulcio is of about 1 KiB. */
export const CERTIFICATE_MAX_BYTES = 64 << 10;

/** A time stamp is of about 5 KiB with the certificates of who made it. */
export const TIME_STAMP_MAX_BYTES = 64 << 10;

/** What somebody signed about a subject, the same for every layout: well-formed, and nothing of it verified. */
export interface Claim {
  readonly signature: Uint8Array;
  /** The very bytes that were signed. */
  readonly signed: Uint8Array;
  /** The envelope that `signed` was made of; undefined for a plain payload. */
  readonly envelope: SignedEnvelope | undefined;
  /** From what was signed; undefined for a plain signature. */
  readonly predicateType: string | undefined;
  /** From what was signed; undefined when it names no repository. */
  readonly reference: string | undefined;
  /** What is needed to look at the certificate; undefined without one. */
  readonly keyless: KeylessMaterial | { readonly problem: string } | undefined;
}
