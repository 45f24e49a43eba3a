import type { Exchange } from './exchange.ts';
import type { Urls } from './urls.ts';

/** Why a token did not do. RFC 6750, section 3.1. */
export type TokenFault = 'invalid_token' | 'insufficient_scope';

/** Tells a client how to come in. Distribution Spec v1.1.1 leaves it to RFC 9110, section 11.6.1. */
export interface Challenges {
  /** Docker's token flow: where to get a token, and for what. */
  bearer(exchange: Exchange, scope: string | undefined, fault: TokenFault | undefined): void;
  /** Name and password: for pages that no registry client asks for. */
  basic(exchange: Exchange): void;
}

export function openChallenges(urls: Urls, service: string): Challenges {
  return {
    bearer(exchange, scope, fault) {
      const parts = [`realm="${urls.reached(exchange)}/token"`, `service="${service}"`];
      if (scope !== undefined) parts.push(`scope="${scope}"`);
      if (fault !== undefined) parts.push(`error="${fault}"`);
      exchange.set('WWW-Authenticate', `Bearer ${parts.join(',')}`);
    },
    basic(exchange) {
      exchange.set('WWW-Authenticate', 'Basic realm="Gatehouse", charset="UTF-8"');
    },
  };
}
