import { type CryptoKey, type JWSHeaderParameters, createLocalJWKSet, errors } from 'jose';
import { z } from 'zod';
import { OidcError } from './oidc-errors.ts';
import { type OidcIssuer, isLocalHttp } from './oidc-options.ts';

/** What issuers' keys are fetched with. */
export interface KeysContext {
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly fetch: typeof globalThis.fetch;
  /** How long one answer may take. */
  readonly timeoutMs: number;
}

/** The public keys of one issuer. */
export interface IssuerKeys {
  /**
   * The key that a token's header names, and until when what it verifies may be believed without asking again, in
   * milliseconds since the epoch.
   *
   * @throws {OidcError} unreachable, signature
   */
  find(header: JWSHeaderParameters): Promise<{ readonly key: CryptoKey; readonly freshUntil: number }>;
}

// A key that the issuer withdraws counts no longer than this while the issuer answers ...
const FRESH_MS = 60_000;
// ... and this when it does not: long enough for an issuer to restart, short enough for a stolen key.
const KEPT_MS = 600_000;
// Anyone can send tokens that name keys nobody has; they must not make us ask the issuer all day.
const UNKNOWN_KEY_PAUSE_MS = 30_000;
const FAILURE_PAUSE_MS = 10_000;
const DISCOVERED_MS = 3_600_000;
// Some ten keys with their certificates are 30 KiB.
const MOST_BYTES = 256 * 1024;

const discovery = z.object({ issuer: z.string(), jwks_uri: z.string() });

interface Fetched {
  readonly set: ReturnType<typeof createLocalJWKSet>;
  readonly fetchedAt: number;
}

/**
 * Keeps an issuer's keys: fetched when first needed, again after a minute, and again when a token names a key that is not
 * among them. Requests that need them at once share one fetch.
 *
 * jose's own remote set goes by the time of day instead of our clock, takes bodies of any size, and asks a failing issuer
 * again with every request.
 */
export function openIssuerKeys(issuer: OidcIssuer, context: KeysContext): IssuerKeys {
  const kept = new KeptKeys(openSource(issuer, context), context.clock);
  const unreachable = (): OidcError =>
    new OidcError('unreachable', `the keys of ${issuer.name} cannot be had`, { cause: kept.failure });
  const current = async (): Promise<Fetched> => {
    const fetched = await kept.current();
    if (fetched === undefined) throw unreachable();
    return fetched;
  };
  return {
    async find(header) {
      let from = await current();
      let key = await keyIn(from, header);
      if (key === undefined) {
        await kept.refresh(UNKNOWN_KEY_PAUSE_MS);
        from = await current();
        key = await keyIn(from, header);
      }
      if (key !== undefined) return { key, freshUntil: from.fetchedAt + FRESH_MS };
      // The issuer may have just made the key: only an issuer that answers can say that there is none.
      if (kept.failure !== undefined) throw unreachable();
      throw new OidcError('signature', `${issuer.name} has no key for this token`);
    },
  };
}

/** The keys as they were last fetched, and when to fetch them again. */
class KeptKeys {
  readonly #source: () => Promise<JsonWebKeys>;
  readonly #clock: () => number;
  #fetched: Fetched | undefined;
  #triedAt = -Infinity;
  #failure: unknown;
  #underway: Promise<void> | undefined;

  constructor(source: () => Promise<JsonWebKeys>, clock: () => number) {
    this.#source = source;
    this.#clock = clock;
  }

  /** Why the last try failed; undefined when it did not. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Fresh keys, or those of the last ten minutes if there are no fresh ones to be had. */
  async current(): Promise<Fetched | undefined> {
    if (!this.#isWithin(FRESH_MS)) await this.refresh(0);
    return this.#isWithin(KEPT_MS) ? this.#fetched : undefined;
  }

  /** Tries to fetch, unless the last try is no older than the pause. Never rejects: see {@link failure}. */
  async refresh(pauseMs: number): Promise<void> {
    const pause = this.#failure === undefined ? pauseMs : FAILURE_PAUSE_MS;
    if (this.#underway === undefined && this.#clock() - this.#triedAt < pause) return;
    this.#underway ??= this.#fetch().finally(() => {
      this.#underway = undefined;
    });
    await this.#underway;
  }

  async #fetch(): Promise<void> {
    // Of the moment of asking: what the issuer changes while it answers may not be in the answer.
    const fetchedAt = this.#clock();
    try {
      this.#fetched = { set: createLocalJWKSet(await this.#source()), fetchedAt };
      this.#failure = undefined;
    } catch (error) {
      this.#failure = error;
    }
    this.#triedAt = this.#clock();
  }

  #isWithin(ageMs: number): boolean {
    return this.#fetched !== undefined && this.#clock() - this.#fetched.fetchedAt < ageMs;
  }
}

async function keyIn({ set }: Fetched, header: JWSHeaderParameters): Promise<CryptoKey | undefined> {
  try {
    return await set(header);
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return undefined;
    // OpenID Connect Core 1.0, section 10.1: a token must name its key where there are several.
    throw new OidcError('signature', 'expected the token to name one key that it can be verified with', {
      cause: error,
    });
  }
}

/** Fetches the key set, from the address the options or the discovery document give. */
function openSource(issuer: OidcIssuer, context: KeysContext): () => Promise<JsonWebKeys> {
  let discovered: { readonly url: string; readonly at: number } | undefined;
  const address = async (): Promise<string> => {
    if (issuer.jwksUrl !== undefined) return issuer.jwksUrl;
    if (discovered === undefined || context.clock() - discovered.at >= DISCOVERED_MS) {
      discovered = { url: await discover(issuer, context), at: context.clock() };
    }
    return discovered.url;
  };
  return async () => {
    try {
      return jsonWebKeys.parse(await fetchJson(await address(), context));
    } catch (error) {
      // The keys may have moved.
      discovered = undefined;
      throw error;
    }
  };
}

const jsonWebKeys = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

type JsonWebKeys = z.infer<typeof jsonWebKeys>;

/** OpenID Connect Discovery 1.0, section 4. */
async function discover(issuer: OidcIssuer, context: KeysContext): Promise<string> {
  const url = `${issuer.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const found = discovery.parse(await fetchJson(url, context));
  if (found.issuer !== issuer.issuer) {
    throw new Error(`expected the discovery document of ${issuer.issuer}, found that of ${found.issuer}`);
  }
  const isSafe = found.jwks_uri.startsWith('https://') || (isLocalHttp(found.jwks_uri) && isLocalHttp(issuer.issuer));
  if (!isSafe) throw new Error(`expected an https address of the keys, found ${found.jwks_uri}`);
  return found.jwks_uri;
}

async function fetchJson(url: string, { fetch, timeoutMs }: KeysContext): Promise<unknown> {
  const response = await fetch(url, {
    headers: { accept: 'application/json, application/jwk-set+json' },
    // What is at another address is vouched for by whoever can redirect, which need not be the issuer.
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`expected ${url} to answer 200, found ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > MOST_BYTES) throw new Error(`expected at most ${MOST_BYTES} bytes at ${url}, found more`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}
