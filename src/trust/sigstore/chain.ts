import { VerificationError } from '../testimony.ts';
import { type Authority, isWithin } from './anchors.ts';
import { type Certificate, holdsAt, isAuthority } from './certificate.ts';

const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';

/** From a certificate to what is trusted, and who that is. */
export interface Chain {
  readonly authority: Authority;
  /** What signed the certificate itself. */
  readonly issuer: Certificate;
}

/**
 * Whether a certificate is one for signing code, and no authority.
 *
 * @throws {VerificationError} authenticity: it is not
 */
export function checkPurpose({ node, parsed }: Certificate): void {
  if (node.ca || parsed.extBasicConstraints?.isCA === true) {
    throw new VerificationError(
      'authenticity',
      'the certificate is that of an authority, which signs nothing but certificates',
    );
  }
  if (!(node.keyUsage ?? []).includes(CODE_SIGNING)) {
    throw new VerificationError('authenticity', 'the certificate is not for signing code');
  }
  if (parsed.extKeyUsage?.digitalSignature === false) {
    throw new VerificationError('authenticity', 'the key of the certificate is not for signatures');
  }
}

/**
 * The way from a certificate to an authority, every step of it good at that time. Certificates between come from the
 * trusted root alone, whatever a signature brings. RFC 5280, section 6.1.
 *
 * @param at milliseconds since the epoch
 * @throws {VerificationError} authenticity: there is none
 */
export function chainOf(leaf: Certificate, authorities: readonly Authority[], at: number): Chain {
  const reasons = new Set<string>();
  for (const authority of authorities) {
    for (const path of pathsOf([leaf], authority.chain)) {
      const [, issuer] = path;
      const reason = pathFault(path, authority, at);
      if (reason === undefined && issuer !== undefined) return { authority, issuer };
      reasons.add(reason ?? 'the certificate vouches for itself');
    }
  }
  const why = reasons.size === 0 ? 'no authority of the root issued the certificate' : [...reasons].join('; ');
  throw new VerificationError('authenticity', why);
}

/** Every way from the last of a path to the last of the chain. */
function* pathsOf(path: readonly Certificate[], chain: readonly Certificate[]): Generator<readonly Certificate[]> {
  const last = path.at(-1);
  for (const issuer of chain) {
    if (last === undefined || path.includes(issuer) || !isIssuedBy(last, issuer)) continue;
    const longer = [...path, issuer];
    if (issuer === chain.at(-1)) yield longer;
    else yield* pathsOf(longer, chain);
  }
}

function isIssuedBy({ node }: Certificate, { node: issuer }: Certificate): boolean {
  return node.checkIssued(issuer) && node.verify(issuer.publicKey);
}

/** What is wrong with a path at a time, leaf first; undefined for nothing. */
function pathFault(path: readonly Certificate[], authority: Authority, at: number): string | undefined {
  const when = new Date(at).toISOString();
  if (!isWithin(authority.validFor, at)) return `${authority.name} was not trusted at ${when}`;
  if (!path.every((certificate) => holdsAt(certificate, at)))
    return `a certificate of the chain was not valid at ${when}`;
  for (const [depth, certificate] of path.entries()) {
    if (depth === 0) continue;
    if (!isAuthority(certificate)) return 'a certificate of the chain is not one of an authority';
    const { pathLenConstraint } = certificate.parsed.extBasicConstraints ?? {};
    if (pathLenConstraint !== undefined && pathLenConstraint < depth - 1) return 'the chain is longer than it may be';
    const usages = certificate.node.keyUsage;
    if (usages !== undefined && !usages.includes(CODE_SIGNING)) return 'the authority is not one for signing code';
  }
  return undefined;
}
