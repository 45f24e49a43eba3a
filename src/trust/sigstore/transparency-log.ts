import { json } from '@sigstore/core';
import type { InclusionProof, TransparencyLogEntry } from '@sigstore/protobuf-specs';
import { VerificationError } from '../testimony.ts';
import { type Log, isWithin } from './anchors.ts';
import { readCheckpoint } from './checkpoint.ts';
import { rootOfPlace } from './merkle.ts';
import { verifies } from './public-key.ts';

/** What a log of version 1 promised when it took an entry in. */
export interface Promised {
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/**
 * When a log says it took an entry in: only what it signed counts (CVE-2022-23649), and only while its key was good.
 *
 * @returns undefined when the entry has no such promise, as those of version 2
 * @throws {VerificationError} authenticity: it has one that no log of the root made
 */
export async function promiseOf(entry: TransparencyLogEntry, logs: readonly Log[]): Promise<Promised | undefined> {
  const promise = entry.inclusionPromise;
  if (promise === undefined) return undefined;
  const integratedTime = wholeNumber(entry.integratedTime);
  const logIndex = wholeNumber(entry.logIndex);
  if (integratedTime === undefined || integratedTime === 0 || logIndex === undefined) {
    throw new VerificationError('authenticity', 'an entry of a transparency log has no sound time or place');
  }
  const at = integratedTime * 1000;
  const body = Buffer.from(entry.canonicalizedBody).toString('base64');
  for (const log of logsAt(entry, logs, at)) {
    const said = { body, integratedTime, logID: log.keyId.toString('hex'), logIndex };
    const isPromised = await verifies(log.key, Buffer.from(json.canonicalize(said)), promise.signedEntryTimestamp);
    if (isPromised) return { log, at };
  }
  throw new VerificationError('authenticity', 'the time of an entry was not signed by the transparency log it names');
}

/**
 * The log that has an entry: by its promise, by a proof under a checkpoint it signed, or both. What is there has to hold.
 *
 * @param at when it was signed, milliseconds since the epoch: what the log's key has to be good at if the log says no time
 * @throws {VerificationError} authenticity: no log of the root has it
 */
export async function logOf(entry: TransparencyLogEntry, logs: readonly Log[], at: number): Promise<Log> {
  const promised = await promiseOf(entry, logs);
  const { inclusionProof: proof } = entry;
  if (proof === undefined) {
    if (promised !== undefined) return promised.log;
    throw new VerificationError('authenticity', 'an entry has no proof that it is in a transparency log');
  }
  for (const log of logsAt(entry, logs, promised?.at ?? at)) {
    const isProven = await proves(proof, entry, log);
    if (isProven) return log;
  }
  throw new VerificationError('authenticity', 'the proof that an entry is in its transparency log does not hold');
}

/** The logs of that id whose key was good then. CVE-2026-54787. */
function logsAt(entry: TransparencyLogEntry, logs: readonly Log[], at: number): Log[] {
  const keyId = entry.logId?.keyId;
  const known = keyId === undefined ? [] : logs.filter((log) => log.keyId.equals(keyId));
  if (known.length === 0)
    throw new VerificationError('authenticity', 'an entry is of a transparency log the root does not know');
  const good = known.filter(({ validFor }) => isWithin(validFor, at));
  if (good.length > 0) return good;
  const when = new Date(at).toISOString();
  throw new VerificationError('authenticity', `the key of the transparency log was not good at ${when}`);
}

async function proves(proof: InclusionProof, entry: TransparencyLogEntry, log: Log): Promise<boolean> {
  const checkpoint = await readCheckpoint(proof.checkpoint?.envelope ?? '', log);
  const index = wholeNumber(proof.logIndex);
  if (checkpoint === undefined || index === undefined) return false;
  // Both are in the checkpoint; a proof that says something else is about another tree.
  if (proof.treeSize !== checkpoint.size.toString() || !checkpoint.root.equals(proof.rootHash)) return false;
  const place = { index: BigInt(index), size: checkpoint.size, hashes: proof.hashes };
  return rootOfPlace(entry.canonicalizedBody, place)?.equals(checkpoint.root) ?? false;
}

/** Entries come with 64-bit numbers as text; undefined for what JavaScript cannot count. */
function wholeNumber(digits: string): number | undefined {
  const number = /^(0|[1-9][0-9]{0,15})$/.test(digits) ? Number(digits) : Number.NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}
