import { z } from 'zod';
import type { Digest } from '#oci/digest.ts';
import { parseStrictJson } from '../strict-json.ts';
import { CERTIFICATE_MAX_BYTES, type Claim, TIME_STAMP_MAX_BYTES } from './claim.ts';
import { logEntry } from './log-entry.ts';
import { base64, shaped } from './shape.ts';
import { ENVELOPE_MAX_BYTES, readEnvelope } from './statement.ts';

/** A bundle is little more than its envelope. */
export const BUNDLE_MAX_BYTES = ENVELOPE_MAX_BYTES;

const certificate = z.strictObject({ rawBytes: base64(CERTIFICATE_MAX_BYTES) });
const timeStamp = z.strictObject({ signedTimestamp: base64(TIME_STAMP_MAX_BYTES) });

const verificationMaterial = z
  .strictObject({
    // Which key it says it was; whoever verifies has to know that themselves.
    publicKey: z.strictObject({ hint: z.string().max(1024).optional() }).optional(),
    certificate: certificate.optional(),
    x509CertificateChain: z.strictObject({ certificates: z.array(certificate).min(1).max(10) }).optional(),
    // 32 and 32: the limits of sigstore-go since CVE-2024-45395.
    tlogEntries: z.array(logEntry).max(32).prefault([]),
    timestampVerificationData: z
      .strictObject({ rfc3161Timestamps: z.array(timeStamp).max(32).prefault([]) })
      .prefault({}),
  })
  .refine(
    ({ publicKey, certificate: leaf, x509CertificateChain }) =>
      [publicKey, leaf, x509CertificateChain].filter((one) => one !== undefined).length === 1,
    'expected exactly one of publicKey, certificate and x509CertificateChain',
  );

// protobuf-specs v0.5, sigstore_bundle.proto, as JSON. Versions 0.1 and 0.2 differ in the chain and in what a log entry
// must have, which whoever looks at the entry finds out.
const bundle = z
  .strictObject({
    mediaType: z.enum([
      'application/vnd.dev.sigstore.bundle+json;version=0.1',
      'application/vnd.dev.sigstore.bundle+json;version=0.2',
      'application/vnd.dev.sigstore.bundle+json;version=0.3',
      'application/vnd.dev.sigstore.bundle.v0.3+json',
    ]),
    verificationMaterial,
    dsseEnvelope: z.unknown().optional(),
    messageSignature: z.never('a signature of a file is none of an image').optional(),
  })
  .refine(
    (found) => !found.mediaType.includes('0.3') || found.verificationMaterial.x509CertificateChain === undefined,
    'a bundle of version 0.3 has no x509CertificateChain',
  );

/**
 * Reads a bundle of sigstore with an envelope that is to be about the subject.
 *
 * @throws {VerificationError} integrity: it is none, or it is about something else
 */
export function readBundle(bytes: Uint8Array, subject: Digest): Claim {
  const document = shaped(bundle, parseStrictJson(bytes, { maxBytes: BUNDLE_MAX_BYTES }), 'bundle');
  const claim = readEnvelope(document.dsseEnvelope, subject);
  const { certificate: alone, x509CertificateChain: chain, ...material } = document.verificationMaterial;
  const leaf = alone ?? chain?.certificates[0];
  if (leaf === undefined) return { ...claim, keyless: undefined };
  return {
    ...claim,
    keyless: {
      certificate: leaf.rawBytes,
      signature: claim.signature,
      signed: claim.signed,
      envelope: claim.envelope,
      logEntries: material.tlogEntries,
      timeStamps: material.timestampVerificationData.rfc3161Timestamps.map((one) => one.signedTimestamp),
    },
  };
}
