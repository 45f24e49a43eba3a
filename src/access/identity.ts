import { hash, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Sql } from '#metadata/sql.ts';
import { findPasswordHash } from '#metadata/users.ts';
import { impossibleHash, verifyPassword } from './password.ts';

/** Who acts. */
export interface Actor {
  readonly name: string;
}

/**
 * Says whose credentials an `Authorization` header holds; undefined when it holds none that are valid.
 *
 * Basic only, RFC 7617.
 */
export type Authenticator = (authorizationHeader: string | undefined) => Promise<Actor | undefined>;

/** Credentials that were right when the user had this hash. */
interface Verified {
  readonly actor: Actor;
  readonly passwordHash: string;
}

// The longest name and password there can be, four bytes a character, are shorter than that in base64.
const HEADER_MAX_LENGTH = 8192;
// A client sends the same header thousands of times; a derivation of a quarter second for each would be all we did.
const CACHED_HEADERS = 10_000;
const CACHED_MS = 60_000;

/**
 * Opens the door.
 *
 * Deriving a key is slow by design, so headers found right are remembered for a minute under a hash of the whole header and
 * a secret. What is remembered is never believed alone: each request reads the user's row, and a hash that is no longer
 * the one the header was checked against sends it back to be checked again. So a new password or a removed user counts
 * from the next request on, on every process.
 */
export function openAuthenticator({ metadata }: { metadata: Sql }): Authenticator {
  // One hash under a secret of this process; an HMAC object for each request would cost six times as much.
  const secret = randomBytes(32).toString('base64');
  const keyOf = (header: string): string => hash('sha256', secret + header, 'base64');
  const verified = new LRUCache<string, Verified>({ max: CACHED_HEADERS, ttl: CACHED_MS, ttlResolution: 1000 });
  const underway = new Map<string, Promise<Verified | undefined>>();
  const nobody = impossibleHash();

  const verify = async (header: string): Promise<Verified | undefined> => {
    const credentials = parseBasic(header);
    if (credentials === undefined) return undefined;
    const { name, password } = credentials;
    const passwordHash = await findPasswordHash(metadata, name);
    // An unknown name takes as long as a wrong password, so that names cannot be told apart by a clock.
    const isRight = await verifyPassword(password, passwordHash ?? nobody);
    return isRight && passwordHash !== undefined ? { actor: { name }, passwordHash } : undefined;
  };

  /** Verifies once however many requests with this header arrive meanwhile. */
  const verifyTogether = async (header: string, key: string): Promise<Verified | undefined> => {
    const running = underway.get(key) ?? verify(header);
    underway.set(key, running);
    try {
      const result = await running;
      if (result !== undefined) verified.set(key, result);
      return result;
    } finally {
      underway.delete(key);
    }
  };

  return async (header) => {
    if (header === undefined || header.length > HEADER_MAX_LENGTH) return undefined;
    const key = keyOf(header);
    const known = verified.get(key);
    if (known !== undefined && (await isCurrent(metadata, known))) return known.actor;
    const fresh = await verifyTogether(header, key);
    // Read again: the password may have changed while the derivation ran.
    return fresh !== undefined && (await isCurrent(metadata, fresh)) ? fresh.actor : undefined;
  };
}

async function isCurrent(metadata: Sql, { actor, passwordHash }: Verified): Promise<boolean> {
  return (await findPasswordHash(metadata, actor.name)) === passwordHash;
}

function parseBasic(header: string): { name: string; password: string } | undefined {
  const token = /^basic +(?<token>[A-Za-z0-9+/]+={0,2}) *$/i.exec(header)?.groups?.['token'];
  if (token === undefined) return undefined;
  const text = Buffer.from(token, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 1 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}
