import { hash, randomBytes } from 'node:crypto';
import { type CryptoKey, type JWTPayload, errors, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { openNaming } from './oidc-claims.ts';
import { OidcError } from './oidc-errors.ts';
import { type IssuerKeys, type KeysContext, openIssuerKeys } from './oidc-keys.ts';
import type { OidcIssuer } from './oidc-options.ts';

export { OidcError, type OidcReason } from './oidc-errors.ts';

/** Who a token stands for. */
export interface OidcIdentity {
  /** Begins with a prefix that only this issuer has, such as `github:`, or with `system:serviceaccount:`. */
  readonly name: string;
  readonly groups: readonly string[];
  /** Name of the issuer in the configuration. */
  readonly issuer: string;
  /** When the token expires, in milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Tells tokens of the issuers it knows. */
export interface Oidc {
  /** Whether a text is a token that says it comes from one of our issuers. Cheap, and proves nothing. */
  isForUs(token: string): boolean;
  /** @throws {OidcError} whenever it cannot vouch for the token */
  verify(token: string): Promise<OidcIdentity>;
}

/** What tokens are judged with. */
export interface OidcContext {
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Node's own when absent. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** How long one answer of an issuer may take; 5 s when absent. */
  readonly timeoutMs?: number | undefined;
}

interface Verified {
  readonly identity: OidcIdentity;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

type Verifier = (token: string) => Promise<Verified>;

// A node's headers end at 32 KiB; tokens of CI systems have 1 to 3.
const TOKEN_MAX_LENGTH = 16 * 1024;
const TOKEN = /^[A-Za-z0-9_-]+\.(?<payload>[A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*$/;
const CACHED_TOKENS = 10_000;
// Tokens may list two hundred groups each.
const CACHED_CHARACTERS = 16 * 1024 * 1024;
// The latest moment a Date can hold.
const LATEST = 8.64e15;

/**
 * Opens the door for tokens of other issuers.
 *
 * A client sends the same token thousands of times, so what was found is remembered under a hash of the token and a
 * secret: until the token expires, and never beyond the minute for which the issuer's keys are fresh.
 */
export function openOidc(issuers: readonly OidcIssuer[], context: OidcContext): Oidc {
  const { clock, fetch = globalThis.fetch, timeoutMs = 5000 } = context;
  const verifiers = new Map(
    issuers.map((issuer) => [issuer.issuer, openVerifier(issuer, { clock, fetch, timeoutMs })] as const),
  );
  const secret = randomBytes(32).toString('base64');
  const verified = new LRUCache<string, Verified>({
    max: CACHED_TOKENS,
    maxSize: CACHED_CHARACTERS,
    sizeCalculation: ({ identity }) => identity.name.length + identity.groups.join(' ').length,
  });
  const underway = new Map<string, Promise<Verified>>();

  /** Verifies once however many requests with this token arrive meanwhile. */
  const verifyTogether = async (token: string, key: string): Promise<Verified> => {
    const running = underway.get(key) ?? verifierOf(verifiers, token)(token);
    underway.set(key, running);
    try {
      const result = await running;
      verified.set(key, result);
      return result;
    } finally {
      underway.delete(key);
    }
  };

  return {
    isForUs: (token) => verifiers.has(issuerOf(token) ?? ''),
    async verify(token) {
      if (token.length > TOKEN_MAX_LENGTH) {
        throw new OidcError('malformed', `expected a token of at most ${TOKEN_MAX_LENGTH} characters`);
      }
      const key = hash('sha256', secret + token, 'base64');
      const known = verified.get(key);
      if (known !== undefined && clock() < known.until) return known.identity;
      return (await verifyTogether(token, key)).identity;
    },
  };
}

function verifierOf(verifiers: ReadonlyMap<string, Verifier>, token: string): Verifier {
  const issuer = issuerOf(token);
  if (issuer === undefined) throw new OidcError('malformed', 'expected a signed JSON Web Token');
  const verifier = verifiers.get(issuer);
  if (verifier !== undefined) return verifier;
  throw new OidcError('unknown-issuer', `expected a token of an issuer in access.oidc, found ${issuer.slice(0, 256)}`);
}

function openVerifier(issuer: OidcIssuer, context: KeysContext): Verifier {
  const keys = openIssuerKeys(issuer, context);
  const named = openNaming(issuer);
  return async (token) => {
    const { claims, freshUntil } = await readClaims(token, { issuer, keys, now: context.clock() });
    const { name, groups } = named(claims);
    const expiresAt = Math.min((claims.exp ?? 0) * 1000, LATEST);
    const identity = { name, groups, issuer: issuer.name, expiresAt };
    return { identity, until: Math.min(expiresAt, freshUntil) };
  };
}

interface Reading {
  readonly issuer: OidcIssuer;
  readonly keys: IssuerKeys;
  readonly now: number;
}

async function readClaims(
  token: string,
  { issuer, keys, now }: Reading,
): Promise<{ claims: JWTPayload; freshUntil: number }> {
  let freshUntil = 0;
  const keyOf = async (header: Parameters<IssuerKeys['find']>[0]): Promise<CryptoKey> => {
    const found = await keys.find(header);
    ({ freshUntil } = found);
    return found.key;
  };
  try {
    const { payload } = await jwtVerify(token, keyOf, {
      issuer: issuer.issuer,
      audience: issuer.audience,
      algorithms: issuer.algorithms,
      clockTolerance: issuer.clockTolerance / 1000,
      currentDate: new Date(now),
      requiredClaims: ['exp', 'sub'],
    });
    return { claims: payload, freshUntil };
  } catch (error) {
    throw error instanceof OidcError ? error : refusalOf(error, issuer);
  }
}

/** What jose found wrong, in our words. */
function refusalOf(error: unknown, { name }: OidcIssuer): OidcError {
  const refuse = (reason: OidcError['reason'], message: string): OidcError =>
    new OidcError(reason, `${message} (${name})`, { cause: error });
  if (error instanceof errors.JWTExpired) return refuse('expired', 'the token has expired');
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'aud') return refuse('audience', 'the token is for another audience');
    if (error.claim === 'nbf' && error.reason === 'check_failed')
      return refuse('not-yet-valid', 'the token is not valid yet');
    return refuse('claim', error.message);
  }
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) {
    return refuse('malformed', 'expected a signed JSON Web Token');
  }
  return refuse('signature', 'the signature does not verify');
}

/** What a token says about who issued it, unverified; undefined when it is no token at all. */
function issuerOf(token: string): string | undefined {
  if (token.length > TOKEN_MAX_LENGTH) return undefined;
  const payload = TOKEN.exec(token)?.groups?.['payload'];
  if (payload === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    const isObject = typeof claims === 'object' && claims !== null;
    return isObject && 'iss' in claims && typeof claims.iss === 'string' ? claims.iss : undefined;
  } catch {
    return undefined;
  }
}
