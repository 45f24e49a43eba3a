import type { TransparencyLogEntry } from '@sigstore/protobuf-specs';
import { z } from 'zod';
import { parseStrictJson } from '../strict-json.ts';
import { VerificationError } from '../testimony.ts';
import { CERTIFICATE_MAX_BYTES, type Claim, TIME_STAMP_MAX_BYTES } from './claim.ts';
import { ENTRY_MAX_BYTES } from './log-entry.ts';
import { base64, shaped } from './shape.ts';

const PEM = /^\s*-----BEGIN CERTIFICATE-----(?<body>[A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*$/;

const text = z.string().min(1).optional();
const annotations = z.looseObject({
  'dev.sigstore.cosign/certificate': text,
  'dev.sigstore.cosign/bundle': text,
  'dev.sigstore.cosign/rfc3161timestamp': text,
});

// cosign pkg/cosign/bundle/rekor.go: what Rekor v1 promised to log.
const promise = z.strictObject({
  SignedEntryTimestamp: base64(1024),
  Payload: z.strictObject({
    body: base64(ENTRY_MAX_BYTES),
    integratedTime: z.int().nonnegative(),
    logIndex: z.int().nonnegative(),
    logID: z.string().regex(/^[0-9a-f]{64}$/, 'not a SHA-256 in hex'),
  }),
});

const entryKind = z.looseObject({ kind: z.string().max(64), apiVersion: z.string().max(64) });
const timeStamp = z.strictObject({ SignedRFC3161Timestamp: base64(TIME_STAMP_MAX_BYTES) });

/**
 * What the annotations of a layer say of a certificate, in the form that bundles have. The chain is left where it is: only
 * a root says which authorities there are. Whatever is wrong is a problem of the certificate, not of the signature, which
 * a key may have made as well.
 */
export function certificateOf(layerAnnotations: unknown, claim: Omit<Claim, 'keyless'>): Claim['keyless'] {
  try {
    const found = shaped(annotations, layerAnnotations ?? {}, 'annotations');
    const certificate = found['dev.sigstore.cosign/certificate'];
    if (certificate === undefined) return undefined;
    return {
      certificate: derOf(certificate),
      signature: claim.signature,
      signed: claim.signed,
      envelope: claim.envelope,
      logEntries: present(found['dev.sigstore.cosign/bundle']).map(logEntryOf),
      timeStamps: present(found['dev.sigstore.cosign/rfc3161timestamp']).map(timeStampOf),
    };
  } catch (error) {
    if (error instanceof VerificationError) return { problem: error.message };
    throw error;
  }
}

const present = <T>(value: T | undefined): readonly T[] => (value === undefined ? [] : [value]);

function derOf(pem: string): Uint8Array {
  const body = PEM.exec(pem.slice(0, 2 * CERTIFICATE_MAX_BYTES))?.groups?.['body'];
  if (body === undefined) throw new VerificationError('integrity', 'certificate: expected exactly one, as PEM');
  return shaped(base64(CERTIFICATE_MAX_BYTES), body.replace(/\s/g, ''), 'certificate');
}

function timeStampOf(json: string): Uint8Array {
  return shaped(timeStamp, parseAnnotation(json, 2 * TIME_STAMP_MAX_BYTES), 'time stamp').SignedRFC3161Timestamp;
}

function logEntryOf(json: string): TransparencyLogEntry {
  const { SignedEntryTimestamp, Payload } = shaped(promise, parseAnnotation(json, 2 * ENTRY_MAX_BYTES), 'log entry');
  const body = parseStrictJson(Payload.body, { maxBytes: ENTRY_MAX_BYTES });
  const { kind, apiVersion } = shaped(entryKind, body, 'body of the log entry');
  return {
    logIndex: String(Payload.logIndex),
    logId: { keyId: Buffer.from(Payload.logID, 'hex') },
    kindVersion: { kind, version: apiVersion },
    integratedTime: String(Payload.integratedTime),
    inclusionPromise: { signedEntryTimestamp: SignedEntryTimestamp },
    inclusionProof: undefined,
    canonicalizedBody: Payload.body,
  };
}

function parseAnnotation(json: string, maxBytes: number): unknown {
  return parseStrictJson(Buffer.from(json), { maxBytes });
}
