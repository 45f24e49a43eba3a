import 'reflect-metadata';
import { type KeyObject, X509Certificate, generateKeyPairSync, type webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonNameParams,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  X509Certificate as ParsedCertificate,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  type X509CrlEntryParams,
  X509CrlGenerator,
} from '@peculiar/x509';

/** A moment at which everything made here is valid unless something else is wished for. */
export const NOW = Date.UTC(2026, 5, 1, 12);
export const DAY_MS = 24 * 60 * 60_000;

/** Somebody with a key and a certificate for it. */
export interface Party {
  readonly certificate: X509Certificate;
  readonly privateKey: KeyObject;
}

export type KeyKind = 'P-256' | 'P-384' | 'P-521' | 'RSA-1024' | 'RSA-2048' | 'RSA-3072' | 'Ed25519';

export interface CertificateWishes {
  /** Root of the tree first. */
  readonly subject?: JsonNameParams;
  readonly key?: KeyKind;
  /** Somebody whose key it has, instead of a new one. */
  readonly keyOf?: Party;
  /** Milliseconds since the epoch. */
  readonly from?: number;
  readonly until?: number;
  /** Hex. */
  readonly serialNumber?: string;
  /** All there are; a key identifier is added. */
  readonly extensions?: readonly Extension[];
  readonly hash?: 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512';
}

export const { digitalSignature, nonRepudiation, keyCertSign, cRLSign } = KeyUsageFlags;

export function keyUsage(flags: number, isCritical = true): Extension {
  return new KeyUsagesExtension(flags, isCritical);
}

export function basicConstraints(isAuthority: boolean, pathLength?: number, isCritical = true): Extension {
  return new BasicConstraintsExtension(isAuthority, pathLength, isCritical);
}

export function extendedKeyUsage(purposes: readonly string[], isCritical = false): Extension {
  return new ExtendedKeyUsageExtension([...purposes], isCritical);
}

export const AUTHORITY_EXTENSIONS: readonly Extension[] = [basicConstraints(true), keyUsage(keyCertSign | cRLSign)];
export const SIGNER_EXTENSIONS: readonly Extension[] = [
  keyUsage(digitalSignature),
  extendedKeyUsage([ExtendedKeyUsage.codeSigning]),
];
export const TIME_STAMPING_EXTENSIONS: readonly Extension[] = [
  keyUsage(digitalSignature),
  extendedKeyUsage([ExtendedKeyUsage.timeStamping], true),
];

let count = 0;

/** A certificate from an issuer; from undefined, it is self-signed. A signer's for code unless wished otherwise. */
export async function aCertificate(issuer: Party | undefined, wishes: CertificateWishes = {}): Promise<Party> {
  count += 1;
  const keys = wishes.keyOf ?? keyPair(wishes.key ?? 'P-256');
  const publicKey = 'publicKey' in keys ? keys.publicKey : keys.certificate.publicKey;
  const subject = new Name([...(wishes.subject ?? [{ CN: [`party ${count}`] }])]);
  const signer = issuer?.privateKey ?? keys.privateKey;
  const algorithm = algorithmOf(signer, wishes.hash);
  const cryptoKey = publicKey.toCryptoKey(algorithmOf(publicKey), true, ['verify']);
  const made = await X509CertificateGenerator.create({
    serialNumber: wishes.serialNumber ?? (0x100000 + count).toString(16),
    subject,
    issuer: issuer === undefined ? subject : subjectOf(issuer.certificate),
    notBefore: new Date(wishes.from ?? NOW - 30 * DAY_MS),
    notAfter: new Date(wishes.until ?? NOW + 365 * DAY_MS),
    publicKey: cryptoKey,
    signingKey: signer.toCryptoKey(algorithm, false, ['sign']),
    signingAlgorithm: algorithm,
    extensions: [...(wishes.extensions ?? SIGNER_EXTENSIONS), await SubjectKeyIdentifierExtension.create(cryptoKey)],
  });
  return { certificate: new X509Certificate(Buffer.from(made.rawData)), privateKey: keys.privateKey };
}

/** A certificate authority; without an issuer, a root. */
export async function anAuthority(issuer?: Party, wishes: CertificateWishes = {}): Promise<Party> {
  return await aCertificate(issuer, { extensions: AUTHORITY_EXTENSIONS, ...wishes });
}

/** Leaf first, root last, with what is wished for each of them. */
export async function aChain(
  wishes: {
    readonly leaf?: CertificateWishes;
    readonly root?: CertificateWishes;
    /** From the root down; one unless said otherwise. */
    readonly intermediates?: readonly CertificateWishes[];
  } = {},
): Promise<readonly [Party, ...Party[]]> {
  const authorities = [await anAuthority(undefined, wishes.root)];
  for (const wish of wishes.intermediates ?? [{}]) authorities.unshift(await anAuthority(authorities[0], wish));
  return [await aCertificate(authorities[0], wishes.leaf), ...authorities];
}

export function certificatesOf(parties: readonly Party[]): X509Certificate[] {
  return parties.map(({ certificate }) => certificate);
}

/** PEM of certificates, one after the other. */
export function pemOf(parties: readonly Party[]): string {
  return parties.map(({ certificate }) => certificate.toString()).join('');
}

export interface ListWishes {
  /** Two days ago, unless said otherwise. */
  readonly revoked?: readonly (Partial<X509CrlEntryParams> & { readonly party: Party })[];
  /** Milliseconds since the epoch. */
  readonly from?: number;
  /** `never` for a list that does not say when the next one comes. */
  readonly until?: number | 'never';
  readonly extensions?: readonly Extension[];
  readonly hash?: 'SHA-1' | 'SHA-256';
  /** Whose key signs it instead of the issuer's. */
  readonly signedBy?: Party;
}

/** A certificate revocation list in DER. */
export async function aRevocationList(issuer: Party, wishes: ListWishes = {}): Promise<Buffer> {
  const key = (wishes.signedBy ?? issuer).privateKey;
  const algorithm = algorithmOf(key, wishes.hash);
  const list = await X509CrlGenerator.create({
    issuer: subjectOf(issuer.certificate),
    thisUpdate: new Date(wishes.from ?? NOW - DAY_MS),
    ...(wishes.until === 'never' ? {} : { nextUpdate: new Date(wishes.until ?? NOW + 6 * DAY_MS) }),
    entries: (wishes.revoked ?? []).map(({ party, ...entry }) => ({
      revocationDate: new Date(NOW - 2 * DAY_MS),
      serialNumber: party.certificate.serialNumber,
      ...entry,
    })),
    extensions: [...(wishes.extensions ?? [])],
    signingAlgorithm: algorithm,
    signingKey: key.toCryptoKey(algorithm, false, ['sign']),
  });
  return Buffer.from(list.rawData);
}

function keyPair(kind: KeyKind): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  if (kind === 'Ed25519') return generateKeyPairSync('ed25519');
  if (kind.startsWith('RSA-')) return generateKeyPairSync('rsa', { modulusLength: Number(kind.slice(4)) });
  return generateKeyPairSync('ec', { namedCurve: kind });
}

const CURVES: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };
const ALGORITHMS: Readonly<Record<string, string>> = { ec: 'ECDSA', rsa: 'RSASSA-PKCS1-v1_5', ed25519: 'Ed25519' };

function algorithmOf(key: KeyObject, hash = 'SHA-256'): webcrypto.EcKeyImportParams & { hash: string } {
  const namedCurve = CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? '';
  const name = ALGORITHMS[key.asymmetricKeyType ?? ''] ?? '';
  return { name, namedCurve, hash };
}

function subjectOf(certificate: X509Certificate): Name {
  return new ParsedCertificate(certificate.raw).subjectName;
}
