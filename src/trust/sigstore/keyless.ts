import { type X509Certificate, createHash } from 'node:crypto';
import { dsse } from '@sigstore/core';
import type { TransparencyLogEntry } from '@sigstore/protobuf-specs';
import type { SigstoreRoot } from '../root.ts';
import { type CheckResult, type Checks, type Signer, VerificationError } from '../testimony.ts';
import { certificateOf } from '../x509/certificate.ts';
import { isoOf, validAt } from '../x509/chain.ts';
import { type Anchors, anchorsOf } from './anchors.ts';
import { checkPurpose, voucherOf } from './chain.ts';
import { type FulcioIdentity, identityOf } from './identity.ts';
import { checkEntryBody } from './logged-claim.ts';
import type { KeylessMaterial } from './material.ts';
import { verifies } from './public-key.ts';
import { checkScts } from './sct.ts';
import { logOf } from './transparency-log.ts';
import { type TrustedTime, type TrustedTimes, trustedTimesOf } from './trusted-times.ts';

/** As many as sigstore's own clients look at (CVE-2024-45395); honest signatures have one or two. */
const MAX_ENTRIES = 32;
const MAX_TIME_STAMPS = 32;

const NOBODY: Signer = { name: 'a certificate that cannot be read', ids: [] };
const NOTHING: CheckResult = { outcome: 'none', why: 'a keyless signature has none' };

/** What a keyless signature is worth, seen from one root. */
export interface KeylessResult {
  readonly signer: Signer;
  readonly checks: Checks;
}

/**
 * Holds a keyless signature against a trusted root, with no clock and no network: the signature and what logs say of it,
 * the certificate with its authority and its log, and the time. Whether the signer is one who is wanted is for the policy.
 * Never throws: what cannot be read fails.
 */
export async function checkKeyless(material: KeylessMaterial, root: SigstoreRoot): Promise<KeylessResult> {
  try {
    checkLimits(material);
    const leaf = certificateOf(material.certificate);
    return { signer: signerOf(leaf), checks: await checksOf(material, leaf, root) };
  } catch (error) {
    const nothing = failed(wordsOf(error));
    return { signer: NOBODY, checks: checksFrom({ integrity: nothing, authenticity: nothing, timestamp: nothing }) };
  }
}

function checkLimits({ logEntries, timeStamps }: KeylessMaterial): void {
  if (logEntries.length > MAX_ENTRIES) {
    throw new Error(`expected at most ${MAX_ENTRIES} log entries, found ${logEntries.length}`);
  }
  if (timeStamps.length > MAX_TIME_STAMPS) {
    throw new Error(`expected at most ${MAX_TIME_STAMPS} time stamps, found ${timeStamps.length}`);
  }
}

async function checksOf(material: KeylessMaterial, leaf: X509Certificate, root: SigstoreRoot): Promise<Checks> {
  const { entries, mismatches } = compareEntries(material, leaf);
  const integrity = await resultOf(async () => await checkIntegrity(material, leaf, mismatches));
  const anchors = readAnchors(root);
  if (typeof anchors === 'string') {
    return checksFrom({ integrity, authenticity: failed(anchors), timestamp: failed(anchors) });
  }
  const { signature, timeStamps } = material;
  const found = await trustedTimesOf({ signature, timeStamps, logEntries: entries }, anchors);
  return checksFrom({
    integrity,
    authenticity: await resultOf(
      async () => await checkAuthenticity({ leaf, entries, anchors, times: timesWithin(leaf, found) }),
    ),
    timestamp: await resultOf(async () =>
      timesWithin(leaf, found)
        .map(({ at, source }) => `${isoOf(at)} (${source})`)
        .join(', '),
    ),
  });
}

/** The entries about this signature, and what is wrong with the others: those say neither that it is logged nor when. */
function compareEntries(
  material: KeylessMaterial,
  leaf: X509Certificate,
): { entries: readonly TransparencyLogEntry[]; mismatches: readonly string[] } {
  const entries: TransparencyLogEntry[] = [];
  const mismatches: string[] = [];
  for (const entry of material.logEntries) {
    try {
      checkEntryBody(entry, leaf, material);
      entries.push(entry);
    } catch (error) {
      mismatches.push(wordsOf(error));
    }
  }
  return { entries, mismatches };
}

async function checkIntegrity(
  material: KeylessMaterial,
  leaf: X509Certificate,
  mismatches: readonly string[],
): Promise<string> {
  const { signed, signature, envelope } = material;
  if (envelope !== undefined) {
    const encoded = dsse.preAuthEncoding(envelope.payloadType, Buffer.from(envelope.payload));
    if (!encoded.equals(signed)) throw new VerificationError('integrity', 'what was signed is not the envelope');
  }
  const isSigned = await verifies(leaf.publicKey, signed, signature);
  if (!isSigned) {
    throw new VerificationError(
      'integrity',
      'the signature was not made by the key of the certificate over this content',
    );
  }
  const [mismatch] = mismatches;
  if (mismatch !== undefined) throw new VerificationError('integrity', mismatch);
  return 'the signature fits the content and the key of the certificate';
}

interface Evidence {
  readonly leaf: X509Certificate;
  readonly entries: readonly TransparencyLogEntry[];
  readonly anchors: Anchors;
  /** At least one. */
  readonly times: readonly TrustedTime[];
}

/** At one of the trusted times everything has to hold together. */
async function checkAuthenticity(evidence: Evidence): Promise<string> {
  identityOf(evidence.leaf);
  checkPurpose(evidence.leaf);
  const problems = new Set<string>();
  for (const { at } of evidence.times) {
    try {
      return await witnessesAt(evidence, at);
    } catch (error) {
      problems.add(wordsOf(error));
    }
  }
  throw new VerificationError('authenticity', [...problems].join('; '));
}

async function witnessesAt({ leaf, entries, anchors }: Evidence, at: number): Promise<string> {
  const { authority, issuer } = voucherOf(leaf, anchors.authorities, at);
  const certificateLogs = checkScts(leaf, issuer, anchors.certificateLogs);
  const logs = await logsOf(entries, anchors, at);
  return [
    `issued by ${authority.name}`,
    `seen by ${[...certificateLogs].join(', ')}`,
    `${logs.size === 1 ? 'one transparency log' : `${logs.size} transparency logs`}: ${[...logs.values()].join(', ')}`,
  ].join('; ');
}

/** The names of the logs that have it, by id: a log that has it twice is one log (CVE-2026-49834). */
async function logsOf(
  entries: readonly TransparencyLogEntry[],
  { logs }: Anchors,
  at: number,
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const problems = new Set<string>();
  for (const entry of entries) {
    try {
      const { keyId, name } = await logOf(entry, logs, at);
      found.set(keyId.toString('hex'), name);
    } catch (error) {
      problems.add(wordsOf(error));
    }
  }
  if (found.size > 0) return found;
  const why = problems.size === 0 ? 'the signature is in no transparency log' : [...problems].join('; ');
  throw new VerificationError('authenticity', why);
}

/** The trusted times at which the certificate was valid; never now. */
function timesWithin(leaf: X509Certificate, { times, problems }: TrustedTimes): readonly TrustedTime[] {
  const within = times.filter(({ at }) => validAt([leaf], at) === undefined);
  if (within.length > 0) return within;
  const span = `the certificate was valid from ${leaf.validFromDate.toISOString()} to ${leaf.validToDate.toISOString()}`;
  const other = times.map(({ at, source }) => `signed at ${isoOf(at)} (${source})`);
  const why = times.length === 0 ? ['nobody trusted says when it was signed', ...problems] : [span, ...other];
  throw new VerificationError('timestamp', why.join('; '));
}

function signerOf(leaf: X509Certificate): Signer {
  const spki = leaf.publicKey.export({ type: 'spki', format: 'der' });
  const key = `spki:${createHash('sha256').update(spki).digest('hex')}`;
  const found = readIdentity(leaf);
  if (found === undefined) return { name: 'a certificate that names nobody', ids: [key] };
  const { identity, issuer } = found;
  return { name: `${identity} (${issuer})`, ids: [`identity:${issuer} ${identity}`, key], identity, issuer };
}

function readIdentity(leaf: X509Certificate): FulcioIdentity | undefined {
  try {
    return identityOf(leaf);
  } catch {
    // The check of authenticity says why.
    return undefined;
  }
}

/** What the root trusts; or why nothing. */
function readAnchors({ trustedRoot, problem }: SigstoreRoot): Anchors | string {
  if (trustedRoot === undefined) return `the root cannot be used: ${problem ?? 'it is empty'}`;
  try {
    return anchorsOf(trustedRoot);
  } catch (error) {
    return `the root cannot be used: ${wordsOf(error)}`;
  }
}

async function resultOf(check: () => Promise<string>): Promise<CheckResult> {
  try {
    return { outcome: 'pass', why: await check() };
  } catch (error) {
    return failed(wordsOf(error));
  }
}

function checksFrom(found: Pick<Checks, 'integrity' | 'authenticity' | 'timestamp'>): Checks {
  return { ...found, expiry: NOTHING, revocation: NOTHING };
}

function failed(why: string): CheckResult {
  return { outcome: 'fail', why };
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
