import { X509Certificate } from 'node:crypto';
import { DerError, type Element, Fields, TAG, oidOf, only, readDer, smallNumber } from './der.ts';

/** An extension as it stands in a certificate or a list. */
export interface Extension {
  readonly isCritical: boolean;
  /** What its octets hold. */
  readonly value: Uint8Array;
}

/** What node:crypto does not tell of a certificate. RFC 5280, section 4.1. */
export interface CertificateFields {
  /** DER of its serial number, without header. */
  readonly serialNumber: Uint8Array;
  /** DER of a Name. */
  readonly issuer: Element;
  readonly subject: Element;
  /** AlgorithmIdentifier with which the issuer signed it. */
  readonly signatureAlgorithm: Element;
  readonly extensions: ReadonlyMap<string, Extension>;
  /** What it says identifies its key. */
  readonly keyIdentifier: Uint8Array | undefined;
}

/** Object identifiers of extensions that are looked at. RFC 5280, section 4.2.1. */
export const EXTENSION = {
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  subjectKeyIdentifier: '2.5.29.14',
  certificatePolicies: '2.5.29.32',
  distributionPoints: '2.5.29.31',
  extendedKeyUsage: '2.5.29.37',
} as const;

/** Bits of a key usage, by their number. RFC 5280, section 4.2.1.3. */
const KEY_USAGE = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

export type KeyUsage = (typeof KEY_USAGE)[number];

// Certificates are 1 to 3 KiB; one with a few hundred names has 16.
const CERTIFICATE_BYTES_MAX = 64 * 1024;
const CERTIFICATES_MAX = 1000;

const known = new WeakMap<X509Certificate, CertificateFields>();

/** @throws {Error} it is no certificate in DER, or something follows it */
export function certificateOf(der: Uint8Array): X509Certificate {
  if (der.length > CERTIFICATE_BYTES_MAX) throw new Error(`expected at most ${CERTIFICATE_BYTES_MAX} bytes`);
  // It takes PEM, too, and leaves alone what follows.
  if (der[0] !== TAG.sequence) throw new Error('expected a certificate in DER');
  const certificate = new X509Certificate(der);
  if (!certificate.raw.equals(der)) throw new Error('expected a certificate in DER and nothing else');
  fieldsOf(certificate);
  return certificate;
}

/**
 * Every certificate of a file, PEM or a single one in DER, in its order.
 *
 * @throws {Error} there is none, or one cannot be read
 */
export function certificatesIn(file: Uint8Array): X509Certificate[] {
  if (file[0] === TAG.sequence) return [certificateOf(file)];
  const text = Buffer.from(file).toString('latin1');
  const blocks = text.split('-----BEGIN CERTIFICATE-----').slice(1);
  if (blocks.length === 0) throw new Error('expected a certificate in PEM, found none');
  if (blocks.length > CERTIFICATES_MAX) throw new Error(`expected at most ${CERTIFICATES_MAX} certificates`);
  return blocks.map((block, index) => {
    const end = block.indexOf('-----END CERTIFICATE-----');
    const base64 = block.slice(0, end).replaceAll(/\s/g, '');
    if (end === -1 || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) {
      throw new Error(`expected certificate ${index + 1} to be PEM`);
    }
    return certificateOf(Buffer.from(base64, 'base64'));
  });
}

/** @throws {DerError} OpenSSL reads it and we cannot: an extension is there twice, for one */
export function fieldsOf(certificate: X509Certificate): CertificateFields {
  const before = known.get(certificate);
  if (before !== undefined) return before;
  const fields = read(readDer(certificate.raw));
  known.set(certificate, fields);
  return fields;
}

function read(certificate: Element): CertificateFields {
  const outer = new Fields(certificate);
  const inner = new Fields(outer.next());
  const signatureAlgorithm = outer.next(TAG.sequence);
  inner.optional(0xa0);
  const serialNumber = inner.next(TAG.integer).content;
  // RFC 5280, section 4.1.1.2: what is signed says how.
  if (!Buffer.from(inner.next().bytes).equals(signatureAlgorithm.bytes)) {
    throw new DerError('expected one signature algorithm, found two');
  }
  const issuer = inner.next(TAG.sequence);
  inner.next(TAG.sequence);
  const subject = inner.next(TAG.sequence);
  inner.next(TAG.sequence);
  inner.optional(0x81, 0xa1);
  inner.optional(0x82, 0xa2);
  const extensions = extensionsOf(inner.optional(0xa3));
  inner.end();
  const identifier = extensions.get(EXTENSION.subjectKeyIdentifier);
  const keyIdentifier = identifier === undefined ? undefined : readDer(identifier.value).content;
  return { serialNumber, issuer, subject, signatureAlgorithm, extensions, keyIdentifier };
}

/** @param explicit - the tagged list of them, undefined for none. @throws {DerError} one is there twice */
export function extensionsOf(explicit: Element | undefined): Map<string, Extension> {
  const extensions = new Map<string, Extension>();
  for (const element of explicit === undefined ? [] : only(explicit).children()) {
    const fields = new Fields(element);
    const oid = fields.oid();
    const critical = fields.optional(TAG.boolean);
    const value = fields.next(TAG.octetString).content;
    fields.end();
    if (extensions.has(oid)) throw new DerError(`expected extension ${oid} once`);
    extensions.set(oid, { isCritical: critical !== undefined && critical.content[0] !== 0, value });
  }
  return extensions;
}

/** Undefined when it does not say. @throws {DerError} */
export function keyUsageOf(certificate: X509Certificate): ReadonlySet<KeyUsage> | undefined {
  const extension = fieldsOf(certificate).extensions.get(EXTENSION.keyUsage);
  if (extension === undefined) return undefined;
  const { tag, content } = readDer(extension.value);
  if (tag !== TAG.bitString) throw new DerError('expected a key usage');
  // The first octet counts the bits of the last that mean nothing.
  const octets = content.subarray(1);
  return new Set(KEY_USAGE.filter((_, bit) => ((octets[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0));
}

/** Object identifiers; undefined when it does not say. @throws {DerError} */
export function extendedKeyUsageOf(certificate: X509Certificate): readonly string[] | undefined {
  const extension = fieldsOf(certificate).extensions.get(EXTENSION.extendedKeyUsage);
  if (extension === undefined) return undefined;
  return Array.from(readDer(extension.value).children(), oidOf);
}

/** Undefined when it does not say. @throws {DerError} */
export function basicConstraintsOf(
  certificate: X509Certificate,
): { readonly isAuthority: boolean; readonly pathLength: number | undefined } | undefined {
  const extension = fieldsOf(certificate).extensions.get(EXTENSION.basicConstraints);
  if (extension === undefined) return undefined;
  const fields = new Fields(readDer(extension.value));
  const isAuthority = (fields.optional(TAG.boolean)?.content[0] ?? 0) !== 0;
  const length = fields.optional(TAG.integer);
  fields.end();
  return { isAuthority, pathLength: length === undefined ? undefined : smallNumber(length) };
}
