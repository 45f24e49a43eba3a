import 'reflect-metadata';
import type { X509Certificate as NodeCertificate } from 'node:crypto';
import {
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
} from '@peculiar/x509';
import type { IdentityRule } from './options.ts';

// A name goes into logs, events and grants; no sound name is longer.
const NAME_MAX_LENGTH = 255;
const SAN_OID = '2.5.29.17';

/** A name that a certificate gives its holder, and from when until when, in milliseconds since the epoch. */
export interface CertificateIdentity {
  readonly name: string;
  readonly from: number;
  readonly until: number;
}

/**
 * The name a certificate gives its holder: the value that fits the first rule which any value fits. DNS names compare
 * and come out in lower case.
 *
 * Whether an authority vouches for the certificate has to be settled before. The alternative names are read from their
 * DER and never from Node's text of them, in which a crafted name can look like several (CVE-2021-44532).
 */
export function identityOfCertificate(
  certificate: Pick<NodeCertificate, 'raw'>,
  rules: readonly IdentityRule[],
): CertificateIdentity | undefined {
  const parsed = parse(certificate.raw);
  if (parsed === undefined) return undefined;
  const usages = parsed.getExtension(ExtendedKeyUsageExtension)?.usages;
  if (usages !== undefined && !usages.map(String).includes(ExtendedKeyUsage.clientAuth)) return undefined;
  // RFC 5280, section 4.2: an extension stands at most once; of two, nobody can say which counts.
  if (parsed.extensions.filter(({ type }) => type === SAN_OID).length > 1) return undefined;
  for (const { from, match } of rules) {
    const pattern = from === 'dns' ? match.toLowerCase() : match;
    const name = valuesOf(parsed, from).find((value) => isSoundName(value) && matches(pattern, value));
    if (name !== undefined) return { name, from: parsed.notBefore.getTime(), until: parsed.notAfter.getTime() };
  }
  return undefined;
}

/** Undefined for what cannot be read: it names nobody. */
function parse(raw: Uint8Array<ArrayBuffer>): X509Certificate | undefined {
  try {
    return new X509Certificate(raw);
  } catch {
    return undefined;
  }
}

function valuesOf(certificate: X509Certificate, from: IdentityRule['from']): string[] {
  if (from === 'commonName') {
    const names = certificate.subjectName.getField('CN');
    // With two, the one that was checked by whoever signed need not be the one that is read here.
    return names.length === 1 ? names : [];
  }
  const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
  if (from === 'uri') return names.filter(({ type }) => type === 'url').map(({ value }) => value);
  return names.filter(({ type }) => type === 'dns').map(({ value }) => value.toLowerCase());
}

function isSoundName(value: string): boolean {
  return value !== '' && value.length <= NAME_MAX_LENGTH && !/[\p{C}\p{Zl}\p{Zp}]/u.test(value);
}

/** Whether a pattern is the whole of a text, with each * standing for any text. In time linear for each star. */
function matches(pattern: string, text: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  const tail = rest.pop();
  if (tail === undefined) return text === head;
  if (!text.startsWith(head) || !text.endsWith(tail) || text.length < head.length + tail.length) return false;
  const end = text.length - tail.length;
  let at = head.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
