import type { TransparencyLogEntry } from '@sigstore/protobuf-specs';
import { VerificationError } from '../testimony.ts';
import { verifyTimeStamp } from '../x509/time-stamp.ts';
import type { Anchors, Authority } from './anchors.ts';
import { promiseOf } from './transparency-log.ts';

/** A moment at which a signature was there, and who says so. */
export interface TrustedTime {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly source: string;
}

/** When a signature was there, and why what else was said about it does not count. */
export interface TrustedTimes {
  readonly times: readonly TrustedTime[];
  readonly problems: readonly string[];
}

/** What says when something was signed. */
export interface TimeEvidence {
  readonly signature: Uint8Array;
  readonly timeStamps: readonly Uint8Array[];
  /** Only entries about this very signature. */
  readonly logEntries: readonly TransparencyLogEntry[];
}

/**
 * Every moment somebody trusted says the signature was there: time stamp authorities over the signature (RFC 3161), and
 * logs of version 1 over the entry. Logs of version 2 say none. Nothing else is a time, least of all now.
 */
export async function trustedTimesOf(evidence: TimeEvidence, anchors: Anchors): Promise<TrustedTimes> {
  const times: TrustedTime[] = [];
  const problems: string[] = [];
  for (const entry of evidence.logEntries) {
    try {
      const promised = await promiseOf(entry, anchors.logs);
      if (promised !== undefined) times.push({ at: promised.at, source: `transparency log ${promised.log.name}` });
    } catch (error) {
      problems.push(wordsOf(error));
    }
  }
  for (const timeStamp of evidence.timeStamps) {
    const found = await timeOf(timeStamp, evidence.signature, anchors.timeStampAuthorities);
    if (typeof found === 'string') problems.push(found);
    else times.push(found);
  }
  return { times, problems };
}

/** When the first authority that made it says; or why none did. */
async function timeOf(
  timeStamp: Uint8Array,
  signed: Uint8Array,
  authorities: readonly Authority[],
): Promise<TrustedTime | string> {
  let problem = 'the root has no time stamp authority';
  for (const authority of authorities) {
    try {
      return { at: await stampedAt(timeStamp, signed, authority), source: `time stamp authority ${authority.name}` };
    } catch (error) {
      problem = wordsOf(error);
    }
  }
  return problem;
}

async function stampedAt(timeStamp: Uint8Array, signed: Uint8Array, { chain, validFor }: Authority): Promise<number> {
  const stamp = await verifyTimeStamp(timeStamp, {
    signed,
    anchors: chain.slice(-1),
    extra: chain.slice(0, -1),
    window: validFor,
  });
  // Where the root names the one that stamps, it means that one and not all that its authority ever made.
  const [named] = chain;
  const isNamed = named !== undefined && !named.ca;
  if (isNamed && stamp.chain[0]?.raw.equals(named.raw) !== true) {
    throw new VerificationError('timestamp', 'the time was stamped by a certificate the root does not name');
  }
  return stamp.at;
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
