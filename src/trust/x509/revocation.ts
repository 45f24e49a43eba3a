import type { X509Certificate } from 'node:crypto';
import type { RevocationList } from '../root.ts';
import type { CheckResult } from '../testimony.ts';
import { EXTENSION, basicConstraintsOf, fieldsOf, keyUsageOf } from './certificate.ts';
import {
  type CertificateList,
  type ListEntry,
  addressesIn,
  entryOf,
  isListOf,
  isNamedAfter,
  readCertificateList,
} from './certificate-list.ts';
import { isoOf } from './chain.ts';
import { Fields, readDer } from './der.ts';
import { subjectText } from './subject.ts';

/*
 * What is made of a certificate and the lists somebody configured:
 *
 *   no list configured at all                          none
 *   on a current list of its issuer                    fail, whatever the reason and whatever other lists say
 *   not on any current list of its issuer              pass
 *   lists of its issuer, none current or of use        fail: an old list hides what was revoked since (CVE-2024-23332)
 *   no list of its issuer, and it says where one is    fail
 *   no list of its issuer, and it names none           none: nobody ever said it could be revoked
 *
 * The last certificate of a chain is not looked at: it is trusted by name, and to revoke it is to take it off the root.
 */

/** How a chain stands with the lists, and until when that can be said: milliseconds since the epoch; undefined: for good. */
export interface RevocationResult extends CheckResult {
  readonly goodUntil: number | undefined;
}

/** A list that was configured, as far as it could be read. */
interface ReadList {
  readonly source: string;
  readonly list: CertificateList;
  /** Fingerprints of those who turned out to have signed it. */
  readonly issuers: Set<string>;
}

interface Link {
  readonly certificate: X509Certificate;
  readonly issuer: X509Certificate;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

const AUTHORITY_INFORMATION = '1.3.6.1.5.5.7.1.1';
const OCSP = '1.3.6.1.5.5.7.48.1';

const known = new WeakMap<RevocationList, ReadList>();

/**
 * Whether a certificate of a chain, of a signer or of a time stamp, is revoked.
 *
 * @param chain - leaf first, every one issued by the next
 * @param at - when the lists must be current, milliseconds since the epoch
 */
export function revocationOf(
  chain: readonly X509Certificate[],
  lists: readonly RevocationList[],
  at: number,
): RevocationResult {
  if (lists.length === 0) return none('no certificate revocation list is configured');
  try {
    const read = lists.map(readOnce);
    const results = chain.slice(0, -1).map((certificate, index) => {
      const issuer = chain[index + 1] ?? certificate;
      return linkResult({ certificate, issuer, at }, read);
    });
    return summaryOf(results);
  } catch (error) {
    return fail(error instanceof Error ? error.message : 'a revocation list cannot be read');
  }
}

function readOnce(list: RevocationList): ReadList {
  const before = known.get(list);
  if (before !== undefined) return before;
  try {
    const read = { source: list.source, list: readCertificateList(list.bytes), issuers: new Set<string>() };
    known.set(list, read);
    return read;
  } catch (error) {
    // Whose it is nobody knows: it may be the one that matters.
    const why = error instanceof Error ? error.message : 'unknown';
    throw new Error(`the revocation list ${list.source} cannot be read: ${why}`, { cause: error });
  }
}

function summaryOf(results: readonly RevocationResult[]): RevocationResult {
  const failed = results.find(({ outcome }) => outcome === 'fail');
  if (failed !== undefined) return failed;
  const passed = results.filter(({ outcome }) => outcome === 'pass');
  if (passed.length === 0) return results[0] ?? none('the certificate is trusted by itself: no list speaks of it');
  const ends = passed.flatMap(({ goodUntil }) => goodUntil ?? []);
  const goodUntil = ends.length === 0 ? undefined : Math.min(...ends);
  return { outcome: 'pass', why: 'no certificate is on a revocation list of its issuer', goodUntil };
}

function linkResult(link: Link, lists: readonly ReadList[]): RevocationResult {
  const { certificate, issuer, at } = link;
  const named = lists.filter(({ list }) => isNamedAfter(list, issuer));
  const signed = named.filter((list) => isSigned(list, issuer));
  if (signed.length === 0) return unlistedResult(link, named);
  const problems = signed.map((list) => problemOf(list, link));
  const current = signed.filter((_, index) => problems[index] === undefined);
  if (current.length === 0) return fail(problems[0] ?? '');
  for (const { list, source } of current) {
    const entry = entryOf(list, fieldsOf(certificate).serialNumber);
    if (entry !== undefined) return fail(`${subjectText(certificate)} ${entryText(entry)}, says ${source}`);
  }
  const ends = current.map(({ list: { nextUpdate } }) => nextUpdate ?? at);
  const why = `${subjectText(certificate)} is on no revocation list of its issuer`;
  return { outcome: 'pass', why, goodUntil: Math.max(...ends) };
}

function isSigned({ list, issuers }: ReadList, issuer: X509Certificate): boolean {
  // 8 MiB take 10 milliseconds to hash.
  if (issuers.has(issuer.fingerprint256)) return true;
  // RFC 5280, section 6.3.3 (f).
  if (keyUsageOf(issuer)?.has('cRLSign') === false || !isListOf(list, issuer)) return false;
  issuers.add(issuer.fingerprint256);
  return true;
}

function unlistedResult({ certificate, issuer }: Link, named: readonly ReadList[]): RevocationResult {
  const [foreign] = named;
  if (foreign !== undefined)
    return fail(`the revocation list ${foreign.source} is not signed by ${subjectText(issuer)}`);
  const name = subjectText(certificate);
  if (!saysWhereRevoked(certificate)) return none(`${name} names no revocation list, and there is none of its issuer`);
  return fail(`${name} can be revoked, and no revocation list of ${subjectText(issuer)} is configured`);
}

/** Why a list says nothing of a certificate; undefined when it does. */
function problemOf({ list, source }: ReadList, { certificate, at }: Link): string | undefined {
  const { thisUpdate, nextUpdate, scope, problem } = list;
  const name = `the revocation list ${source}`;
  if (problem !== undefined) return `${name} ${problem}`;
  if (nextUpdate === undefined) return `${name} does not say until when it is current`;
  if (at < thisUpdate) return `${name} is of ${isoOf(thisUpdate)}, which is still to come`;
  if (at >= nextUpdate) return `${name} has expired: the next was due at ${isoOf(nextUpdate)}`;
  const isAuthority = basicConstraintsOf(certificate)?.isAuthority === true;
  if (scope.of !== 'all' && (scope.of === 'authorities') !== isAuthority) return `${name} is for ${scope.of} only`;
  const { points } = scope;
  if (points === undefined) return undefined;
  const own = pointsOf(certificate);
  return points.some((point) => own.includes(point)) ? undefined : `${name} is for another part of the certificates`;
}

function entryText({ revokedAt, reason }: ListEntry): string {
  const when = isoOf(revokedAt);
  if (reason === 'certificateHold') return `is on hold since ${when}`;
  // Only delta lists take certificates off, and those are not read.
  if (reason === 'removeFromCRL') return `was to be taken off the list at ${when}, and is on it`;
  return `was revoked at ${when}: ${reason}`;
}

function saysWhereRevoked(certificate: X509Certificate): boolean {
  const { extensions } = fieldsOf(certificate);
  if (extensions.has(EXTENSION.distributionPoints)) return true;
  const access = extensions.get(AUTHORITY_INFORMATION);
  if (access === undefined) return false;
  return Array.from(readDer(access.value).children()).some((description) => new Fields(description).oid() === OCSP);
}

/** The addresses of all its distribution points. RFC 5280, section 4.2.1.13. */
function pointsOf(certificate: X509Certificate): string[] {
  const extension = fieldsOf(certificate).extensions.get(EXTENSION.distributionPoints);
  if (extension === undefined) return [];
  return Array.from(readDer(extension.value).children()).flatMap((point) => {
    const name = new Fields(point).optional(0xa0);
    return name === undefined ? [] : addressesIn(name);
  });
}

function none(why: string): RevocationResult {
  return { outcome: 'none', why, goodUntil: undefined };
}

function fail(why: string): RevocationResult {
  return { outcome: 'fail', why, goodUntil: undefined };
}
