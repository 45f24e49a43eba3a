import { X509Certificate as NodeCertificate } from 'node:crypto';
import { X509Certificate as ParsedCertificate } from '@sigstore/core';

/** Larger than any certificate that names one identity. */
const MAX_BYTES = 64 * 1024;

const BASIC_CONSTRAINTS = '2.5.29.19';
const KEY_USAGE = '2.5.29.15';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const ALTERNATIVE_NAMES = '2.5.29.17';

/** RFC 5280, section 4.2: what is critical and not understood refuses the certificate. */
const UNDERSTOOD: ReadonlySet<string> = new Set([BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE, ALTERNATIVE_NAMES]);

/** A certificate, read by two parsers: one judges signatures, the other shows every extension. */
export interface Certificate {
  readonly node: NodeCertificate;
  readonly parsed: ParsedCertificate;
  /** Milliseconds since the epoch, both ends included. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/**
 * Reads one certificate from DER.
 *
 * @throws {Error} it is no certificate, has bytes behind it, an extension twice, or a critical one nobody here understands
 */
export function readCertificate(der: Uint8Array): Certificate {
  if (der.length > MAX_BYTES)
    throw new Error(`expected a certificate of at most ${MAX_BYTES} bytes, found ${der.length}`);
  const node = new NodeCertificate(der);
  // Node reads PEM too, and stops where the certificate ends.
  if (!node.raw.equals(der)) throw new Error('expected a certificate in DER and nothing behind it');
  const parsed = ParsedCertificate.parse(Buffer.from(der));
  checkExtensions(parsed);
  return { node, parsed, notBefore: node.validFromDate.getTime(), notAfter: node.validToDate.getTime() };
}

function checkExtensions(parsed: ParsedCertificate): void {
  const seen = new Set<string>();
  for (const extension of parsed.extensions) {
    const oid = extension.subs[0]?.toOID() ?? '';
    // Of two, nobody can say which counts.
    if (seen.has(oid)) throw new Error(`the certificate has the extension ${oid} twice`);
    seen.add(oid);
    const isCritical = extension.subs.length > 2 && extension.subs[1]?.toBoolean() === true;
    if (isCritical && !UNDERSTOOD.has(oid)) throw new Error(`the certificate has an unknown critical extension ${oid}`);
  }
}

/** Whether it may sign certificates. RFC 5280, sections 4.2.1.3 and 4.2.1.9. */
export function isAuthority({ node, parsed }: Certificate): boolean {
  return node.ca && parsed.isCA;
}

/** Whether both ends of its validity are on the right side, in milliseconds since the epoch. */
export function holdsAt({ notBefore, notAfter }: Certificate, at: number): boolean {
  return notBefore <= at && at <= notAfter;
}
