import { type KeyObject, createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { json } from '@sigstore/core';
import {
  HashAlgorithm,
  PublicKeyDetails,
  type TransparencyLogEntry,
  type TransparencyLogInstance,
} from '@sigstore/protobuf-specs';
import { aKeyPair } from './authority.ts';

/** What a log is told, and when. */
export interface Submission {
  readonly kind: string;
  readonly version: string;
  readonly body: unknown;
  /** Milliseconds since the epoch; a log of version 2 keeps none. */
  readonly at: number;
}

/** A log as Rekor is one, of version 1 or 2, with some entries in it. */
export interface TestLog {
  readonly version: 1 | 2;
  readonly keyId: Buffer;
  readonly privateKey: KeyObject;
  /** As a trusted root names it. */
  instance(validFor: { start: Date; end?: Date }): TransparencyLogInstance;
  record(submission: Submission): TransparencyLogEntry;
}

/** Where the entries of this tree start in the whole log of version 1, whose trees follow each other. */
const SHARD_START = 1000;

/** Makes a log with `others` entries of other people. */
export function aTestLog(version: 1 | 2, origin = `rekor${version}.test`, others = 5): TestLog {
  const keys = version === 1 ? aKeyPair() : generateKeyPairSync('ed25519');
  const spki = keys.publicKey.export({ type: 'spki', format: 'der' });
  const leaves: Buffer[] = Array.from({ length: others }, () => randomBytes(32));
  // C2SP signed-note v1.0.0, "Signatures": the key id of an Ed25519 key; of ECDSA it is the hash of the key.
  const keyId =
    version === 1
      ? sha256(spki)
      : sha256(Buffer.from(`${origin}\n`), Buffer.from([0x01]), spki.subarray(spki.length - 32));
  return {
    version,
    keyId,
    privateKey: keys.privateKey,
    instance: (validFor) => ({
      baseUrl: `https://${origin}`,
      hashAlgorithm: HashAlgorithm.SHA2_256,
      publicKey: {
        rawBytes: spki,
        keyDetails: version === 1 ? PublicKeyDetails.PKIX_ECDSA_P256_SHA_256 : PublicKeyDetails.PKIX_ED25519,
        validFor: {
          start: validFor.start,
          end: validFor.end,
        },
      },
      logId: { keyId },
      checkpointKeyId: undefined,
      operator: 'gatehouse.test',
    }),
    record(submission) {
      const body = Buffer.from(json.canonicalize(submission.body));
      const index = leaves.push(sha256(Buffer.from([0]), body)) - 1;
      leaves.push(randomBytes(32));
      const log = {
        version,
        keyId,
        origin,
        key: keys.privateKey,
      };
      return entryOf(log, {
        submission,
        body,
        index,
        leaves,
      });
    },
  };
}

interface Log {
  readonly version: 1 | 2;
  readonly keyId: Buffer;
  readonly origin: string;
  readonly key: KeyObject;
}

interface Place {
  readonly submission: Submission;
  readonly body: Buffer;
  readonly index: number;
  readonly leaves: readonly Buffer[];
}

function entryOf(log: Log, { submission, body, index, leaves }: Place): TransparencyLogEntry {
  const isFirst = log.version === 1;
  const integratedTime = isFirst ? Math.floor(submission.at / 1000) : 0;
  const logIndex = isFirst ? SHARD_START + index : index;
  const root = rootOf(leaves);
  return {
    logIndex: String(logIndex),
    logId: { keyId: log.keyId },
    kindVersion: { kind: submission.kind, version: submission.version },
    integratedTime: String(integratedTime),
    inclusionPromise: isFirst
      ? { signedEntryTimestamp: signEntry(log, { body, integratedTime, logIndex }) }
      : undefined,
    inclusionProof: {
      logIndex: String(index),
      rootHash: root,
      treeSize: String(leaves.length),
      hashes: proofOf(index, leaves),
      checkpoint: { envelope: signCheckpoint(log, leaves.length, root) },
    },
    canonicalizedBody: body,
  };
}

/** A signed entry time stamp, as Rekor v1 makes it. */
export function signEntry(
  log: { keyId: Buffer; key: KeyObject },
  entry: { body: Buffer; integratedTime: number; logIndex: number },
): Buffer {
  const { body, integratedTime, logIndex } = entry;
  const said = { body: body.toString('base64'), integratedTime, logID: log.keyId.toString('hex'), logIndex };
  return sign('sha256', Buffer.from(json.canonicalize(said)), log.key);
}

/** A checkpoint, signed. C2SP tlog-checkpoint v1.0.0. */
export function signCheckpoint(log: Log, size: number, root: Buffer): string {
  const origin = log.version === 1 ? `${log.origin} - 1193050959916656506` : log.origin;
  const text = `${origin}\n${size}\n${root.toString('base64')}\n`;
  const signature = sign(log.version === 1 ? 'sha256' : null, Buffer.from(text), log.key);
  return `${text}\n\u2014 ${log.origin} ${Buffer.concat([log.keyId.subarray(0, 4), signature]).toString('base64')}\n`;
}

function sha256(...parts: readonly Uint8Array[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest();
}

/** The largest power of two below the number of leaves. RFC 6962, section 2.1. */
function splitOf(count: number): number {
  return 2 ** Math.floor(Math.log2(count - 1));
}

/** The root of a tree with these hashed leaves. RFC 6962, section 2.1. */
export function rootOf(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (leaves.length === 1 && only !== undefined) return only;
  const split = splitOf(leaves.length);
  return sha256(Buffer.from([1]), rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)));
}

/** RFC 6962, section 2.1.1. */
export function proofOf(index: number, leaves: readonly Buffer[]): Buffer[] {
  if (leaves.length === 1) return [];
  const split = splitOf(leaves.length);
  return index < split
    ? [...proofOf(index, leaves.slice(0, split)), rootOf(leaves.slice(split))]
    : [...proofOf(index - split, leaves.slice(split)), rootOf(leaves.slice(0, split))];
}
