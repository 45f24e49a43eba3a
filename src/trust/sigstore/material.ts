import type { TransparencyLogEntry } from '@sigstore/protobuf-specs';

/** A signature with a Fulcio certificate, and what shows when it was made; the same for every layout of cosign. */
export interface KeylessMaterial {
  /** DER of the certificate of the key that signed. */
  readonly certificate: Uint8Array;
  readonly signature: Uint8Array;
  /** The very bytes that were signed: the payload of a plain signature, the pre-authentication encoding of an envelope. */
  readonly signed: Uint8Array;
  /** The envelope that `signed` was made of; undefined for a plain signature. What a log says of it depends on that. */
  readonly envelope: SignedEnvelope | undefined;
  /** Rekor entries, of version 1 or 2; those of the legacy layout in the same form. */
  readonly logEntries: readonly TransparencyLogEntry[];
  /** DER of RFC 3161 responses or tokens over `signature`. */
  readonly timeStamps: readonly Uint8Array[];
}

/** A DSSE envelope with its one signature. DSSE v1.0.2, envelope.md. */
export interface SignedEnvelope {
  readonly payloadType: string;
  readonly payload: Uint8Array;
}
