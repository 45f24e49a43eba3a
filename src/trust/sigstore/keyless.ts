import type { SigstoreRoot } from '../root.ts';
import type { Checks, Signer } from '../testimony.ts';
import type { KeylessMaterial } from './material.ts';

/** Holds a signature with a certificate against a root. */
export async function checkKeyless(
  _material: KeylessMaterial,
  _root: SigstoreRoot,
): Promise<{ signer: Signer; checks: Checks }> {
  const none = { outcome: 'none', why: 'not looked at' } as const;
  const why = 'keyless signatures are not looked at yet';
  return {
    signer: { name: 'unknown', ids: [] },
    checks: {
      integrity: none,
      authenticity: { outcome: 'fail', why },
      timestamp: none,
      expiry: none,
      revocation: none,
    },
  };
}
