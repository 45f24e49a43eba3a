import { createHash } from 'node:crypto';
import { pem } from '@sigstore/core';
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

/** The annotations of a layer with this material, as cosign wrote them before version 3; its log is of version 1. */
export function annotationsOf({
  certificate,
  signature,
  logEntries,
  timeStamps,
}: KeylessMaterial): Record<string, string> {
  const [entry] = logEntries;
  const [timeStamp] = timeStamps;
  const promise = entry?.inclusionPromise?.signedEntryTimestamp;
  return {
    'dev.cosignproject.cosign/signature': base64(signature),
    'dev.sigstore.cosign/certificate': pem.fromDER(Buffer.from(certificate)),
    ...(entry !== undefined && promise !== undefined
      ? {
          'dev.sigstore.cosign/bundle': JSON.stringify({
            SignedEntryTimestamp: base64(promise),
            Payload: {
              body: base64(entry.canonicalizedBody),
              integratedTime: Number(entry.integratedTime),
              logIndex: Number(entry.logIndex),
              logID: entry.logId?.keyId.toString('hex'),
            },
          }),
        }
      : {}),
    ...(timeStamp === undefined
      ? {}
      : { 'dev.sigstore.cosign/rfc3161timestamp': JSON.stringify({ SignedRFC3161Timestamp: base64(timeStamp) }) }),
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
