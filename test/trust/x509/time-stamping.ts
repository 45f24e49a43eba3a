import { type X509Certificate, createHash, sign } from 'node:crypto';
import {
  type AsnType,
  Boolean,
  Constructed,
  Integer,
  Null,
  ObjectIdentifier,
  OctetString,
  Primitive,
  Sequence,
  Set,
  fromBER,
} from 'asn1js';
import { fieldsOf } from '#trust/x509/certificate.ts';
import {
  type CertificateWishes,
  NOW,
  type Party,
  TIME_STAMPING_EXTENSIONS,
  aCertificate,
  anAuthority,
} from './authority.ts';

/** Somebody who tells the time, and who vouches for that. */
export interface TimeStampAuthority {
  readonly signer: Party;
  readonly root: Party;
}

export async function aTimeStampAuthority(
  wishes: { readonly signer?: CertificateWishes; readonly root?: CertificateWishes } = {},
): Promise<TimeStampAuthority> {
  const root = await anAuthority(undefined, wishes.root);
  return { signer: await aCertificate(root, { extensions: TIME_STAMPING_EXTENSIONS, ...wishes.signer }), root };
}

type Hash = 'sha1' | 'sha256' | 'sha384' | 'sha512';

const HASHES: Readonly<Record<Hash, string>> = {
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
};
const SIGNATURES: Readonly<Record<string, Readonly<Record<Hash, string>>>> = {
  ec: {
    sha1: '1.2.840.10045.4.1',
    sha256: '1.2.840.10045.4.3.2',
    sha384: '1.2.840.10045.4.3.3',
    sha512: '1.2.840.10045.4.3.4',
  },
  rsa: {
    sha1: '1.2.840.113549.1.1.5',
    sha256: '1.2.840.113549.1.1.11',
    sha384: '1.2.840.113549.1.1.12',
    sha512: '1.2.840.113549.1.1.13',
  },
};

/** What an honest token would not have. */
export interface TokenWishes {
  /** Milliseconds since the epoch. */
  readonly at?: number;
  /** GeneralizedTime as it is written, whatever `at` is. */
  readonly time?: string;
  readonly accuracy?: { readonly seconds?: number; readonly millis?: number; readonly micros?: number };
  readonly policy?: string;
  readonly version?: number;
  readonly imprint?: { readonly hash: Hash; readonly value?: Uint8Array };
  /** Of the attributes and of the signature. */
  readonly hash?: Hash;
  /** In the token, besides none: the signer's is not added. */
  readonly certificates?: readonly X509Certificate[];
  /** Whose name and serial number the signer has. */
  readonly named?: X509Certificate;
  readonly byKeyIdentifier?: boolean;
  /** The certificate that the signed attributes name, with which version of that attribute. */
  readonly bound?: X509Certificate | 'none';
  readonly boundBy?: 'v1' | 'v2' | 'v2 with SHA-512' | 'v2 with issuer';
  readonly signers?: number;
  readonly contentType?: string;
  readonly attributeContentType?: string;
  readonly attributes?:
    | 'none'
    | 'without content type'
    | 'without message digest'
    | 'digest of something else'
    | 'twice';
  readonly signedBy?: Party;
}

/** A time stamp token that is really signed, for these bytes. RFC 3161. */
export function aTimeStamp({ signer }: TimeStampAuthority, signed: Uint8Array, wishes: TokenWishes = {}): Buffer {
  const content = tstInfo(signed, wishes);
  const { hash = 'sha256', certificates = [signer.certificate], signers = 1 } = wishes;
  const info = signerInfo(signer, content, wishes);
  const type = wishes.contentType ?? TST_INFO;
  return der(
    sequence(
      oid('1.2.840.113549.1.7.2'),
      tagged(
        0,
        sequence(
          new Integer({ value: 3 }),
          new Set({ value: [algorithm(HASHES[hash])] }),
          sequence(oid(type), tagged(0, octets(content))),
          tagged(0, ...certificates.map(({ raw }) => ready(raw))),
          new Set({ value: Array.from({ length: signers }, () => info) }),
        ),
      ),
    ),
  );
}

/** What an authority answers with. */
export function aTimeStampResponse(token: Uint8Array | undefined, status = 0): Buffer {
  return der(sequence(sequence(new Integer({ value: status })), ...(token === undefined ? [] : [ready(token)])));
}

const TST_INFO = '1.2.840.113549.1.9.16.1.4';

function tstInfo(signed: Uint8Array, wishes: TokenWishes): Buffer {
  const { imprint = { hash: 'sha256' }, at = NOW, accuracy } = wishes;
  const value = imprint.value ?? createHash(imprint.hash).update(signed).digest();
  const time =
    wishes.time ??
    new Date(at)
      .toISOString()
      .replaceAll(/[-:T]/g, '')
      .replace(/\.?0*Z$/, 'Z');
  return der(
    sequence(
      new Integer({ value: wishes.version ?? 1 }),
      oid(wishes.policy ?? '1.2.3.4'),
      sequence(algorithm(HASHES[imprint.hash]), octets(value)),
      new Integer({ value: 42 }),
      ready(Buffer.concat([Buffer.from([0x18, time.length]), Buffer.from(time)])),
      ...(accuracy === undefined ? [] : [accuracyOf(accuracy)]),
      new Boolean({ value: false }),
    ),
  );
}

function accuracyOf({ seconds, millis, micros }: NonNullable<TokenWishes['accuracy']>): AsnType {
  const numbers = [seconds, millis, micros].map((value) => (value === undefined ? undefined : new Integer({ value })));
  return sequence(
    ...numbers.flatMap((number, index) => {
      if (number === undefined) return [];
      const bytes = der(number);
      if (index > 0) bytes[0] = 0x7f + index;
      return [ready(bytes)];
    }),
  );
}

function signerInfo(signer: Party, content: Buffer, wishes: TokenWishes): AsnType {
  const { hash = 'sha256', named = signer.certificate } = wishes;
  const { privateKey } = wishes.signedBy ?? signer;
  const { issuer, serialNumber, keyIdentifier = Buffer.alloc(0) } = fieldsOf(named);
  const attributes = der(new Set({ value: attributesOf(signer, content, wishes) }));
  const signature = sign(hash, wishes.attributes === 'none' ? content : attributes, privateKey);
  const sent = Buffer.from(attributes);
  sent[0] = 0xa0;
  return sequence(
    new Integer({ value: 1 }),
    wishes.byKeyIdentifier === true
      ? new Primitive({ idBlock: { tagClass: 3, tagNumber: 0 }, valueHex: Uint8Array.from(keyIdentifier).buffer })
      : sequence(ready(issuer.bytes), ready(Buffer.from([2, serialNumber.length, ...serialNumber]))),
    algorithm(HASHES[hash]),
    ...(wishes.attributes === 'none' ? [] : [ready(sent)]),
    algorithm(SIGNATURES[privateKey.asymmetricKeyType ?? '']?.[hash] ?? ''),
    octets(signature),
  );
}

function attributesOf(signer: Party, content: Buffer, wishes: TokenWishes): AsnType[] {
  const { hash = 'sha256', attributes = 'as they should be' } = wishes;
  const digested = attributes === 'digest of something else' ? Buffer.from('something else') : content;
  const digest = octets(createHash(hash).update(digested).digest());
  const all: [string, AsnType][] = [];
  if (attributes !== 'without content type') {
    all.push(['1.2.840.113549.1.9.3', oid(wishes.attributeContentType ?? wishes.contentType ?? TST_INFO)]);
  }
  if (attributes !== 'without message digest') all.push(['1.2.840.113549.1.9.4', digest]);
  if (attributes === 'twice') all.push(['1.2.840.113549.1.9.4', digest]);
  const bound = wishes.bound ?? signer.certificate;
  if (bound !== 'none') all.push(boundTo(bound, wishes.boundBy ?? 'v2'));
  return all.map(([type, value]) => sequence(oid(type), new Set({ value: [value] })));
}

/** RFC 5035. */
function boundTo(certificate: X509Certificate, by: NonNullable<TokenWishes['boundBy']>): [string, AsnType] {
  const hash = by === 'v1' ? 'sha1' : by === 'v2 with SHA-512' ? 'sha512' : 'sha256';
  const { issuer, serialNumber } = fieldsOf(certificate);
  const serial = ready(Buffer.from([2, serialNumber.length, ...serialNumber]));
  const identifier = sequence(
    ...(by === 'v2 with SHA-512' ? [algorithm(HASHES[hash])] : []),
    octets(createHash(hash).update(certificate.raw).digest()),
    ...(by === 'v2 with issuer' ? [sequence(sequence(tagged(4, ready(issuer.bytes))), serial)] : []),
  );
  const type = by === 'v1' ? '1.2.840.113549.1.9.16.2.12' : '1.2.840.113549.1.9.16.2.47';
  return [type, sequence(sequence(identifier))];
}

function sequence(...value: readonly AsnType[]): Sequence {
  return new Sequence({ value: [...value] });
}

function tagged(tagNumber: number, ...value: readonly AsnType[]): Constructed {
  return new Constructed({ idBlock: { tagClass: 3, tagNumber }, value: [...value] });
}

function oid(value: string): ObjectIdentifier {
  return new ObjectIdentifier({ value });
}

function algorithm(value: string): Sequence {
  return sequence(oid(value), new Null());
}

function octets(bytes: Uint8Array): OctetString {
  return new OctetString({ valueHex: Uint8Array.from(bytes).buffer });
}

/** Something that is DER already. */
function ready(bytes: Uint8Array): AsnType {
  return fromBER(Uint8Array.from(bytes).buffer).result;
}

function der(value: AsnType): Buffer {
  return Buffer.from(value.toBER());
}
