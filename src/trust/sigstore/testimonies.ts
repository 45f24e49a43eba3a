import type { KeysRoot, Root, SigstoreRoot, TrustedKey } from '../root.ts';
import type { Checks, Signer, Testimony } from '../testimony.ts';
import type { Claim } from './claim.ts';
import { checkKeyless } from './keyless.ts';
import { verifies } from './public-key.ts';

type Seen = Pick<Testimony, 'signer' | 'checks'>;

const UNKNOWN: Signer = { name: 'unknown', ids: [] };

const NOBODY = 'no key of this root made it';

const KEY_CHECKS: Checks = {
  integrity: { outcome: 'pass', why: 'the signature is over these bytes' },
  authenticity: { outcome: 'pass', why: 'made by a key of this root' },
  timestamp: { outcome: 'none', why: 'a key counts whenever it was used' },
  expiry: { outcome: 'none', why: 'a key does not expire' },
  revocation: { outcome: 'none', why: 'a key is revoked by taking it out of the root' },
};

/** What a claim is worth, seen from each root that could vouch for it: roots of keys, and of sigstore for certificates. */
export async function testimoniesOf(claim: Claim, roots: readonly Root[]): Promise<readonly Testimony[]> {
  const testimonies: Testimony[] = [];
  for (const root of roots) {
    const seen = await seenFrom(root, claim);
    if (seen === undefined) continue;
    const { predicateType, reference } = claim;
    testimonies.push({ root: root.name, ...seen, predicateType, reference, goodUntil: undefined });
  }
  return testimonies;
}

async function seenFrom(root: Root, claim: Claim): Promise<Seen | undefined> {
  if (root.kind === 'keys') return await seenByKeys(root, claim);
  if (root.kind === 'sigstore' && claim.keyless !== undefined) return await seenBySigstore(root, claim.keyless);
  return undefined;
}

async function seenByKeys(root: KeysRoot, claim: Claim): Promise<Seen> {
  if (root.problem !== undefined) return unusable(root.problem);
  for (const trusted of root.keys) {
    const isTheirs = await verifies(trusted.key, claim.signed, claim.signature);
    if (isTheirs) return { signer: signerOf(trusted), checks: KEY_CHECKS };
  }
  return failed(NOBODY);
}

function signerOf({ file, spkiHash }: TrustedKey): Signer {
  return { name: file, ids: [`spki:${spkiHash}`] };
}

async function seenBySigstore(root: SigstoreRoot, keyless: NonNullable<Claim['keyless']>): Promise<Seen> {
  if (root.problem !== undefined) return unusable(root.problem);
  if ('problem' in keyless) return failed(keyless.problem);
  try {
    return await checkKeyless(keyless, root);
  } catch (error) {
    // What goes wrong with a certificate must not take away what a key is worth.
    return failed(`it cannot be judged: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function unusable(problem: string): Seen {
  return failed(`the root cannot be used: ${problem}`);
}

function failed(why: string): Seen {
  const none = { outcome: 'none', why: 'nobody is known to have made it' } as const;
  const fail = { outcome: 'fail', why } as const;
  return {
    signer: UNKNOWN,
    checks: { integrity: fail, authenticity: fail, timestamp: none, expiry: none, revocation: none },
  };
}
