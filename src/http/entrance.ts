import { AuthenticationError } from '#access/errors.ts';
import type { Authenticator } from '#access/identity.ts';
import type { Evidence } from '#access/log-in.ts';
import type { Permission } from '#access/permissions.ts';
import type { Session } from '#access/session.ts';
import { scopeFor } from '#access/token-scope.ts';
import type { NewEvent, Origin } from '#metadata/events.ts';
import { RegistryError } from '#oci/errors.ts';
import { isName } from '#oci/name.ts';
import type { Challenges, TokenFault } from './challenge.ts';
import { type Exchange, originOf, sessionOf } from './exchange.ts';
import { isFromHere } from './loopback.ts';

/**
 * Who may come in where.
 *
 * - `anyone`: nobody is asked who they are
 * - `operator`: this machine alone
 * - `user`: somebody, with whatever they came with
 * - `visitor`: somebody, or nobody with a token that says so: the way clients find out how to come in
 * - `catalog`: as `visitor`; the list shows what they may see
 * - `api`: somebody, with a password or with a token that is for the API
 * - of a repository: whoever has the permission there. Of a manifest it may depend on how it is named.
 */
export type Requirement = 'anyone' | 'operator' | 'user' | 'visitor' | 'catalog' | 'api' | RepositoryRequirement;

export interface RepositoryRequirement {
  readonly repository: Permission | { readonly tag: Permission; readonly digest: Permission };
  /**
   * What those hear who may not even see the repository: that there is nothing, or that they may not. Where something
   * would come into being if they might, nothing is there to hide.
   */
  readonly unseen: 'nothing' | 'denied';
  /** Who asks brings no credentials, and a challenge would be the end of it: whoever may not hears that there is nothing. */
  readonly challenge?: 'never';
}

/** What became of a request at the entrance: it goes on, or is answered as if nothing were there. */
export type Admission = 'admitted' | 'unseen';

export interface EntranceSurroundings {
  readonly authenticator: Authenticator;
  readonly challenges: Challenges;
  /** What a checked client certificate says of who it is. */
  readonly certificateOf: (exchange: Exchange) => string | undefined;
  /** For the audit trail. */
  readonly note: (origin: Origin, event: NewEvent) => void;
}

/**
 * Lets a request in that meets the requirement of its route.
 *
 * A promise only when somebody has to be looked at first: who was recognized waits for nothing.
 *
 * @throws {RegistryError} UNAUTHORIZED, DENIED, TOOMANYREQUESTS
 */
export type Entrance = (exchange: Exchange, requirement: Requirement) => Admission | Promise<Admission>;

/** What is asked of somebody, rather than of the place they ask from. */
type PersonalRequirement = Exclude<Requirement, 'anyone' | 'operator'>;

export function openEntrance(surroundings: EntranceSurroundings): Entrance {
  const { authenticator, certificateOf, challenges } = surroundings;
  const challenge = (exchange: Exchange, requirement: PersonalRequirement, fault?: TokenFault): void => {
    if (requirement === 'user') challenges.basic(exchange);
    else challenges.bearer(exchange, scopeOf(exchange, requirement), fault);
  };
  const admit = (exchange: Exchange, requirement: PersonalRequirement, session: Session): Admission => {
    exchange.state.session = session;
    if (typeof requirement === 'object') return ofRepository(exchange, requirement, surroundings);
    if (isEnough(session, requirement)) return 'admitted';
    challenge(exchange, requirement, session.token === undefined ? undefined : 'insufficient_scope');
    throw new RegistryError('UNAUTHORIZED', 'authentication required');
  };
  const identify = async (exchange: Exchange, requirement: PersonalRequirement): Promise<Session> => {
    try {
      return await authenticator.authenticate(evidenceOf(exchange, certificateOf(exchange)));
    } catch (error) {
      if (!(error instanceof AuthenticationError)) throw error;
      if (error.reason === 'credentials') challenge(exchange, requirement);
      if (error.reason === 'token') challenge(exchange, requirement, 'invalid_token');
      throw error;
    }
  };
  const lookAt = async (exchange: Exchange, requirement: PersonalRequirement): Promise<Admission> =>
    admit(exchange, requirement, await identify(exchange, requirement));

  return (exchange, requirement) => {
    if (requirement === 'anyone') return 'admitted';
    if (requirement === 'operator') {
      if (isFromHere(exchange.req)) return 'admitted';
      throw new RegistryError('DENIED', 'metrics are given to this machine alone; see http.metrics.access');
    }
    const session = authenticator.recognize(exchange.req.headers.authorization, certificateOf(exchange));
    return session === undefined ? lookAt(exchange, requirement) : admit(exchange, requirement, session);
  };
}

/** What credentials a request came with, for whoever looks at them. */
export function evidenceOf(exchange: Exchange, certificate: string | undefined): Evidence {
  const { address, requestId } = originOf(exchange);
  return { authorization: exchange.req.headers.authorization, certificate, address, requestId };
}

function isEnough(session: Session, requirement: 'user' | 'visitor' | 'catalog' | 'api'): boolean {
  switch (requirement) {
    case 'user':
      return !session.isAnonymous && session.token === undefined;
    case 'visitor':
      return !session.isAnonymous || session.token !== undefined;
    case 'catalog':
      return session.token === undefined ? !session.isAnonymous : session.token.catalog;
    case 'api':
      return !session.isAnonymous && (session.token === undefined || session.token.api);
  }
}

function ofRepository(
  exchange: Exchange,
  requirement: RepositoryRequirement,
  { challenges, note }: EntranceSurroundings,
): Admission {
  const session = sessionOf(exchange);
  const { name } = exchange.params;
  const permission = permissionOf(exchange, requirement);
  if (session.may(permission, name)) return 'admitted';
  // What no repository can be called is told so by whoever parses it, to everybody who is somebody.
  if (!isName(name) && !session.isAnonymous) return 'admitted';
  const scope = isName(name) ? scopeFor(permission, name) : undefined;
  if (requirement.challenge === 'never') return 'unseen';
  if (session.isAnonymous) {
    challenges.bearer(exchange, scope, session.token === undefined ? undefined : 'insufficient_scope');
    throw new RegistryError('UNAUTHORIZED', 'authentication required');
  }
  if (session.holds(permission, name)) {
    challenges.bearer(exchange, scope, 'insufficient_scope');
    throw new RegistryError('UNAUTHORIZED', 'the token is for something else', { detail: { needed: scope } });
  }
  const isSeen = session.holds('pull', name);
  note(originOf(exchange), {
    kind: 'access.refuse',
    outcome: 'refused',
    repository: name,
    reason: `no permission to ${permission}`,
    detail: { route: exchange.state.route, seen: isSeen },
  });
  if (!isSeen && requirement.unseen === 'nothing') return 'unseen';
  throw new RegistryError('DENIED', `no permission to ${permission} here`, {
    detail: { repository: name, permission },
  });
}

function permissionOf(exchange: Exchange, { repository }: RepositoryRequirement): Permission {
  if (typeof repository === 'string') return repository;
  return exchange.params.reference.includes(':') ? repository.digest : repository.tag;
}

/** What a token would have to be for. */
function scopeOf(exchange: Exchange, requirement: Requirement): string | undefined {
  if (requirement === 'catalog') return 'registry:catalog:*';
  if (requirement === 'api') return 'registry:api:*';
  if (typeof requirement !== 'object' || !isName(exchange.params.name)) return undefined;
  return scopeFor(permissionOf(exchange, requirement), exchange.params.name);
}
