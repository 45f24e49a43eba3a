import { type Oidc, OidcError, type OidcIdentity, openOidc } from '#access/oidc.ts';
import { oidcOptions } from '#access/oidc-options.ts';
import { AUDIENCE, type Issuer, startIssuer } from '#test/support/issuer.ts';

/** An issuer, a registry that takes its tokens, and a clock for both. */
export interface Scene extends AsyncDisposable {
  readonly issuer: Issuer;
  readonly oidc: Oidc;
  readonly now: () => number;
  advance(byMs: number): void;
}

/** Where the clock of a scene begins, in milliseconds since the epoch. */
export const START = Date.UTC(2030, 0, 1);
export const MINUTE = 60_000;

/** Options are those of the one issuer, as the configuration writes them. */
export async function openScene(options: Record<string, unknown> = {}, timeoutMs?: number): Promise<Scene> {
  let now = START;
  const clock = (): number => now;
  const issuer = await startIssuer({ clock });
  const user = options['kind'] === 'kubernetes' ? {} : { user: 'ci:{sub}' };
  const issuers = oidcOptions.parse([{ name: 'ci', issuer: issuer.url, audience: AUDIENCE, ...user, ...options }]);
  return {
    issuer,
    oidc: openOidc(issuers, { clock, timeoutMs }),
    now: clock,
    advance: (byMs) => {
      now += byMs;
    },
    [Symbol.asyncDispose]: () => issuer[Symbol.asyncDispose](),
  };
}

/** The reason of a refusal, or the name of who came in. */
export async function outcome(verifying: Promise<OidcIdentity>): Promise<string> {
  try {
    return (await verifying).name;
  } catch (error) {
    if (error instanceof OidcError) return error.reason;
    throw error;
  }
}

/** The refusal itself. */
export async function refusal(verifying: Promise<OidcIdentity>): Promise<OidcError> {
  const error: unknown = await verifying.then(
    ({ name }) => new Error(`expected a refusal, found ${name}`),
    (reason: unknown) => reason,
  );
  if (error instanceof OidcError) return error;
  throw error;
}

/** What a token of GitHub Actions says, as far as tests ask. */
export const GITHUB_CLAIMS = {
  sub: 'repo:octo-org/app:ref:refs/heads/main',
  repository: 'octo-org/app',
  repository_owner: 'octo-org',
  ref: 'refs/heads/main',
  ref_protected: 'true',
  run_id: '1658821493',
  run_number: 10,
};
