import { type KeyObject, constants, createHmac, sign } from 'node:crypto';
import { Tag, encode } from 'cbor2';
import type { Subject } from '#trust/format.ts';
import { NOW, type Party } from '../x509/authority.ts';

/** What stands under the signature, as JWS writes it: a date for a time, undefined for what is left out. */
export type Header = Readonly<Record<string, unknown>>;

/** An envelope to be made: right in everything that is not wished otherwise. */
export interface EnvelopeWishes {
  /** Leaf first. */
  readonly chain: readonly Party[];
  readonly subject: Subject;
  /** Replaces or adds to the payload's target, or is the whole payload when it is a text. */
  readonly target?: Readonly<Record<string, unknown>> | string;
  readonly header?: Header;
  readonly unprotected?: Readonly<Record<string, unknown>>;
  /** Signs with that instead of the leaf's key. */
  readonly key?: KeyObject;
  /** Makes the signature instead of the leaf's key. */
  readonly signWith?: (signed: Uint8Array) => Uint8Array;
}

export type EnvelopeFormat = 'jws' | 'cose';

export const NOTARY = 'io.cncf.notary.';
export const SCHEME = `${NOTARY}signingScheme`;
export const SIGNING_TIME = `${NOTARY}signingTime`;
export const AUTHENTIC_TIME = `${NOTARY}authenticSigningTime`;
export const EXPIRY = `${NOTARY}expiry`;
export const PLUGIN = `${NOTARY}verificationPlugin`;
export const STAMP = `${NOTARY}timestampSignature`;
export const PAYLOAD_TYPE = 'application/vnd.cncf.notary.payload.v1+json';

/** What a signing authority writes instead of what others write. */
export const BY_AUTHORITY: Header = {
  [SCHEME]: 'notary.x509.signingAuthority',
  [SIGNING_TIME]: undefined,
  [AUTHENTIC_TIME]: new Date(NOW - 60_000),
  crit: [SCHEME, AUTHENTIC_TIME],
};

export const expiring = (at: number): Header => ({ [EXPIRY]: new Date(at), crit: [SCHEME, EXPIRY] });

const NUMBERS: Readonly<Record<string, number>> = {
  PS256: -37,
  PS384: -38,
  PS512: -39,
  ES256: -7,
  ES384: -35,
  ES512: -36,
  EdDSA: -8,
  RS256: -257,
  HS256: 5,
  none: 0,
};

const OF_CURVES: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };

function algorithmOf(key: KeyObject): string {
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA';
  return OF_CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? 'PS256';
}

/** Signs as the algorithm says, whatever becomes of it. */
export function signAs(algorithm: string, key: KeyObject, signed: Uint8Array): Uint8Array {
  if (algorithm === 'none') return new Uint8Array();
  const bits = algorithm.slice(2);
  if (algorithm.startsWith('HS')) return createHmac(`sha${bits}`, 'a secret').update(signed).digest();
  if (algorithm.startsWith('RS')) return sign(`sha${bits}`, signed, key);
  if (algorithm.startsWith('ES')) return sign(`sha${bits}`, signed, { key, dsaEncoding: 'ieee-p1363' });
  if (algorithm === 'EdDSA') return sign(null, signed, key);
  return sign(`sha${bits}`, signed, {
    key,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  });
}

interface Parts {
  readonly header: Header;
  readonly payload: Buffer;
  readonly certificates: readonly Buffer[];
  readonly signer: (signed: Uint8Array) => Uint8Array;
}

function partsOf(wishes: EnvelopeWishes): Parts {
  const { chain, subject, target = {}, header = {}, key = chain[0]?.privateKey, signWith } = wishes;
  if (key === undefined) throw new Error('expected a chain');
  const { mediaType, digest, sizeBytes: size } = subject;
  const whole =
    typeof target === 'string' ? target : JSON.stringify({ targetArtifact: { mediaType, digest, size, ...target } });
  const full: Header = {
    alg: algorithmOf(key),
    crit: [SCHEME],
    cty: PAYLOAD_TYPE,
    [SCHEME]: 'notary.x509',
    [SIGNING_TIME]: new Date(NOW - 60_000),
    ...header,
  };
  return {
    header: Object.fromEntries(Object.entries(full).filter(([, value]) => value !== undefined)),
    payload: Buffer.from(whole),
    certificates: chain.map((one) => one.certificate.raw),
    signer: signWith ?? ((signed) => signAs(String(full['alg']), key, signed)),
  };
}

/** The parts of an envelope in JSON, which a test may bend before it writes them. */
export function aJws(wishes: EnvelopeWishes) {
  const { header, payload, certificates, signer } = partsOf(wishes);
  const covered = Buffer.from(JSON.stringify(header)).toString('base64url');
  const content = payload.toString('base64url');
  return {
    payload: content,
    protected: covered,
    header: { x5c: certificates.map((one) => one.toString('base64')), ...wishes.unprotected },
    signature: Buffer.from(signer(Buffer.from(`${covered}.${content}`))).toString('base64url'),
  };
}

const CBOR_LABELS: Readonly<Record<string, number>> = { alg: 1, crit: 2, cty: 3 };

/** The four parts of an envelope in CBOR, which a test may bend before it tags and writes them. */
export function aCose(wishes: EnvelopeWishes): [Uint8Array, Map<unknown, unknown>, Uint8Array, Uint8Array] {
  const { header, payload, certificates, signer } = partsOf(wishes);
  const entries = Object.entries(header).map(([name, value]): [unknown, unknown] => [
    CBOR_LABELS[name] ?? name,
    value instanceof Date
      ? new Tag(1, Math.floor(value.getTime() / 1000))
      : name === 'alg'
        ? NUMBERS[String(value)]
        : value,
  ]);
  const covered = encode(new Map(entries));
  const beside = new Map<unknown, unknown>([[33, certificates.map((one) => new Uint8Array(one))]]);
  for (const [name, value] of Object.entries(wishes.unprotected ?? {})) beside.set(name, value);
  const content = new Uint8Array(payload);
  const signed = encode(['Signature1', covered, new Uint8Array(), content]);
  return [covered, beside, content, new Uint8Array(signer(signed))];
}

/** An envelope as it is stored. */
export function anEnvelope(format: EnvelopeFormat, wishes: EnvelopeWishes): Uint8Array {
  if (format === 'jws') return Buffer.from(JSON.stringify(aJws(wishes)));
  return encode(new Tag(18, aCose(wishes)));
}
