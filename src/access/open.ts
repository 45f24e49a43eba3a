import type { NewEvent, Origin } from '#metadata/events.ts';
import type { Sql } from '#metadata/sql.ts';
import { openAccounts } from './accounts.ts';
import { type Authenticator, openAuthenticator } from './identity.ts';
import type { Workloads } from './log-in.ts';
import type { AccessOptions } from './options.ts';
import { type RefreshTokens, openRefreshTokens } from './refresh-tokens.ts';
import { type SigningKeys, openSigningKeys } from './signing-keys.ts';
import { type Throttle, openThrottle } from './throttle.ts';
import { type Tokens, openTokens } from './tokens.ts';

/** Who comes in, and what they get to come in with again. */
export interface Access {
  readonly authenticator: Authenticator;
  readonly tokens: Tokens;
  readonly refreshTokens: RefreshTokens;
  readonly keys: SigningKeys;
  readonly throttle: Throttle;
  /** What clients are told as the `service` of our tokens. */
  readonly service: string;
}

export interface AccessContext {
  readonly metadata: Sql;
  readonly clock: () => number;
  readonly options: AccessOptions;
  readonly workloads: Workloads;
  /** What clients call this registry, if that is settled. */
  readonly publicUrl: string | undefined;
  /** For the audit trail. */
  readonly note: (origin: Origin, event: NewEvent) => void;
}

/** The keys that sign tokens, as the options have it. */
export function openKeys({
  metadata,
  clock,
  options,
}: Pick<AccessContext, 'metadata' | 'clock' | 'options'>): SigningKeys {
  const { lifetime, rotateKeysEvery } = options.tokens;
  return openSigningKeys({ metadata, clock, rotateEveryMs: rotateKeysEvery, tokenLifetimeMs: lifetime });
}

export function openAccess({ metadata, clock, options, workloads, publicUrl, note }: AccessContext): Access {
  const { lifetime, refreshLifetime } = options.tokens;
  // Not the host a client happened to use: all nodes must mean the same.
  const service = publicUrl === undefined ? 'gatehouse' : new URL(publicUrl).host;
  const keys = openKeys({ metadata, clock, options });
  const tokens = openTokens({ keys, clock, service, lifetimeMs: lifetime });
  const refreshTokens = openRefreshTokens({ metadata, clock, lifetimeMs: refreshLifetime });
  const throttle = openThrottle();
  const authenticator = openAuthenticator({
    metadata,
    clock,
    accounts: openAccounts({ metadata, clock }),
    tokens,
    throttle,
    workloads,
    failureDelayMs: options.passwords.failureDelay,
    note,
  });
  return { authenticator, tokens, refreshTokens, keys, throttle, service };
}
