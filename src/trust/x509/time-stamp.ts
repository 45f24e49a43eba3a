import { type X509Certificate, createHash } from 'node:crypto';
import { VerificationError } from '../testimony.ts';
import { EXTENSION, basicConstraintsOf, extendedKeyUsageOf, fieldsOf } from './certificate.ts';
import {
  authorityProblem,
  isIssuedBy,
  isoOf,
  keyProblem,
  keyUsageProblem,
  pathToAnchor,
  strengthProblem,
  validAt,
} from './chain.ts';
import { DerError, TAG, oidOf } from './der.ts';
import { type HashName, STRONG_SIGNATURE, isSignedWith } from './signature-algorithm.ts';
import { subjectText } from './subject.ts';
import { type SignerInfo, TST_INFO, type TimeStampToken, isBoundTo, readTimeStamp } from './time-stamp-token.ts';

/** When something was signed, as an authority says that is trusted. Times are milliseconds since the epoch. */
export interface TimeStamp {
  readonly at: number;
  /** With the accuracy the authority claims: it was not before. */
  readonly earliest: number;
  /** It was not after. */
  readonly latest: number;
  /** Subject of its certificate. */
  readonly authority: string;
  /** Its certificate first, the anchor last. */
  readonly chain: readonly X509Certificate[];
}

/** What a time stamp is held against. */
export interface TimeStampOptions {
  /** The bytes that were stamped. */
  readonly signed: Uint8Array;
  /** Whoever chains up to one of these is trusted; they need not be roots. */
  readonly anchors: readonly X509Certificate[];
  /** Certificates that may lie between, or be the signer's, when the token has none. */
  readonly extra: readonly X509Certificate[];
  /** When the authority is trusted, both ends included. */
  readonly window?: { readonly start: number; readonly end: number | undefined };
}

const CONTENT_TYPE = '1.2.840.113549.1.9.3';
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4';
const TIME_STAMPING = '1.3.6.1.5.5.7.3.8';
const ANY_PURPOSE = '2.5.29.37.0';

const UNDERSTOOD: ReadonlySet<string> = new Set([
  EXTENSION.basicConstraints,
  EXTENSION.keyUsage,
  EXTENSION.extendedKeyUsage,
  EXTENSION.certificatePolicies,
]);

/**
 * Verifies a time stamp of RFC 3161, a token or an answer with one in it, at the time it tells.
 *
 * @throws {VerificationError} timestamp, whatever is wrong with it
 */
export async function verifyTimeStamp(der: Uint8Array, options: TimeStampOptions): Promise<TimeStamp> {
  try {
    return verified(readTimeStamp(der), options);
  } catch (error) {
    if (error instanceof VerificationError) throw error;
    const why = error instanceof DerError ? error.message : 'something in it cannot be read';
    throw new VerificationError('timestamp', `time stamp: ${why}`, { cause: error });
  }
}

function verified(token: TimeStampToken, options: TimeStampOptions): TimeStamp {
  const { at, accuracyMs, imprint, signer } = token;
  if (!isHashOf(imprint.value, imprint.hash, options.signed)) fail('it is for something else than this signature');
  const pool = [...token.certificates, ...options.extra];
  const leaf = signerOf(signer, [...pool, ...options.anchors]);
  const problem = attributesProblem(token) ?? signatureProblem(signer, leaf) ?? leafProblem(leaf);
  if (problem !== undefined) fail(problem);
  const chain = pathToAnchor(leaf, { pool, anchors: options.anchors, problemOf: issuerProblem });
  if (typeof chain === 'string') fail(chain);
  const early = validAt(chain, at);
  if (early !== undefined) fail(early);
  const { window } = options;
  if (window !== undefined && (at < window.start || (window.end !== undefined && at > window.end))) {
    fail(`its authority is not trusted at ${isoOf(at)}`);
  }
  return { at, earliest: at - accuracyMs, latest: at + accuracyMs, authority: subjectText(leaf), chain };
}

function fail(why: string): never {
  throw new VerificationError('timestamp', `time stamp: ${why}`);
}

/** The certificate that the signer names and the signed attributes are bound to: names alone are not signed. */
function signerOf(signer: SignerInfo, certificates: readonly X509Certificate[]): X509Certificate {
  const named = certificates.filter((certificate) => signer.names(certificate));
  if (named.length === 0) fail('expected the certificate of its signer, found none');
  const leaf = named.find((certificate) => isBoundTo(signer, certificate));
  return leaf ?? fail('its signed attributes name another certificate than its signer');
}

function attributesProblem({ content, signer }: TimeStampToken): string | undefined {
  const type = signer.attributes.get(CONTENT_TYPE);
  if (type === undefined || oidOf(type) !== TST_INFO) return 'expected the signed attribute content type';
  const digest = signer.attributes.get(MESSAGE_DIGEST);
  if (digest?.tag !== TAG.octetString) return 'expected the signed attribute message digest';
  return isHashOf(digest.content, signer.hash, content) ? undefined : 'its content is not what was signed';
}

function signatureProblem({ signed }: SignerInfo, leaf: X509Certificate): string | undefined {
  return isSignedWith(leaf.publicKey, signed) ? undefined : `expected ${STRONG_SIGNATURE} that verifies`;
}

/** RFC 3161, section 2.3: a certificate for this and nothing else, so that no other key of an authority tells the time. */
function leafProblem(leaf: X509Certificate): string | undefined {
  const purposes = extendedKeyUsageOf(leaf) ?? [];
  const { extensions } = fieldsOf(leaf);
  if (purposes.length !== 1 || purposes[0] !== TIME_STAMPING) {
    return 'expected a certificate whose extended key usage is timeStamping and nothing else';
  }
  if (extensions.get(EXTENSION.extendedKeyUsage)?.isCritical !== true) {
    return 'expected the extended key usage of its certificate to be critical';
  }
  if (basicConstraintsOf(leaf)?.isAuthority === true) return 'expected a signer, found a certificate authority';
  return keyUsageProblem(leaf, 'digitalSignature') ?? strengthProblem(leaf) ?? criticalProblem(leaf);
}

function issuerProblem(issuer: X509Certificate, below: number): string | undefined {
  const purposes = extendedKeyUsageOf(issuer);
  if (purposes !== undefined && !purposes.includes(TIME_STAMPING) && !purposes.includes(ANY_PURPOSE)) {
    return 'expected an authority that may certify time stamping';
  }
  // Nobody looks at what a root says of itself, with whatever hash it said it long ago.
  const strength = isIssuedBy(issuer, issuer) ? keyProblem(issuer.publicKey) : strengthProblem(issuer);
  return authorityProblem(issuer, below) ?? strength ?? criticalProblem(issuer);
}

/** RFC 5280, section 4.2: what is critical and not understood is refused. */
function criticalProblem(certificate: X509Certificate): string | undefined {
  const [unknown] =
    [...fieldsOf(certificate).extensions].find(([oid, { isCritical }]) => isCritical && !UNDERSTOOD.has(oid)) ?? [];
  return unknown === undefined ? undefined : `expected no critical extension ${unknown}`;
}

function isHashOf(value: Uint8Array, hash: HashName, of: Uint8Array): boolean {
  return Buffer.compare(value, createHash(hash).update(of).digest()) === 0;
}
