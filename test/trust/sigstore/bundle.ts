import { createHash } from 'node:crypto';
import { Bundle } from '@sigstore/protobuf-specs';
import type { KeylessMaterial } from '#trust/sigstore/material.ts';

/** A bundle of version 0.3 with this material in it, as cosign v3 keeps it. */
export function bundleOf(material: KeylessMaterial): Buffer {
  const { certificate, signature, signed, envelope, logEntries, timeStamps } = material;
  const digest = createHash('sha256').update(signed).digest();
  const bundle: Bundle = {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: {
      content: { $case: 'certificate', certificate: { rawBytes: Buffer.from(certificate) } },
      tlogEntries: [...logEntries],
      timestampVerificationData: {
        rfc3161Timestamps: timeStamps.map((stamp) => ({ signedTimestamp: Buffer.from(stamp) })),
      },
    },
    content:
      envelope === undefined
        ? {
            $case: 'messageSignature',
            messageSignature: { messageDigest: { algorithm: 1, digest }, signature: Buffer.from(signature) },
          }
        : {
            $case: 'dsseEnvelope',
            dsseEnvelope: {
              payload: Buffer.from(envelope.payload),
              payloadType: envelope.payloadType,
              signatures: [{ sig: Buffer.from(signature), keyid: '' }],
            },
          },
  };
  return Buffer.from(JSON.stringify(Bundle.toJSON(bundle)));
}
