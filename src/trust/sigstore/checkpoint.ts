import type { Log } from './anchors.ts';
import { verifies } from './public-key.ts';

/** Signatures of a log and of its witnesses, with room to spare. */
const MAX_LENGTH = 16 * 1024;
const MAX_SIGNATURES = 32;
/** 4 bytes of key id come before the signature. */
const HINT_BYTES = 4;

const SIGNATURE_LINE = /^\u2014 (\S+) ([A-Za-z0-9+/]+={0,2})$/;

/** What a log said of itself: so many entries, and the hash of all of them. */
export interface Checkpoint {
  readonly size: bigint;
  readonly root: Buffer;
}

/**
 * What one log says in a checkpoint; undefined when it did not sign it. C2SP tlog-checkpoint and signed-note v1.0.0.
 */
export async function readCheckpoint(envelope: string, log: Log): Promise<Checkpoint | undefined> {
  if (envelope.length > MAX_LENGTH) return undefined;
  const end = envelope.lastIndexOf('\n\n');
  if (end === -1) return undefined;
  const text = envelope.slice(0, end + 1);
  const [origin = '', size = '', root = ''] = text.split('\n');
  const lines = envelope.slice(end + 2).split('\n');
  if (!/^(0|[1-9][0-9]{0,19})$/.test(size)) return undefined;
  for (const line of lines.slice(0, MAX_SIGNATURES)) {
    const isSigned = await isLogSignature(line, { text, origin, log });
    if (isSigned) return { size: BigInt(size), root: Buffer.from(root, 'base64') };
  }
  return undefined;
}

async function isLogSignature(
  line: string,
  { text, origin, log }: { text: string; origin: string; log: Log },
): Promise<boolean> {
  const [, name, encoded = ''] = SIGNATURE_LINE.exec(line) ?? [];
  // Rekor v1 puts the id of the tree behind the name: `rekor.example.com - 2605736670972794746`.
  if (name === undefined || (origin !== name && !origin.startsWith(`${name} - `))) return false;
  const blob = Buffer.from(encoded, 'base64');
  if (!blob.subarray(0, HINT_BYTES).equals(log.keyHint)) return false;
  return await verifies(log.key, Buffer.from(text), blob.subarray(HINT_BYTES));
}
