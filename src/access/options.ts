import { z } from 'zod';
import { durationBetween } from '#base/duration.ts';
import { oidcOptions } from './oidc-options.ts';

/** Who may come in, and for how long. */
export const accessOptions = z.strictObject({
  tokens: z
    .strictObject({
      lifetime: durationBetween('1m', '1h').prefault('5m').describe('how long a token for the registry is good'),
      refreshLifetime: durationBetween('1h', '365d')
        .prefault('90d')
        .describe('how long a client may keep what it stores instead of a password'),
      rotateKeysEvery: durationBetween('1h', '365d').prefault('30d').describe('age at which a signing key is replaced'),
    })
    .prefault({})
    .describe('what clients get for a password'),
  passwords: z
    .strictObject({
      failureDelay: durationBetween('0s', '10s')
        .prefault('1s')
        .describe('no wrong password is answered sooner, whatever is wrong about it'),
    })
    .prefault({})
    .describe('names and passwords'),
  oidc: oidcOptions.prefault([]),
});

/** What {@link accessOptions} parses to. */
export type AccessOptions = z.infer<typeof accessOptions>;
