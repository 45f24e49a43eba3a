import { type X509Certificate, createHash } from 'node:crypto';
import { certificateOf, fieldsOf } from './certificate.ts';
import { DerError, type Element, Fields, TAG, only, readDer, smallNumber, timeOf } from './der.ts';
import { type HashName, type Signed, hashOf } from './signature-algorithm.ts';

/** What a time stamp says, and how it is signed. Read, not verified. RFC 3161 and RFC 5652. */
export interface TimeStampToken {
  /** DER of the TSTInfo: what the attributes have a hash of. */
  readonly content: Uint8Array;
  readonly imprint: { readonly hash: HashName; readonly value: Uint8Array };
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** How much later or earlier it may have been, in milliseconds. */
  readonly accuracyMs: number;
  readonly certificates: readonly X509Certificate[];
  readonly signer: SignerInfo;
}

/** Who signed, and what. RFC 5652, section 5.3. */
export interface SignerInfo {
  /** Whether a certificate is the one it names. */
  names(certificate: X509Certificate): boolean;
  /** Of the content, in the attributes. */
  readonly hash: HashName;
  /** The attributes and their signature. */
  readonly signed: Signed;
  /** The values of the signed attributes, by type. */
  readonly attributes: ReadonlyMap<string, Element>;
}

/** Object identifier of what a time stamp holds. */
export const TST_INFO = '1.2.840.113549.1.9.16.1.4';
const SIGNED_DATA = '1.2.840.113549.1.7.2';
// ETSI EN 319 421, section 5.2: who follows that policy is right to a second without saying so.
const BEST_PRACTICES_POLICY = '0.4.0.2023.1.1';

// Tokens with a whole chain in them are 4 to 8 KiB.
const TOKEN_BYTES_MAX = 64 * 1024;
const CERTIFICATES_MAX = 16;

/**
 * Reads a token, or the answer of an authority that has one in it.
 *
 * @throws {DerError} it is neither, too large, or says more than one thing
 */
export function readTimeStamp(der: Uint8Array): TimeStampToken {
  if (der.length > TOKEN_BYTES_MAX)
    throw new DerError(`expected at most ${TOKEN_BYTES_MAX} bytes, found ${der.length}`);
  const outer = readDer(der);
  const info = new Fields(new Fields(outer).next().tag === TAG.sequence ? tokenOf(outer) : outer);
  if (info.oid() !== SIGNED_DATA) throw new DerError('expected signed data');
  const signedData = new Fields(only(info.next(0xa0)));
  info.end();
  signedData.next(TAG.integer);
  signedData.next(TAG.set);
  const encapsulated = new Fields(signedData.next());
  if (encapsulated.oid() !== TST_INFO) throw new DerError('expected a time stamp, found other signed content');
  const content = only(encapsulated.next(0xa0));
  if (content.tag !== TAG.octetString) throw new DerError('expected a time stamp as octets');
  const certificates = certificatesOf(signedData.optional(0xa0));
  signedData.optional(0xa1);
  const signer = signerOf(only(signedData.next(TAG.set)));
  signedData.end();
  return { content: content.content, ...statementOf(content.content), certificates, signer };
}

/** RFC 3161, section 2.4.2: 0 is granted, 1 is granted with changes. */
function tokenOf(response: Element): Element {
  const fields = new Fields(response);
  const status = smallNumber(new Fields(fields.next()).next(TAG.integer));
  if (status > 1) throw new DerError(`expected a time stamp, found a refusal with status ${status}`);
  const token = fields.next(TAG.sequence);
  fields.end();
  return token;
}

function certificatesOf(set: Element | undefined): X509Certificate[] {
  // Certificates of other kinds have tags of their own.
  const elements = Array.from(set?.children() ?? []).filter(({ tag }) => tag === TAG.sequence);
  if (elements.length > CERTIFICATES_MAX) {
    throw new DerError(`expected at most ${CERTIFICATES_MAX} certificates, found ${elements.length}`);
  }
  return elements.map(({ bytes }) => {
    try {
      return certificateOf(bytes);
    } catch (error) {
      throw new DerError('expected certificates that can be read', { cause: error });
    }
  });
}

function signerOf(element: Element): SignerInfo {
  const fields = new Fields(element);
  fields.next(TAG.integer);
  const identifier = fields.next();
  const hash = hashIn(fields.next());
  const attributes = fields.next(0xa0);
  const algorithm = fields.next();
  const signature = fields.next(TAG.octetString).content;
  fields.optional(0xa1);
  fields.end();
  // RFC 5652, section 5.4: signed is the set, sent is the same with another tag.
  const bytes = Uint8Array.from(attributes.bytes);
  bytes[0] = TAG.set;
  const signed = { bytes, signature, algorithm, hash };
  const names = (certificate: X509Certificate) => isNamed(identifier, certificate);
  return { names, hash, signed, attributes: attributesOf(attributes) };
}

/** By issuer and serial number, or by key identifier. RFC 5652, section 5.3. */
function isNamed(identifier: Element, certificate: X509Certificate): boolean {
  const { issuer, serialNumber, keyIdentifier } = fieldsOf(certificate);
  if (identifier.tag === 0x80) return keyIdentifier !== undefined && isEqual(identifier.content, keyIdentifier);
  const fields = new Fields(identifier);
  return isEqual(fields.next().bytes, issuer.bytes) && isEqual(fields.next(TAG.integer).content, serialNumber);
}

function attributesOf(set: Element): Map<string, Element> {
  const attributes = new Map<string, Element>();
  for (const element of set.children()) {
    const fields = new Fields(element);
    const type = fields.oid();
    const values = fields.next(TAG.set);
    fields.end();
    // RFC 5652, section 5.3: no type twice. One value is what each type that is looked at has.
    if (attributes.has(type)) throw new DerError(`expected the signed attribute ${type} once`);
    attributes.set(type, only(values));
  }
  return attributes;
}

/** RFC 3161, section 2.4.2. */
function statementOf(content: Uint8Array): Pick<TimeStampToken, 'imprint' | 'at' | 'accuracyMs'> {
  const fields = new Fields(readDer(content));
  if (smallNumber(fields.next(TAG.integer)) !== 1) throw new DerError('expected version 1 of a time stamp');
  const policy = fields.oid();
  const imprint = new Fields(fields.next());
  const hash = hashIn(imprint.next());
  const { content: value } = imprint.next(TAG.octetString);
  imprint.end();
  fields.next(TAG.integer);
  const at = timeOf(fields.next(TAG.generalizedTime));
  const accuracy = fields.optional(TAG.sequence);
  fields.optional(TAG.boolean);
  fields.optional(TAG.integer);
  fields.optional(0xa0);
  fields.optional(0xa1);
  fields.end();
  const silent = policy === BEST_PRACTICES_POLICY ? 1000 : 0;
  return { imprint: { hash, value }, at, accuracyMs: accuracy === undefined ? silent : accuracyOf(accuracy) };
}

/** Rounded up to whole milliseconds. */
function accuracyOf(element: Element): number {
  const fields = new Fields(element);
  const [seconds, millis, micros] = [TAG.integer, 0x80, 0x81].map((tag) => fields.optional(tag));
  fields.end();
  const numberOf = (part: Element | undefined) => (part === undefined ? 0 : smallNumber(part));
  return numberOf(seconds) * 1000 + numberOf(millis) + Math.ceil(numberOf(micros) / 1000);
}

function hashIn(identifier: Element): HashName {
  const hash = hashOf(identifier);
  if (hash === undefined) throw new DerError('expected SHA-256, SHA-384 or SHA-512');
  return hash;
}

// RFC 5035: version 2 says which hash, version 1 is SHA-1. Its weakness is collisions: whoever makes another certificate
// with the hash of this one needs more than that, and authorities of today still send it.
const SIGNING_CERTIFICATES: readonly [string, string][] = [
  ['1.2.840.113549.1.9.16.2.12', 'sha1'],
  ['1.2.840.113549.1.9.16.2.47', 'sha256'],
];

/**
 * Whether the signed attributes name this certificate as the one it was signed with: at least once, and never another.
 * RFC 5035, section 5; RFC 5816. @throws {DerError}
 */
export function isBoundTo({ attributes }: SignerInfo, certificate: X509Certificate): boolean {
  const found = SIGNING_CERTIFICATES.filter(([type]) => attributes.has(type));
  return (
    found.length > 0 &&
    found.every(([type, hash]) => {
      const value = attributes.get(type);
      return value !== undefined && identifies(value, certificate, hash);
    })
  );
}

function identifies(signingCertificate: Element, certificate: X509Certificate, silent: string): boolean {
  const list = new Fields(signingCertificate).next(TAG.sequence);
  const fields = new Fields(new Fields(list).next());
  const algorithm = silent === 'sha1' ? undefined : fields.optional(TAG.sequence);
  const hash = algorithm === undefined ? silent : hashIn(algorithm);
  if (!isEqual(fields.next(TAG.octetString).content, createHash(hash).update(certificate.raw).digest())) return false;
  const issuerSerial = fields.optional(TAG.sequence);
  fields.end();
  if (issuerSerial === undefined) return true;
  const { issuer, serialNumber } = fieldsOf(certificate);
  const serial = new Fields(issuerSerial);
  const names = serial.next(TAG.sequence).children();
  // A GeneralName that is a directory name.
  const isNamed = Array.from(names).some((name) => name.tag === 0xa4 && isEqual(only(name).bytes, issuer.bytes));
  return isNamed && isEqual(serial.next(TAG.integer).content, serialNumber);
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
