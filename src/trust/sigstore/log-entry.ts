import type { TransparencyLogEntry } from '@sigstore/protobuf-specs';
import { z } from 'zod';
import { base64 } from './shape.ts';

/** An entry holds the signature, the certificate, and for some kinds the envelope. */
export const ENTRY_MAX_BYTES = 1 << 20;

const SMALL_MAX_BYTES = 1024;

// protojson writes 64-bit integers as strings, reads numbers as well, and leaves zero out.
const integer = z
  .union([z.string().regex(/^\d{1,19}$/, 'not a number'), z.int().nonnegative()])
  .nullish()
  .transform((value) => String(value ?? 0));

const inclusionProof = z.strictObject({
  logIndex: integer,
  rootHash: base64(SMALL_MAX_BYTES),
  treeSize: integer,
  // A longer path would be that of a tree with more leaves than 64 bits can count.
  hashes: z.array(base64(SMALL_MAX_BYTES)).max(64).prefault([]),
  checkpoint: z.strictObject({ envelope: z.string().max(64 << 10) }).optional(),
});

/** An entry of a transparency log as bundles write it. protobuf-specs v0.5, sigstore_rekor.proto. */
export const logEntry = z
  .strictObject({
    logIndex: integer,
    logId: z.strictObject({ keyId: base64(SMALL_MAX_BYTES) }).optional(),
    kindVersion: z.strictObject({ kind: z.string().max(64), version: z.string().max(64) }).optional(),
    integratedTime: integer,
    inclusionPromise: z.strictObject({ signedEntryTimestamp: base64(SMALL_MAX_BYTES) }).optional(),
    inclusionProof: inclusionProof.optional(),
    canonicalizedBody: base64(ENTRY_MAX_BYTES),
  })
  .transform(
    (found): TransparencyLogEntry => ({
      logIndex: found.logIndex,
      logId: found.logId,
      kindVersion: found.kindVersion,
      integratedTime: found.integratedTime,
      inclusionPromise: found.inclusionPromise,
      inclusionProof:
        found.inclusionProof === undefined
          ? undefined
          : { ...found.inclusionProof, checkpoint: found.inclusionProof.checkpoint },
      canonicalizedBody: found.canonicalizedBody,
    }),
  );
