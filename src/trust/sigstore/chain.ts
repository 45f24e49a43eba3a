import type { X509Certificate } from 'node:crypto';
import { VerificationError } from '../testimony.ts';
import { EXTENSION, basicConstraintsOf, extendedKeyUsageOf, fieldsOf } from '../x509/certificate.ts';
import {
  authorityProblem,
  isIssuedBy,
  isoOf,
  keyProblem,
  keyUsageProblem,
  pathToAnchor,
  strengthProblem,
  validAt,
} from '../x509/chain.ts';
import { STRONG_SIGNATURE, isStrong } from '../x509/signature-algorithm.ts';
import { type Authority, isWithin } from './anchors.ts';

const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';
const ALTERNATIVE_NAMES = '2.5.29.17';

/** RFC 5280, section 4.2: what is critical and not understood refuses the certificate. */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  EXTENSION.basicConstraints,
  EXTENSION.keyUsage,
  EXTENSION.extendedKeyUsage,
  ALTERNATIVE_NAMES,
]);

/** Who vouches for a certificate. */
export interface Voucher {
  readonly authority: Authority;
  /** What signed the certificate itself. */
  readonly issuer: X509Certificate;
}

/**
 * Whether a certificate is one for signing code, and no authority's.
 *
 * @throws {VerificationError} authenticity: it is not
 */
export function checkPurpose(leaf: X509Certificate): void {
  const isAuthority = leaf.ca || basicConstraintsOf(leaf)?.isAuthority === true;
  const isForCode = extendedKeyUsageOf(leaf)?.includes(CODE_SIGNING) === true;
  const problem =
    (isAuthority ? 'expected a signer, found a certificate authority' : undefined) ??
    (isForCode ? undefined : 'expected the extended key usage codeSigning') ??
    keyUsageProblem(leaf, 'digitalSignature') ??
    (isStrong(fieldsOf(leaf).signatureAlgorithm) ? undefined : `expected ${STRONG_SIGNATURE}`) ??
    criticalProblem(leaf);
  if (problem !== undefined) throw new VerificationError('authenticity', `the certificate: ${problem}`);
}

/**
 * The authority that a certificate leads to, every step of the way good at that time. Certificates between come from the
 * trusted root alone, whatever a signature brings. RFC 5280, section 6.1.
 *
 * @param at milliseconds since the epoch
 * @throws {VerificationError} authenticity: there is none
 */
export function voucherOf(leaf: X509Certificate, authorities: readonly Authority[], at: number): Voucher {
  const problems = new Set<string>();
  for (const authority of authorities) {
    const issuer = issuerAt(leaf, authority, at);
    if (typeof issuer !== 'string') return { authority, issuer };
    problems.add(issuer);
  }
  throw new VerificationError('authenticity', [...problems].join('; '));
}

/** What issued the leaf, on a good way to the authority; words when there is none. */
function issuerAt(leaf: X509Certificate, { name, chain, validFor }: Authority, at: number): X509Certificate | string {
  const path = pathToAnchor(leaf, {
    pool: chain.slice(0, -1),
    anchors: chain.slice(-1),
    problemOf: (issuer, below) => validityProblem(issuer, at) ?? issuerProblem(issuer, below),
  });
  if (typeof path === 'string') {
    // Fulcio gives its certificates no subject to speak of.
    return chain.some((issuer) => isIssuedBy(leaf, issuer)) ? path : 'no authority of the root issued the certificate';
  }
  const [, issuer] = path;
  if (issuer === undefined) return 'the certificate vouches for itself';
  if (!isWithin(validFor, at)) return `${name} was not trusted at ${isoOf(at)}`;
  return validityProblem(leaf, at) ?? issuer;
}

function validityProblem(certificate: X509Certificate, at: number): string | undefined {
  return validAt([certificate], at) === undefined ? undefined : `expected it to be valid at ${isoOf(at)}`;
}

function issuerProblem(issuer: X509Certificate, below: number): string | undefined {
  const usages = extendedKeyUsageOf(issuer);
  if (usages !== undefined && !usages.includes(CODE_SIGNING))
    return 'expected an authority that may certify code signing';
  // Nobody looks at what a root says of itself, with whatever hash it said it long ago.
  const strength = isIssuedBy(issuer, issuer) ? keyProblem(issuer.publicKey) : strengthProblem(issuer);
  return authorityProblem(issuer, below) ?? strength ?? criticalProblem(issuer);
}

function criticalProblem(certificate: X509Certificate): string | undefined {
  for (const [oid, { isCritical }] of fieldsOf(certificate).extensions) {
    if (isCritical && !UNDERSTOOD.has(oid)) return `expected no critical extension ${oid}`;
  }
  return undefined;
}
