import type { OpenPgpRoot } from '../root.ts';
import type { CheckResult, Checks, Signer, Testimony } from '../testimony.ts';
import { type Candidate, failed, isRevoked, standingOf, wordsOf } from './key-standing.ts';
import type { SignedMessage } from './message.ts';

/** What a ring of keys says of a signature: all of a testimony but what was signed. */
export type Judgement = Omit<Testimony, 'reference' | 'predicateType'>;

const NONE: CheckResult = { outcome: 'none', why: 'not looked at: it is not known whose signature it is' };
const NO_STAMP: CheckResult = { outcome: 'none', why: 'simple signatures carry no time stamp' };

/**
 * Holds a signature against the keys of a ring. Web of trust there is none: whoever is in the ring is trusted, at the time
 * of the signature, and not once the key is revoked.
 *
 * @param at milliseconds since the epoch
 */
export async function judge(message: SignedMessage, root: OpenPgpRoot, at: number): Promise<Judgement> {
  const keyId = message.signature.issuerKeyID;
  const claimed = root.keys.flatMap((key) => key.getKeys(keyId).map((signing) => ({ key, signing })));
  if (claimed.length === 0) {
    const why = root.problem ?? `no key of the ring has the id ${keyId.toHex().toUpperCase()}`;
    return unknown(root, keyId.toHex(), { integrity: `cannot be checked: ${why}`, authenticity: why });
  }
  let reason = '';
  for (const candidate of claimed) {
    const problem = await problemOfSignature(message, candidate);
    if (problem === undefined) return await judgeBy(candidate, { message, root, at });
    reason = problem;
  }
  return unknown(root, keyId.toHex(), {
    integrity: `the signature does not fit what it is said to sign: ${reason}`,
    authenticity: 'nothing shows that a key of the ring made it',
  });
}

/** Whoever only claims to be a signer shares nothing with anybody. */
function unknown(root: OpenPgpRoot, keyId: string, why: { integrity: string; authenticity: string }): Judgement {
  return {
    root: root.name,
    signer: { name: `OpenPGP key ${keyId.toUpperCase()}`, ids: [] },
    checks: {
      integrity: { outcome: 'fail', why: why.integrity },
      authenticity: { outcome: 'fail', why: why.authenticity },
      timestamp: NONE,
      expiry: NONE,
      revocation: NONE,
    },
    goodUntil: undefined,
  };
}

/** The mathematics alone: when it was made is looked at later. */
async function problemOfSignature(
  { signature, literal, created }: SignedMessage,
  { signing }: Candidate,
): Promise<string | undefined> {
  const { enums } = await import('openpgp');
  try {
    await signature.verify(signing.keyPacket, enums.signature.binary, literal, created);
    return undefined;
  } catch (error) {
    return wordsOf(error);
  }
}

interface Case {
  readonly message: SignedMessage;
  readonly root: OpenPgpRoot;
  readonly at: number;
}

async function judgeBy(candidate: Candidate, { message, root, at }: Case): Promise<Judgement> {
  const { signature, created } = message;
  const standing = await standingOf(candidate, created, at);
  const expires = signature.getExpirationTime();
  const checks: Checks = {
    integrity: { outcome: 'pass', why: 'the signature fits what it signs' },
    authenticity: standing.authenticity ?? { outcome: 'pass', why: 'the key is in the ring and may sign' },
    timestamp: timeOf(candidate, created, at),
    expiry: standing.expiry ?? expiryOf(expires, at),
    revocation: (await isRevoked(candidate, root.keys, at))
      ? failed('the key that signed, or the one it belongs to, is revoked')
      : (standing.revocation ?? { outcome: 'pass', why: 'the ring has no revocation of the key that signed' }),
  };
  const until = Math.min(Number(expires), standing.goodUntil);
  return {
    root: root.name,
    signer: signerOf(candidate),
    checks,
    goodUntil: Number.isFinite(until) ? until : undefined,
  };
}

function signerOf({ key }: Candidate): Signer {
  const fingerprint = key.getFingerprint().toUpperCase();
  const [userId = 'no user id'] = key.getUserIDs();
  return { name: `${userId} (OpenPGP key ${fingerprint.slice(-16)})`, ids: [`openpgp:${fingerprint}`], fingerprint };
}

function timeOf({ signing }: Candidate, created: Date, at: number): CheckResult {
  const stamp = created.toISOString();
  if (created.getTime() > at) return failed(`the signature says it was made at ${stamp}, which is still to come`);
  if (signing.getCreationTime() > created) return failed(`the signature says it was made at ${stamp}, before its key`);
  return NO_STAMP;
}

function expiryOf(expires: Date | typeof Infinity, at: number): CheckResult {
  if (!(expires instanceof Date))
    return { outcome: 'pass', why: 'the key was valid then; the signature does not expire' };
  if (expires.getTime() <= at) return failed(`the signature expired at ${expires.toISOString()}`);
  return { outcome: 'pass', why: `the signature expires at ${expires.toISOString()}` };
}
