import type { X509Root } from '../root.ts';
import { type CheckResult, VerificationError } from '../testimony.ts';
import { validAt } from '../x509/chain.ts';
import { revocationOf } from '../x509/revocation.ts';
import { verifyTimeStamp } from '../x509/time-stamp.ts';
import type { Attributes } from './attributes.ts';
import type { Envelope } from './envelope.ts';

/** Whether the certificates were good when they were used, as far as that can be known. */
export interface Moment extends CheckResult {
  /** When that comes out otherwise, milliseconds since the epoch; undefined: never. */
  readonly goodUntil: number | undefined;
}

/** What a signature is looked at with. */
export interface Look {
  readonly envelope: Envelope;
  readonly attributes: Attributes;
  readonly root: X509Root;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/**
 * Whether every certificate of the chain was valid: when a signing authority says it signed, when a time stamp says the
 * signature existed if the root has authorities for that, else now. trust-store-trust-policy.md v1.1.0, "Authentic
 * Timestamp", with `verifyTimestamp: always`.
 */
export async function momentOf(look: Look): Promise<Moment> {
  const { envelope, attributes, root, at } = look;
  if (attributes.scheme === 'notary.x509.signingAuthority') {
    return { ...validity(envelope, [attributes.signedAt], 'when it was signed'), goodUntil: undefined };
  }
  if (root.timeStampAuthorities.length > 0) return await stamped(look);
  return { ...validity(envelope, [at], 'now'), goodUntil: nextChange(envelope, at) };
}

async function stamped({ envelope, root, at }: Look): Promise<Moment> {
  const { timeStamp, signature: signed } = envelope;
  if (timeStamp === undefined) return forGood(failed('there is no time stamp, and the root asks for one'));
  try {
    const stamp = await verifyTimeStamp(timeStamp, { signed, anchors: root.timeStampAuthorities, extra: [] });
    // CVE-2024-56138: what a revoked authority stamps proves nothing.
    const revocation = revocationOf(stamp.chain, root.revocationLists, at);
    if (revocation.outcome === 'fail') return forGood(failed(`time stamp: ${revocation.why}`));
    const check = validity(envelope, [stamp.earliest, stamp.latest], `when ${stamp.authority} stamped it`);
    return { ...check, goodUntil: revocation.goodUntil };
  } catch (error) {
    return forGood(failed(error instanceof VerificationError ? error.message : 'time stamp: it cannot be verified'));
  }
}

/** @param times milliseconds since the epoch, at each of which it has to hold */
function validity({ chain }: Envelope, times: readonly number[], when: string): CheckResult {
  const problem = times.map((time) => validAt(chain, time)).find((found) => found !== undefined);
  if (problem !== undefined) return failed(`not every certificate was valid ${when}: ${problem}`);
  return { outcome: 'pass', why: `every certificate was valid ${when}` };
}

/** When the next certificate begins or ends, the whole of its last second included. */
function nextChange({ chain }: Envelope, at: number): number | undefined {
  const times = chain.flatMap((one) => [one.validFromDate.getTime(), one.validToDate.getTime() + 1000]);
  return earliest(...times.filter((time) => time > at));
}

/** The least of the times there are. */
export function earliest(...times: readonly (number | undefined)[]): number | undefined {
  const found = times.filter((time) => time !== undefined);
  return found.length === 0 ? undefined : Math.min(...found);
}

function failed(why: string): CheckResult {
  return { outcome: 'fail', why };
}

function forGood(check: CheckResult): Moment {
  return { ...check, goodUntil: undefined };
}
