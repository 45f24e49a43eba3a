import type { Administration } from '#api/operations.ts';
import type { Caller } from './session.ts';
import type { SigningKeys } from './signing-keys.ts';

/** Changing the keys that sign tokens, out of turn. */
export function keyAdministration(
  keys: Pick<SigningKeys, 'rotate'>,
  { origin }: Caller,
): Pick<Administration, 'rotateKeys'> {
  return {
    async rotateKeys({ revoke = false }) {
      return { key: await keys.rotate(origin, revoke), revoked: revoke };
    },
  };
}
