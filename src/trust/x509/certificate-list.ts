import type { X509Certificate } from 'node:crypto';
import { type Extension, extensionsOf, fieldsOf } from './certificate.ts';
import { DerError, type Element, Fields, TAG, oidOf, readDer, smallNumber, timeOf } from './der.ts';
import { type Signed, isSignedWith } from './signature-algorithm.ts';

/** Which certificates of its issuer a list is about. RFC 5280, section 5.2.5. */
interface Scope {
  readonly of: 'all' | 'signers' | 'authorities';
  /** Names of the distribution point it is for; undefined when it is for whatever there is. */
  readonly points: readonly string[] | undefined;
}

/** A list of revoked certificates, read but not verified. RFC 5280, section 5.1. */
export interface CertificateList {
  /** DER of a Name. */
  readonly issuer: Element;
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number;
  /** Undefined when it does not say. */
  readonly nextUpdate: number | undefined;
  readonly signed: Signed;
  readonly scope: Scope;
  /** Why nothing can be told from it; undefined when something can. */
  readonly problem: string | undefined;
  /** Its entries; undefined when it has none. */
  readonly revoked: Element | undefined;
}

/** A certificate that is on a list. RFC 5280, section 5.3. */
export interface ListEntry {
  /** Milliseconds since the epoch. */
  readonly revokedAt: number;
  readonly reason: string;
}

/** The largest list that is read; public authorities split theirs long before. */
export const LIST_BYTES_MAX = 8 * 1024 * 1024;

const ISSUING_POINT = '2.5.29.28';
const DELTA = '2.5.29.27';
const REASON = '2.5.29.21';

/** RFC 5280, section 5.3.1. There is no 7. */
const REASONS: Readonly<Record<number, string>> = {
  0: 'unspecified',
  1: 'keyCompromise',
  2: 'cACompromise',
  3: 'affiliationChanged',
  4: 'superseded',
  5: 'cessationOfOperation',
  6: 'certificateHold',
  8: 'removeFromCRL',
  9: 'privilegeWithdrawn',
  10: 'aACompromise',
};

/** @throws {DerError} it is none, or too large */
export function readCertificateList(der: Uint8Array): CertificateList {
  if (der.length > LIST_BYTES_MAX) throw new DerError(`expected at most ${LIST_BYTES_MAX} bytes, found ${der.length}`);
  const outer = new Fields(readDer(der));
  const list = outer.next();
  const algorithm = outer.next(TAG.sequence);
  const { content: bits } = outer.next(TAG.bitString);
  outer.end();
  const fields = new Fields(list);
  fields.optional(TAG.integer);
  if (Buffer.compare(fields.next().bytes, algorithm.bytes) !== 0) {
    throw new DerError('expected one signature algorithm, found two');
  }
  const issuer = fields.next(TAG.sequence);
  const thisUpdate = timeOf(fields.next());
  const next = fields.optional(TAG.utcTime, TAG.generalizedTime);
  const revoked = fields.optional(TAG.sequence);
  const extensions = extensionsOf(fields.optional(0xa0));
  fields.end();
  return {
    issuer,
    thisUpdate,
    nextUpdate: next === undefined ? undefined : timeOf(next),
    // The first octet of a bit string counts unused bits: a signature has none.
    signed: { bytes: list.bytes, signature: bits.subarray(1), algorithm },
    revoked,
    ...scopeOf(extensions),
  };
}

/** Whether the list is of this issuer: by name, and by signature of a key that may sign lists. @throws {DerError} */
export function isListOf(list: CertificateList, issuer: X509Certificate): boolean {
  return isNamedAfter(list, issuer) && isSignedWith(issuer.publicKey, list.signed);
}

/** Whether the list says it is of this issuer. @throws {DerError} */
export function isNamedAfter(list: CertificateList, issuer: X509Certificate): boolean {
  return Buffer.compare(list.issuer.bytes, fieldsOf(issuer).subject.bytes) === 0;
}

/** What a list has on a serial number; undefined: it is not on it. @throws {DerError} */
export function entryOf({ revoked }: CertificateList, serialNumber: Uint8Array): ListEntry | undefined {
  // Looked for as bytes first, which takes a millisecond: on most lists most certificates are not.
  if (revoked === undefined || Buffer.from(revoked.content).indexOf(serialNumber) === -1) return undefined;
  for (const element of revoked.children()) {
    const fields = new Fields(element);
    if (Buffer.compare(fields.next(TAG.integer).content, serialNumber) !== 0) continue;
    const revokedAt = timeOf(fields.next());
    const extensions = extensionsIn(fields.optional(TAG.sequence));
    return { revokedAt, reason: reasonOf(extensions.get(REASON)) };
  }
  return undefined;
}

/** The addresses in a DistributionPointName's full name. RFC 5280, section 4.2.1.13. @throws {DerError} */
export function addressesIn(distributionPointName: Element): string[] {
  return Array.from(distributionPointName.children())
    .filter(({ tag }) => tag === 0xa0)
    .flatMap((fullName) => Array.from(fullName.children()))
    .filter(({ tag }) => tag === 0x86)
    .map(({ content }) => Buffer.from(content).toString('latin1'));
}

function reasonOf(extension: Extension | undefined): string {
  if (extension === undefined) return 'unspecified';
  const number = smallNumber(readDer(extension.value));
  return REASONS[number] ?? `reason ${number}`;
}

/** Those of an entry stand without the tag that those of a list have. */
function extensionsIn(list: Element | undefined): ReadonlyMap<string, Extension> {
  const extensions = new Map<string, Extension>();
  for (const element of list?.children() ?? []) {
    const fields = new Fields(element);
    const oid = oidOf(fields.next());
    const isCritical = (fields.optional(TAG.boolean)?.content[0] ?? 0) !== 0;
    extensions.set(oid, { isCritical, value: fields.next(TAG.octetString).content });
  }
  return extensions;
}

function scopeOf(extensions: ReadonlyMap<string, Extension>): Pick<CertificateList, 'scope' | 'problem'> {
  const everything = { of: 'all', points: undefined } as const;
  if (extensions.has(DELTA)) return { scope: everything, problem: 'is a delta list: expected a whole one' };
  const [unknown] = [...extensions].find(([oid, { isCritical }]) => isCritical && oid !== ISSUING_POINT) ?? [];
  if (unknown !== undefined) {
    return { scope: everything, problem: `has the critical extension ${unknown}, which is not understood` };
  }
  const point = extensions.get(ISSUING_POINT);
  return point === undefined ? { scope: everything, problem: undefined } : pointScope(point.value);
}

/** IssuingDistributionPoint, RFC 5280, section 5.2.5. */
function pointScope(value: Uint8Array): Pick<CertificateList, 'scope' | 'problem'> {
  const fields = new Fields(readDer(value));
  const name = fields.optional(0xa0);
  const flag = (tag: number) => (fields.optional(tag)?.content[0] ?? 0) !== 0;
  const [signersOnly, authoritiesOnly] = [flag(0x81), flag(0x82)];
  const someReasons = fields.optional(0x83) !== undefined;
  const [isIndirect, attributesOnly] = [flag(0x84), flag(0x85)];
  fields.end();
  const of = signersOnly ? 'signers' : authoritiesOnly ? 'authorities' : 'all';
  const scope = { of, points: name === undefined ? undefined : addressesIn(name) } as const;
  if (isIndirect) return { scope, problem: 'is an indirect list: expected one of the issuer of the certificate' };
  if (someReasons) return { scope, problem: 'is for some reasons only: expected one for all of them' };
  if (attributesOnly) return { scope, problem: 'is for attribute certificates' };
  return { scope, problem: undefined };
}
