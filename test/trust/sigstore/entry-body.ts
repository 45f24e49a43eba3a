import { createHash } from 'node:crypto';
import { pem } from '@sigstore/core';
import type { SignedEnvelope } from '#trust/sigstore/material.ts';

/** The kinds of entries signers make, with their versions. */
export type EntryKind = 'hashedrekord 0.0.1' | 'dsse 0.0.1' | 'intoto 0.0.2' | 'hashedrekord 0.0.2';

/** What an entry is about. */
export interface Recorded {
  readonly certificate: Uint8Array;
  readonly signature: Uint8Array;
  readonly signed: Uint8Array;
  readonly envelope: SignedEnvelope | undefined;
}

/** What a log keeps of a signature. */
export function entryBody(kind: EntryKind, recorded: Recorded): unknown {
  const [name = '', apiVersion = ''] = kind.split(' ');
  return { apiVersion, kind: name, spec: SPECS[kind](recorded) };
}

const SPECS: Record<EntryKind, (recorded: Recorded) => unknown> = {
  'hashedrekord 0.0.1': ({ certificate, signature, signed }) => ({
    data: { hash: { algorithm: 'sha256', value: hex(signed) } },
    signature: { content: base64(signature), publicKey: { content: pemOf(certificate) } },
  }),
  'dsse 0.0.1': (recorded) => ({
    envelopeHash: { algorithm: 'sha256', value: hex(Buffer.from(JSON.stringify(envelopeOf(recorded)))) },
    payloadHash: { algorithm: 'sha256', value: hex(payloadOf(recorded)) },
    signatures: [{ signature: base64(recorded.signature), verifier: pemOf(recorded.certificate) }],
  }),
  'intoto 0.0.2': (recorded) => ({
    content: {
      envelope: {
        payloadType: recorded.envelope?.payloadType,
        signatures: [
          // Twice: the field holds bytes, and Rekor put text into it.
          { sig: base64(Buffer.from(base64(recorded.signature))), publicKey: pemOf(recorded.certificate) },
        ],
      },
      hash: { algorithm: 'sha256', value: hex(Buffer.from(JSON.stringify(envelopeOf(recorded)))) },
      payloadHash: { algorithm: 'sha256', value: hex(payloadOf(recorded)) },
    },
  }),
  'hashedrekord 0.0.2': ({ certificate, signature, signed }) => ({
    hashedRekordV002: {
      data: { algorithm: 'SHA2_256', digest: base64(sha256(signed)) },
      signature: {
        content: base64(signature),
        verifier: { keyDetails: 'PKIX_ECDSA_P256_SHA_256', x509Certificate: { rawBytes: base64(certificate) } },
      },
    },
  }),
};

function payloadOf({ envelope }: Recorded): Uint8Array {
  if (envelope === undefined) throw new Error('only an envelope has a payload');
  return envelope.payload;
}

function envelopeOf(recorded: Recorded): unknown {
  return {
    payload: base64(payloadOf(recorded)),
    payloadType: recorded.envelope?.payloadType,
    signatures: [{ sig: base64(recorded.signature) }],
  };
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function hex(bytes: Uint8Array): string {
  return sha256(bytes).toString('hex');
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function pemOf(certificate: Uint8Array): string {
  return base64(Buffer.from(pem.fromDER(Buffer.from(certificate))));
}
