import { LRUCache } from 'lru-cache';
import { networkOf } from '#base/network.ts';
import { type Rate, attempt, formatRate } from '#base/rate.ts';
import { RegistryError } from '#oci/errors.ts';
import type { Clients } from './client-address.ts';
import type { Exchange, State } from './exchange.ts';
import type { RateLimitOptions } from './limit-options.ts';

/** @throws {RegistryError} TOOMANYREQUESTS whoever asks does so too often */
export type RateCheck = (exchange: Exchange) => void;

/** Counts who asks how often; undefined where nothing is limited. */
export interface RateLimiter {
  /** For in front of everything that costs something, such as checking a password. */
  readonly byAddress: RateCheck | undefined;
  /** For where it is known who asks. Who is nobody in particular counts by address alone. */
  readonly byIdentity: RateCheck | undefined;
}

/** What a limiter works with. */
export interface RateSurroundings {
  readonly clients: Clients;
  /** Milliseconds of a clock that never goes back. */
  readonly clock: () => number;
}

// Some ten megabytes. Whoever was forgotten starts with a full bucket, which takes this many others to bring about.
const BUCKETS_MAX = 65_536;
// Probes must hear the truth about the process, however often they ask.
const EXEMPT: readonly string[] = ['/healthz', '/readyz'];

export function openRateLimiter(options: RateLimitOptions, { clients, clock }: RateSurroundings): RateLimiter {
  const { perAddress, perIdentity } = options;
  return {
    byAddress:
      perAddress === undefined
        ? undefined
        : limiting({ rate: perAddress, whose: 'this address', clock }, ({ req }) => networkOf(clients.addressOf(req))),
    byIdentity:
      perIdentity === undefined
        ? undefined
        : limiting({ rate: perIdentity, whose: 'this identity', clock }, ({ state }) => nameOf(state)),
  };
}

interface Limit {
  readonly rate: Rate;
  readonly whose: string;
  readonly clock: () => number;
}

function limiting({ rate, whose, clock }: Limit, keyOf: (exchange: Exchange) => string | undefined): RateCheck {
  const buckets = new LRUCache<string, number>({ max: BUCKETS_MAX });
  return (exchange) => {
    const key = EXEMPT.includes(exchange.path) ? undefined : keyOf(exchange);
    if (key === undefined) return;
    const { waitMs, fullAt } = attempt(rate, buckets.get(key), clock());
    buckets.set(key, fullAt);
    if (waitMs <= 0) return;
    // Rounded up: whoever comes back then is let in.
    exchange.set('Retry-After', String(Math.ceil(waitMs / 1000)));
    throw new RegistryError('TOOMANYREQUESTS', `expected at most ${formatRate(rate)} requests of ${whose}`);
  };
}

/** Everybody without a name in one bucket would let one of them shut out the rest. */
function nameOf({ session }: State): string | undefined {
  return session === undefined || session.isAnonymous ? undefined : session.principal.name;
}
