import type { Identity } from './accounts.ts';
import { AuthenticationError } from './errors.ts';
import type { Workloads } from './log-in.ts';
import { type OidcContext, OidcError, openOidc } from './oidc.ts';
import type { OidcIssuer } from './oidc-options.ts';

/** Takes the tokens of OIDC issuers for identities. */
export function openWorkloads(issuers: readonly OidcIssuer[], context: OidcContext): Workloads {
  const oidc = openOidc(issuers, context);
  return {
    isForUs: (token) => oidc.isForUs(token),
    async verify(token): Promise<Identity> {
      try {
        const { name, groups, expiresAt } = await oidc.verify(token);
        return { principal: { name, kind: 'workload' }, stamp: '', groups, expiresAt };
      } catch (error) {
        if (!(error instanceof OidcError)) throw error;
        const reason = error.reason === 'unreachable' ? 'unavailable' : 'token';
        throw new AuthenticationError(reason, error.message, { cause: error });
      }
    },
  };
}
