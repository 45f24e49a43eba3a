import { randomUUID } from 'node:crypto';
import { SignJWT, errors, jwtVerify } from 'jose';
import { z } from 'zod';
import type { Identity } from './accounts.ts';
import { AuthenticationError } from './errors.ts';
import { ALGORITHM, type SigningKeys } from './signing-keys.ts';
import type { ResourceActions } from './token-scope.ts';

/** A token as it is given out. Docker's token specification, "Token Response Fields". */
export interface IssuedToken {
  readonly token: string;
  readonly lifetimeSeconds: number;
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
}

/** What a token that is ours says. */
export interface VerifiedToken {
  readonly identity: Identity;
  readonly access: readonly ResourceActions[];
  /** The key that signed it. */
  readonly keyId: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Short-lived tokens for the registry, signed here. */
export interface Tokens {
  issue(identity: Identity, access: readonly ResourceActions[]): Promise<IssuedToken>;
  /** @throws {AuthenticationError} token */
  verify(token: string): Promise<VerifiedToken>;
  /** Whether the key that signed a token verified before has not been taken back. */
  isSignedByGoodKey(keyId: string): Promise<boolean>;
}

export interface TokensContext {
  readonly keys: SigningKeys;
  readonly clock: () => number;
  /** Both who issues and who is meant: what clients are told as `service`. */
  readonly service: string;
  readonly lifetimeMs: number;
}

/** RFC 9068 calls its tokens `at+jwt`; ours are not those, and nothing else we sign may be taken for one. */
const TYPE = 'gatehouse-access+jwt';

// Parsed although we signed it: an older or newer Gatehouse on the same database may have had other ideas.
const claims = z.object({
  sub: z.string(),
  exp: z.number(),
  kind: z.enum(['anonymous', 'user', 'robot', 'workload', 'certificate']),
  stamp: z.string(),
  groups: z.array(z.string()).optional(),
  access: z.array(z.object({ type: z.string(), name: z.string(), actions: z.array(z.string()) })),
});

export function openTokens({ keys, clock, service, lifetimeMs }: TokensContext): Tokens {
  return {
    async issue(identity, access) {
      const { id, privateKey } = await keys.current();
      const issuedAt = clock();
      // Never longer than what it was given for: a workload's own token, or a robot that ends.
      const expiresAt = Math.min(issuedAt + lifetimeMs, identity.expiresAt ?? Infinity);
      const { principal, stamp, groups } = identity;
      const token = await new SignJWT({ kind: principal.kind, stamp, access, ...(groups.length > 0 ? { groups } : {}) })
        .setProtectedHeader({ alg: ALGORITHM, kid: id, typ: TYPE })
        .setIssuer(service)
        .setAudience(service)
        .setSubject(principal.name)
        .setIssuedAt(seconds(issuedAt))
        .setExpirationTime(seconds(expiresAt))
        .setJti(randomUUID())
        .sign(privateKey);
      return { token, lifetimeSeconds: Math.max(seconds(expiresAt) - seconds(issuedAt), 0), issuedAt };
    },

    isSignedByGoodKey: async (keyId) => (await keys.find(keyId)) !== undefined,

    async verify(token) {
      try {
        const { payload, protectedHeader } = await jwtVerify(token, ({ kid }) => keyOf(keys, kid), {
          algorithms: [ALGORITHM],
          typ: TYPE,
          issuer: service,
          audience: service,
          currentDate: new Date(clock()),
          requiredClaims: ['sub', 'exp', 'iat', 'jti'],
        });
        const { sub, exp, kind, stamp, groups = [], access } = claims.parse(payload);
        const identity: Identity = { principal: { name: sub, kind }, stamp, groups };
        return { identity, access, keyId: protectedHeader.kid ?? '', expiresAt: exp * 1000 };
      } catch (error) {
        if (error instanceof AuthenticationError) throw error;
        if (!(error instanceof errors.JOSEError) && !(error instanceof z.ZodError)) throw error;
        const why = error instanceof errors.JWTExpired ? 'the token has expired' : 'not a token of ours';
        throw new AuthenticationError('token', why, { cause: error });
      }
    },
  };
}

/** The header is whatever its sender wrote: `kid` may be anything that JSON can say. */
async function keyOf(keys: SigningKeys, kid: unknown) {
  const key = typeof kid === 'string' ? await keys.find(kid) : undefined;
  if (key === undefined) throw new AuthenticationError('token', 'no key of ours signed the token');
  return key;
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
