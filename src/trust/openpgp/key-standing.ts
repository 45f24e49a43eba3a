import type { PublicKey, Subkey } from 'openpgp';
import type { CheckResult } from '../testimony.ts';

/** A key of a ring that made a signature: the primary key that is trusted, and the one that signed. */
export interface Candidate {
  readonly key: PublicKey;
  readonly signing: PublicKey | Subkey;
}

/** How a key stood when it signed: what is wrong with that, and until when that can be said. */
export interface Standing {
  readonly authenticity?: CheckResult;
  readonly expiry?: CheckResult;
  readonly revocation?: CheckResult;
  /** Milliseconds since the epoch; infinity: for good. */
  readonly goodUntil: number;
}

/**
 * Whether a key, or the subkey of it that signed, is revoked: in any copy of it, since an older one must not hide what a
 * newer one says.
 *
 * @param at milliseconds since the epoch; only a revocation that says the key was merely retired can be yet to come
 */
export async function isRevoked({ key, signing }: Candidate, keys: readonly PublicKey[], at: number): Promise<boolean> {
  const when = new Date(at);
  for (const copy of keys.filter((one) => one.getFingerprint() === key.getFingerprint())) {
    if (await copy.isRevoked(undefined, undefined, when)) return true;
    const subkeys = copy.subkeys.filter((subkey) => subkey.getFingerprint() === signing.getFingerprint());
    for (const binding of subkeys.flatMap((subkey) => subkey.bindingSignatures.map((one) => ({ subkey, one })))) {
      if (await binding.subkey.isRevoked(binding.one, copy.keyPacket, when)) return true;
    }
  }
  return false;
}

/** @param at milliseconds since the epoch */
export async function standingOf(candidate: Candidate, created: Date, at: number): Promise<Standing> {
  const then = await problemOf(candidate, created);
  if (then === undefined) return { goodUntil: Infinity };
  // gpg forgets what it said of a key before its expiry was changed: then it counts how the key stands now.
  if (!/in the future/.test(then)) return { ...(await blame(candidate, then)), goodUntil: Infinity };
  const now = await problemOf(candidate, new Date(at));
  if (now !== undefined) return { ...(await blame(candidate, now)), goodUntil: Infinity };
  return { goodUntil: await endOf(candidate, new Date(at)) };
}

/** A failed check, in words. */
export function failed(why: string): CheckResult {
  return { outcome: 'fail', why };
}

/** What the library says of what it does not like. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 200) : 'not said why';
}

/** What is wrong with the key at that moment; at no moment in particular when that is null. */
async function problemOf({ key, signing }: Candidate, moment: Date | null): Promise<string | undefined> {
  try {
    await key.getSigningKey(signing.getKeyID(), moment);
    return undefined;
  } catch (error) {
    return wordsOf(error);
  }
}

/**
 * The library says the first thing that is wrong. What is neither time nor revocation is a key that may not sign; and
 * that it may is believed only when nothing else is wrong with it than its time.
 */
async function blame(candidate: Candidate, problem: string): Promise<Omit<Standing, 'goodUntil'>> {
  const mayNotSign = failed(`the key may not sign: ${problem}`);
  if (/revoked/.test(problem)) return { revocation: failed(`the key: ${problem}`), authenticity: mayNotSign };
  if (!/expired/.test(problem)) return { authenticity: mayNotSign };
  const expiry = failed(`when it was signed: ${problem}`);
  const other = await problemOf(candidate, null);
  return other === undefined ? { expiry } : { expiry, authenticity: failed(`the key may not sign: ${other}`) };
}

async function endOf({ key, signing }: Candidate, moment: Date): Promise<number> {
  const ends = [await key.getExpirationTime()];
  if ('mainKey' in signing) ends.push(await signing.getExpirationTime(moment));
  // Null is a key with which something is wrong: nothing is good until then.
  return Math.min(...ends.map((end) => (end === null ? 0 : Number(end))));
}
