import type { KeyObject, X509Certificate } from 'node:crypto';
import {
  EXTENSION,
  type KeyUsage,
  basicConstraintsOf,
  extendedKeyUsageOf,
  fieldsOf,
  keyUsageOf,
} from './certificate.ts';
import { DerError } from './der.ts';
import { STRONG_SIGNATURE, isStrong } from './signature-algorithm.ts';
import { subjectText } from './subject.ts';

/** Where to look for issuers, and who needs none. */
export interface PathOptions {
  /** Issuers that somebody sent along; they vouch for nobody unless an anchor vouches for them. */
  readonly pool: readonly X509Certificate[];
  readonly anchors: readonly X509Certificate[];
  /** Why a certificate may not issue what it is to issue here; `below` counts the authorities between it and the leaf. */
  problemOf(issuer: X509Certificate, below: number): string | undefined;
}

// Public hierarchies have 3 or 4.
const CHAIN_LENGTH_MAX = 10;
// Each costs about a tenth of a millisecond; a chain takes as many as it has links.
const SIGNATURES_MAX = 100;

const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

/** What a code signing certificate must not be for as well. Notary Project, signature-specification.md v1.1.0. */
const FOREIGN_PURPOSES: ReadonlyMap<string, string> = new Map([
  ['2.5.29.37.0', 'anyExtendedKeyUsage'],
  ['1.3.6.1.5.5.7.3.1', 'serverAuth'],
  ['1.3.6.1.5.5.7.3.2', 'clientAuth'],
  ['1.3.6.1.5.5.7.3.4', 'emailProtection'],
  ['1.3.6.1.5.5.7.3.8', 'timeStamping'],
  ['1.3.6.1.5.5.7.3.9', 'OCSPSigning'],
]);

/**
 * Why a chain, leaf first, is none for signing code, whoever its root is and whatever the time; undefined when it is.
 * Notary Project, signature-specification.md v1.1.0, "Certificate Requirements": names, policies and their constraints
 * are not looked at.
 */
export function codeSigningProblem(chain: readonly X509Certificate[]): string | undefined {
  if (chain.length === 0) return 'expected a certificate, found none';
  if (chain.length > CHAIN_LENGTH_MAX)
    return `expected at most ${CHAIN_LENGTH_MAX} certificates, found ${chain.length}`;
  return inWords(() => {
    for (const [position, certificate] of chain.entries()) {
      const problem =
        linkProblem(chain, position) ??
        strengthProblem(certificate) ??
        (position === 0 ? leafProblem(certificate) : authorityProblem(certificate, position - 1));
      if (problem !== undefined) return `${subjectText(certificate)}: ${problem}`;
    }
    return undefined;
  });
}

/** Why not every certificate is valid at a moment, milliseconds since the epoch; undefined when every one is. */
export function validAt(chain: readonly X509Certificate[], at: number): string | undefined {
  return inWords(() => {
    for (const certificate of chain) {
      const [start, end] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()];
      // Its last second counts as a whole.
      if (at >= start && at < end + 1000) continue;
      const found = `valid from ${isoOf(start)} to ${isoOf(end)}`;
      return `${subjectText(certificate)}: ${found}, not at ${isoOf(at)}`;
    }
    return undefined;
  });
}

/** Why a certificate may not issue certificates with so many authorities below; undefined when it may. @throws {DerError} */
export function authorityProblem(certificate: X509Certificate, below: number): string | undefined {
  const constraints = basicConstraintsOf(certificate);
  if (constraints === undefined || !constraints.isAuthority) return 'expected a certificate authority';
  if (fieldsOf(certificate).extensions.get(EXTENSION.basicConstraints)?.isCritical !== true) {
    return 'expected its basic constraints to be critical';
  }
  if (constraints.pathLength !== undefined && constraints.pathLength < below) {
    return `expected a path length of at least ${below}, found ${constraints.pathLength}`;
  }
  return keyUsageProblem(certificate, 'keyCertSign');
}

/** Why its key usage is not critical, or lacks this one; undefined when it has it. @throws {DerError} */
export function keyUsageProblem(certificate: X509Certificate, wanted: KeyUsage): string | undefined {
  const usage = keyUsageOf(certificate);
  if (usage === undefined) return 'expected a key usage, found none';
  if (fieldsOf(certificate).extensions.get(EXTENSION.keyUsage)?.isCritical !== true) {
    return 'expected its key usage to be critical';
  }
  return usage.has(wanted) ? undefined : `expected the key usage ${wanted}, found ${[...usage].join(', ')}`;
}

/** Why key or signature of a certificate are too weak; undefined when they are not. @throws {DerError} */
export function strengthProblem(certificate: X509Certificate): string | undefined {
  if (!isStrong(fieldsOf(certificate).signatureAlgorithm)) return `expected ${STRONG_SIGNATURE}`;
  return keyProblem(certificate.publicKey);
}

/** Whether the issuer signed it, by name and by signature. @throws {DerError} */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  const names = [fieldsOf(certificate).issuer.bytes, fieldsOf(issuer).subject.bytes] as const;
  return Buffer.compare(...names) === 0 && hasSignatureOf(certificate, issuer);
}

/**
 * The certificates from a leaf to an anchor, both of them in it.
 *
 * @returns words when there is no such chain
 */
export function pathToAnchor(leaf: X509Certificate, options: PathOptions): readonly X509Certificate[] | string {
  const issuers = [...options.anchors, ...options.pool];
  let problem = `expected a chain from ${subjectText(leaf)} to an authority that is trusted`;
  let signaturesLeft = SIGNATURES_MAX;
  const walk = (chain: readonly X509Certificate[]): readonly X509Certificate[] | undefined => {
    const last = chain.at(-1) ?? leaf;
    if (options.anchors.some((anchor) => anchor.raw.equals(last.raw))) return chain;
    if (chain.length === CHAIN_LENGTH_MAX) return undefined;
    for (const issuer of issuers) {
      if (chain.some((one) => one.raw.equals(issuer.raw))) continue;
      if (Buffer.compare(fieldsOf(last).issuer.bytes, fieldsOf(issuer).subject.bytes) !== 0) continue;
      if (signaturesLeft === 0) return undefined;
      signaturesLeft -= 1;
      if (!hasSignatureOf(last, issuer)) continue;
      const found = options.problemOf(issuer, chain.length - 1);
      if (found !== undefined) problem = `${subjectText(issuer)}: ${found}`;
      const whole = found === undefined ? walk([...chain, issuer]) : undefined;
      if (whole !== undefined) return whole;
    }
    return undefined;
  };
  return walk([leaf]) ?? problem;
}

/** A moment as people read it. */
export function isoOf(at: number): string {
  return Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : `${at} ms`;
}

function linkProblem(chain: readonly X509Certificate[], position: number): string | undefined {
  const certificate = chain[position];
  const issuer = chain[position + 1];
  if (certificate === undefined) return 'expected a certificate';
  if (issuer === undefined) {
    return isIssuedBy(certificate, certificate) ? undefined : 'expected the last certificate to be self-signed';
  }
  if (isIssuedBy(certificate, certificate)) return 'expected only the last certificate to be self-signed';
  return isIssuedBy(certificate, issuer) ? undefined : 'expected the next certificate to have issued it';
}

function leafProblem(certificate: X509Certificate): string | undefined {
  if (basicConstraintsOf(certificate)?.isAuthority === true) return 'expected a signer, found a certificate authority';
  const problem = keyUsageProblem(certificate, 'digitalSignature');
  if (problem !== undefined) return problem;
  const usages = [...(keyUsageOf(certificate) ?? [])];
  const foreign = usages.find((usage) => usage !== 'digitalSignature' && usage !== 'nonRepudiation');
  if (foreign !== undefined) return `expected a key for signatures only, found the key usage ${foreign}`;
  const purpose = extendedKeyUsageOf(certificate)?.find((oid) => FOREIGN_PURPOSES.has(oid));
  if (purpose === undefined) return undefined;
  return `expected a key for signing code, found the extended key usage ${FOREIGN_PURPOSES.get(purpose)}`;
}

/** Why a key is too weak, or of another kind; undefined when it is not. */
export function keyProblem(key: KeyObject): string | undefined {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= 2048) return undefined;
  if (key.asymmetricKeyType === 'ec' && CURVES.has(namedCurve)) return undefined;
  const found = `${key.asymmetricKeyType} ${namedCurve === '' ? modulusLength : namedCurve}`;
  return `expected a key of RSA with 2048 bits or more, P-256, P-384 or P-521, found ${found}`;
}

function hasSignatureOf(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.verify(issuer.publicKey);
  } catch {
    // OpenSSL throws for a key of another kind.
    return false;
  }
}

/** What cannot be read is a problem, too. */
function inWords(find: () => string | undefined): string | undefined {
  try {
    return find();
  } catch (error) {
    if (error instanceof DerError) return `a certificate cannot be read: ${error.message}`;
    return 'a certificate cannot be read';
  }
}
