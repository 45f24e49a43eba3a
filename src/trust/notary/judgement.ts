import { hash } from 'node:crypto';
import type { Subject } from '../format.ts';
import type { X509Root } from '../root.ts';
import { type CheckResult, type Checks, type Signer, type Testimony, VerificationError } from '../testimony.ts';
import { codeSigningProblem } from '../x509/chain.ts';
import { revocationOf } from '../x509/revocation.ts';
import { subjectText } from '../x509/subject.ts';
import { type Attributes, type Scheme, readAttributes } from './attributes.ts';
import type { Envelope } from './envelope.ts';
import { type Look, earliest, momentOf } from './moment.ts';
import { type Target, checkTarget } from './payload.ts';
import { checkSignature } from './proof.ts';

/** The scheme each kind of trust store vouches for. trust-store-trust-policy.md v1.1.0, "Trust Store". */
const STORES = { 'notary.x509': 'ca', 'notary.x509.signingAuthority': 'signingAuthority' } as const satisfies Record<
  Scheme,
  X509Root['store']
>;

/** A signature that was read, and what it should be about. */
export interface Evidence {
  readonly envelope: Envelope;
  readonly target: Target;
  readonly subject: Subject;
}

/**
 * What a signature is worth by itself, before anybody vouches for who made it: its attributes.
 *
 * @throws {VerificationError} integrity: it is not intact, or about something else
 */
export function checkIntegrity({ envelope, target, subject }: Evidence): Attributes {
  const attributes = readAttributes(envelope.header);
  checkSignature(envelope);
  checkTarget(envelope.header.contentType, target, subject);
  return attributes;
}

/**
 * What a signature is worth, seen from one root. Every check is made, whatever became of the others: what counts is for
 * the policy.
 *
 * @param intact from {@link checkIntegrity}, or what it threw: then nothing the signature says can be believed
 */
export async function testify(
  look: Omit<Look, 'attributes'>,
  intact: Attributes | VerificationError,
): Promise<Testimony> {
  const { envelope, root, at } = look;
  const found = { root: root.name, signer: signerOf(envelope), predicateType: undefined, reference: undefined };
  if (intact instanceof VerificationError) {
    return { ...found, checks: brokenChecks(intact.message), goodUntil: undefined };
  }
  const moment = await momentOf({ ...look, attributes: intact });
  const revocation = revocationOf(envelope.chain, root.revocationLists, at);
  const checks: Checks = {
    integrity: { outcome: 'pass', why: `signed with ${envelope.header.algorithm}` },
    authenticity: authenticityOf(look, intact.scheme),
    timestamp: { outcome: moment.outcome, why: moment.why },
    expiry: expiryOf(intact, at),
    revocation: { outcome: revocation.outcome, why: revocation.why },
  };
  // What has expired will not expire again.
  const expiry = checks.expiry.outcome === 'pass' ? intact.expiresAt : undefined;
  return { ...found, checks, goodUntil: earliest(expiry, moment.goodUntil, revocation.goodUntil) };
}

function signerOf({ leaf }: Envelope): Signer {
  const subject = subjectText(leaf);
  const spki = hash('sha256', leaf.publicKey.export({ type: 'spki', format: 'der' }));
  return { name: subject, ids: [`spki:${spki}`, `subject:${subject}`], subject };
}

function brokenChecks(why: string): Checks {
  const rest: CheckResult = { outcome: 'fail', why: 'not looked at: the signature is not intact' };
  return { integrity: { outcome: 'fail', why }, authenticity: rest, timestamp: rest, expiry: rest, revocation: rest };
}

function authenticityOf({ envelope, root }: Omit<Look, 'attributes'>, scheme: Scheme): CheckResult {
  const fail = (why: string): CheckResult => ({ outcome: 'fail', why });
  if (root.problem !== undefined) return fail(`the root cannot be used: ${root.problem}`);
  if (root.store !== STORES[scheme])
    return fail(`a trust store of ${root.store} does not vouch for the scheme ${scheme}`);
  const trusted = envelope.chain.find((one) => root.authorities.some((authority) => authority.raw.equals(one.raw)));
  if (trusted === undefined) return fail('no certificate of the chain is in the trust store');
  const problem = codeSigningProblem(envelope.chain);
  if (problem !== undefined) return fail(problem);
  return { outcome: 'pass', why: `the trust store has ${subjectText(trusted)}` };
}

function expiryOf({ expiresAt }: Attributes, at: number): CheckResult {
  if (expiresAt === undefined) return { outcome: 'none', why: 'the signature does not expire' };
  const when = new Date(expiresAt).toISOString();
  return at >= expiresAt
    ? { outcome: 'fail', why: `the signature expired at ${when}` }
    : { outcome: 'pass', why: `the signature expires at ${when}` };
}
