import 'reflect-metadata';
import { type KeyPairKeyObjectResult, createHash, generateKeyPairSync, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
// From its own file: the package's index loads nock, which lays its hands on node:http.
import { initializeCTLog } from '@sigstore/mock/dist/fulcio/ctlog.js';
import { Constructed, ObjectIdentifier, OctetString, Sequence, Utf8String } from 'asn1js';

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';
const OTHER_NAME = '1.3.6.1.4.1.57264.1.7';
const MINUTE_MS = 60_000;
const YEAR_MS = 365 * 24 * 60 * MINUTE_MS;

/** From when until when, milliseconds since the epoch. */
export interface Span {
  readonly from: number;
  readonly until: number;
}

/** What a signing certificate says; everything has a sound value that may be replaced. */
export interface LeafWishes {
  readonly identity?: string;
  readonly identityType?: 'email' | 'url' | 'dns' | 'upn' | 'otherName' | 'none' | 'both';
  /** `none` leaves the issuer out. */
  readonly issuer?: string;
  readonly issuerForm?: 'both' | 'v1' | 'v2' | 'none';
  readonly usages?: readonly string[] | 'none';
  readonly isCa?: boolean;
  readonly keyUsage?: number;
  /** What the authority signs it with. */
  readonly certificateHash?: 'SHA-1';
  readonly span?: Span;
  readonly more?: readonly Extension[];
  /** Whose time stamps it carries. */
  readonly scts?: readonly SctWish[];
}

/** A certificate time stamp: by which log, when, and over which certificate if not over the one it is put into. */
export interface SctWish {
  readonly log: KeyPairKeyObjectResult;
  readonly at: number;
  readonly over?: 'another certificate';
  /** Whose it pretends to be. */
  readonly logId?: Buffer;
}

/** A certificate authority as Fulcio is one: a root, an intermediate, and what the intermediate signs. */
export interface TestAuthority {
  /** DER, intermediate first. */
  readonly chain: readonly Buffer[];
  issue(publicKey: KeyPairKeyObjectResult['publicKey'], at: number, wishes: LeafWishes): Promise<Buffer>;
}

export interface AuthorityWishes {
  readonly name?: string;
  readonly intermediate?: Span;
  readonly intermediateIsCa?: boolean;
  readonly intermediateUsages?: readonly string[];
  readonly intermediateKeyUsage?: number;
  readonly intermediateMore?: readonly Extension[];
  readonly root?: Span;
  /** How many intermediates the root allows below it. */
  readonly pathLength?: number;
}

interface Keys {
  readonly publicKey: webcrypto.CryptoKey;
  readonly privateKey: webcrypto.CryptoKey;
}

/** An ECDSA key on P-256, as logs and authorities have one. */
export function aKeyPair(namedCurve = 'P-256'): KeyPairKeyObjectResult {
  return generateKeyPairSync('ec', { namedCurve });
}

/** Makes an authority whose certificates hold around `at`. */
export async function aTestAuthority(at: number, wishes: AuthorityWishes = {}): Promise<TestAuthority> {
  const span = { from: at - YEAR_MS, until: at + YEAR_MS };
  const rootKeys: Keys = await webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
  const keys: Keys = await webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
  const rootName = `CN=${wishes.name ?? 'test root'},O=gatehouse.test`;
  const name = `CN=${wishes.name ?? 'test'} intermediate,O=gatehouse.test`;
  const caUsage = KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign;
  const root = await certificate({
    subject: rootName,
    issuer: rootName,
    span: wishes.root ?? span,
    keys: rootKeys.publicKey,
    signer: rootKeys,
    extensions: [
      new BasicConstraintsExtension(true, wishes.pathLength ?? 1, true),
      new KeyUsagesExtension(caUsage, true),
    ],
  });
  const intermediate = await certificate({
    subject: name,
    issuer: rootName,
    span: wishes.intermediate ?? span,
    keys: keys.publicKey,
    signer: rootKeys,
    extensions: [
      new BasicConstraintsExtension(wishes.intermediateIsCa ?? true, 0, true),
      new KeyUsagesExtension(wishes.intermediateKeyUsage ?? caUsage, true),
      new ExtendedKeyUsageExtension([...(wishes.intermediateUsages ?? [CODE_SIGNING])]),
      ...(wishes.intermediateMore ?? []),
    ],
  });
  return {
    chain: [intermediate, root],
    async issue(publicKey, now, leaf) {
      return await issueLeaf({ issuer: name, keys }, { publicKey, now }, leaf);
    },
  };
}

async function issueLeaf(
  authority: { issuer: string; keys: Keys },
  request: { publicKey: KeyPairKeyObjectResult['publicKey']; now: number },
  wishes: LeafWishes,
): Promise<Buffer> {
  const spki = request.publicKey.export({ type: 'spki', format: 'der' });
  const span = wishes.span ?? { from: request.now, until: request.now + 10 * MINUTE_MS };
  const hash = wishes.certificateHash ?? 'SHA-256';
  const parts = { subject: '', issuer: authority.issuer, span, spki, signer: authority.keys, hash };
  const extensions = leafExtensions(wishes);
  extensions.push(await AuthorityKeyIdentifierExtension.create(authority.keys.publicKey));
  const issuerId = createHash('sha256')
    .update(Buffer.from(await spkiOf(authority.keys.publicKey)))
    .digest();
  const scts = await Promise.all(
    (wishes.scts ?? []).map(async ({ log, at, over, logId }) => {
      const submitted = await certificate({
        ...parts,
        extensions: over === undefined ? extensions : leafExtensions({ identity: 'https://another.test/' }),
      });
      const ctLog = await initializeCTLog(log, new Date(at));
      const sct = Buffer.from(await ctLog.log(exact(submitted), exact(issuerId)));
      // Behind two octets of length and one of version; not signed.
      logId?.copy(sct, 3);
      return sct;
    }),
  );
  if (scts.length > 0) extensions.push(sctExtension(scts));
  return await certificate({ ...parts, extensions });
}

function leafExtensions(wishes: LeafWishes): Extension[] {
  const usages = wishes.usages ?? [CODE_SIGNING];
  return [
    new KeyUsagesExtension(wishes.keyUsage ?? KeyUsageFlags.digitalSignature, true),
    ...(usages === 'none' ? [] : [new ExtendedKeyUsageExtension([...usages])]),
    ...(wishes.isCa === true ? [new BasicConstraintsExtension(true, 0, true)] : []),
    ...alternativeNames(wishes),
    ...issuerExtensions(wishes),
    ...(wishes.more ?? []),
  ];
}

function alternativeNames({ identity = 'https://ci.test/app@main', identityType = 'url' }: LeafWishes): Extension[] {
  if (identityType === 'none') return [];
  if (identityType === 'otherName') return [new Extension('2.5.29.17', true, otherName(identity))];
  if (identityType !== 'both')
    return [new SubjectAlternativeNameExtension([{ type: identityType, value: identity }], true)];
  const both = [
    { type: 'email', value: 'ci@ci.test' },
    { type: 'url', value: identity },
  ] as const;
  return [new SubjectAlternativeNameExtension([...both], true)];
}

/** GeneralNames with one otherName. RFC 5280, section 4.2.1.6. */
function otherName(value: string): ArrayBuffer {
  const tag = { tagClass: 3, tagNumber: 0 };
  const name = new Constructed({
    idBlock: tag,
    value: [
      new ObjectIdentifier({ value: OTHER_NAME }),
      new Constructed({ idBlock: tag, value: [new Utf8String({ value })] }),
    ],
  });
  return new Sequence({ value: [name] }).toBER();
}

function issuerExtensions({ issuer = 'https://issuer.test', issuerForm = 'both' }: LeafWishes): Extension[] {
  const v1 = new Extension('1.3.6.1.4.1.57264.1.1', false, Buffer.from(issuer));
  const v2 = new Extension('1.3.6.1.4.1.57264.1.8', false, new Utf8String({ value: issuer }).toBER());
  return { both: [v1, v2], v1: [v1], v2: [v2], none: [] }[issuerForm];
}

/** RFC 6962, section 3.3. */
function sctExtension(scts: readonly Buffer[]): Extension {
  const list = Buffer.concat(scts);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(list.length);
  const value = new OctetString({ valueHex: exact(Buffer.concat([length, list])) }).toBER();
  return new Extension('1.3.6.1.4.1.11129.2.4.2', false, value);
}

interface CertificateParts {
  readonly subject: string;
  readonly issuer: string;
  readonly span: Span;
  readonly keys?: webcrypto.CryptoKey;
  readonly spki?: Buffer;
  readonly signer: Keys;
  readonly extensions: readonly Extension[];
  readonly hash?: string;
}

async function certificate({
  hash = 'SHA-256',
  subject,
  issuer,
  span,
  keys,
  spki,
  signer,
  extensions,
}: CertificateParts): Promise<Buffer> {
  const own = keys === undefined ? [] : [await SubjectKeyIdentifierExtension.create(keys)];
  const made = await X509CertificateGenerator.create({
    serialNumber: '0a0b0c',
    subject,
    issuer,
    notBefore: new Date(span.from),
    notAfter: new Date(span.until),
    publicKey: keys ?? exact(spki ?? Buffer.alloc(0)),
    signingKey: signer.privateKey,
    signingAlgorithm: { ...ECDSA, hash },
    extensions: [...extensions, ...own],
  });
  return Buffer.from(made.rawData);
}

async function spkiOf(key: webcrypto.CryptoKey): Promise<ArrayBuffer> {
  return await webcrypto.subtle.exportKey('spki', key);
}

/** The bytes in a buffer that holds nothing else. */
function exact(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
