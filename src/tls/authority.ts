import 'reflect-metadata';
import { KeyObject, createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { canonicalNames } from './names.ts';

/** A certificate with the key that belongs to it. */
export interface KeyPair {
  /** PKCS #8, PEM. */
  readonly privateKey: string;
  /** PEM. */
  readonly certificate: string;
  /** End of the certificate, in milliseconds since the epoch. */
  readonly expiresAt: number;
}

const DAY_MS = 24 * 60 * 60_000;
/** How long a server certificate lasts, in milliseconds. */
export const SERVER_LIFETIME_MS = 90 * DAY_MS;
// Changing it means going to every node again.
const AUTHORITY_LIFETIME_MS = 3652 * DAY_MS;
// Clocks of nodes go wrong by minutes; one that is late must not take a new certificate for one of the future.
const BACKDATED_MS = 60 * 60_000;
// The curve that every client knows, also Go's and Java's in their strictest modes.
const CURVE = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' };

/**
 * Makes a private certificate authority: it signs server certificates and, with a path length of 0, no other authority.
 * RFC 5280, section 4.2.1.
 */
export async function makeAuthority(now: number): Promise<KeyPair> {
  const keys = await makeKeys();
  // A name of its own for each: stores and error messages tell authorities apart by name.
  const name = [{ CN: [`Gatehouse CA ${randomBytes(4).toString('hex')}`] }];
  const expiresAt = wholeSeconds(now + AUTHORITY_LIFETIME_MS);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name,
    notBefore: new Date(wholeSeconds(now - BACKDATED_MS)),
    notAfter: new Date(expiresAt),
    keys,
    signingAlgorithm: SIGNATURE,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { privateKey: privatePem(keys.privateKey), certificate: pem(certificate), expiresAt };
}

/** Issues a certificate under which a server may answer to these names, and to nothing else. */
export async function issueServerCertificate(
  authority: Pick<KeyPair, 'privateKey' | 'certificate'>,
  names: readonly string[],
  now: number,
): Promise<KeyPair> {
  const issuer = new X509Certificate(authority.certificate);
  const signingKey = createPrivateKey(authority.privateKey).toCryptoKey(CURVE, false, ['sign']);
  const keys = await makeKeys();
  // A certificate that outlives its authority would only seem to last.
  const expiresAt = Math.min(wholeSeconds(now + SERVER_LIFETIME_MS), issuer.notAfter.getTime());
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: ['Gatehouse'] }],
    issuer: issuer.subjectName,
    notBefore: new Date(wholeSeconds(now - BACKDATED_MS)),
    notAfter: new Date(expiresAt),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: SIGNATURE,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }))),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { privateKey: privatePem(keys.privateKey), certificate: pem(certificate), expiresAt };
}

/** The DNS names and IP addresses of a certificate, in the form in which they compare. */
export function namesOfCertificate(certificate: string): string[] {
  const names = new X509Certificate(certificate).getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
  return canonicalNames(names.filter(({ type }) => type === 'dns' || type === 'ip').map(({ value }) => value));
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
}

function privatePem(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString();
}

function pem(certificate: X509Certificate): string {
  return `${certificate.toString('pem').trim()}\n`;
}

/** Positive and at most 20 octets: RFC 5280, section 4.1.2.2. Never the same twice without anyone counting. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  // The top bit is the sign, and a leading zero would be lost.
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

/** Certificates count in seconds. */
function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
