import 'reflect-metadata';
import { KeyObject, createPrivateKey, webcrypto } from 'node:crypto';
import {
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type GeneralNameType,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { type KeyPair, makeAuthority } from '#tls/authority.ts';

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
export const HOUR_MS = 60 * 60_000;
export const DAY_MS = 24 * HOUR_MS;

export interface CertificateWishes {
  /** Common names. */
  readonly commonNames?: readonly string[];
  readonly names?: readonly { readonly type: GeneralNameType; readonly value: string }[];
  /** Object identifiers of the extended key usage; `none` for a certificate without that extension. */
  readonly usages?: readonly string[] | 'none';
  /** Milliseconds since the epoch. */
  readonly from?: number;
  readonly until?: number;
  readonly more?: readonly Extension[];
}

export const CLIENT_USAGE = String(ExtendedKeyUsage.clientAuth);
export const SERVER_USAGE = String(ExtendedKeyUsage.serverAuth);

/** An authority nobody else has. */
export async function anAuthority(now = Date.now()): Promise<KeyPair> {
  return await makeAuthority(now);
}

/** A certificate with whatever is wished for, for a client and valid now unless said otherwise. */
export async function aCertificate(authority: KeyPair, wishes: CertificateWishes = {}): Promise<KeyPair> {
  const { commonNames = [], names = [], usages = [CLIENT_USAGE], more = [] } = wishes;
  const { from = Date.now() - HOUR_MS, until = Date.now() + HOUR_MS } = wishes;
  const keys = await webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
  const extensions: Extension[] = [...more];
  if (names.length > 0) extensions.push(new SubjectAlternativeNameExtension([...names]));
  if (usages !== 'none') extensions.push(new ExtendedKeyUsageExtension([...usages]));
  const certificate = await X509CertificateGenerator.create({
    subject: commonNames.map((name) => ({ CN: [name] })),
    issuer: new X509Certificate(authority.certificate).subjectName,
    notBefore: new Date(from),
    notAfter: new Date(until),
    publicKey: keys.publicKey,
    signingKey: createPrivateKey(authority.privateKey).toCryptoKey(ECDSA, false, ['sign']),
    signingAlgorithm: ECDSA,
    extensions,
  });
  const privateKey = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString();
  return { privateKey, certificate: certificate.toString('pem'), expiresAt: until };
}

/** A certificate for a server on this machine. */
export async function aServerCertificate(authority: KeyPair, wishes: CertificateWishes = {}): Promise<KeyPair> {
  const names = [
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
  ] as const;
  return await aCertificate(authority, { names, usages: [SERVER_USAGE], ...wishes });
}
