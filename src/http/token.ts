import { type Identity, NOBODY } from '#access/accounts.ts';
import { AuthenticationError } from '#access/errors.ts';
import type { Access } from '#access/open.ts';
import type { Session } from '#access/session.ts';
import { type ResourceActions, narrow, parseScopes } from '#access/token-scope.ts';
import type { NewEvent, Origin } from '#metadata/events.ts';
import { readSmallBody } from './body.ts';
import { evidenceOf } from './entrance.ts';
import { type Exchange, type Handler, originOf, parameter, parameters } from './exchange.ts';

/** Docker's token specification, both ways of it, and the keys to check its tokens with. */
export interface TokenHandlers {
  readonly get: Handler;
  readonly post: Handler;
  readonly jwks: Handler;
}

/** What tokens are made of. */
export interface TokenSurroundings extends Access {
  /** What a checked client certificate says of who it is. */
  readonly certificateOf: (exchange: Exchange) => string | undefined;
  /** For the audit trail. */
  readonly note: (origin: Origin, event: NewEvent) => void;
}

/** The error codes of RFC 6749, section 5.2, that there is reason for. */
type OAuthCode = 'invalid_request' | 'invalid_client' | 'invalid_grant' | 'invalid_scope' | 'unsupported_grant_type';

/** What is wrong with a request for a token. */
class OAuthError extends Error {
  readonly code: OAuthCode;
  readonly status: 400 | 401;

  constructor(code: OAuthCode, message: string, status: 400 | 401 = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** What a client asks for, whichever way it asks. */
interface TokenRequest {
  readonly identity: Identity;
  readonly access: readonly ResourceActions[];
  readonly refreshToken: string | undefined;
}

/** Names and tokens of a few hundred characters, and some scopes. */
const FORM_MAX_BYTES = 64 * 1024;

export function tokenHandlers(surroundings: TokenSurroundings): TokenHandlers {
  const { tokens, keys, note } = surroundings;

  const answer = async (exchange: Exchange, { identity, access, refreshToken }: TokenRequest, name: string) => {
    const { token, lifetimeSeconds, issuedAt } = await tokens.issue(identity, access);
    const scope = access.map(({ type, name: of, actions }) => `${type}:${of}:${actions.join(',')}`).join(' ');
    note({ ...originOf(exchange), actor: identity.principal.name }, { kind: 'token.issue', detail: { scope } });
    exchange.body = {
      [name]: token,
      ...(name === 'token' ? { access_token: token } : { scope, token_type: 'Bearer' }),
      expires_in: lifetimeSeconds,
      issued_at: new Date(issuedAt).toISOString(),
      ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    };
  };

  /** Answers in the words of both specifications: clients read one or the other. */
  const guarded = (work: Handler): Handler => {
    return async (exchange) => {
      exchange.set('Cache-Control', 'no-store');
      try {
        await work(exchange);
      } catch (thrown) {
        const error = asOAuth(thrown);
        if (error.status === 401) exchange.set('WWW-Authenticate', 'Basic realm="Gatehouse", charset="UTF-8"');
        exchange.status = error.status;
        const code = error.status === 401 ? 'UNAUTHORIZED' : 'UNSUPPORTED';
        exchange.body = {
          error: error.code,
          error_description: error.message,
          errors: [{ code, message: error.message }],
        };
      }
    };
  };

  return {
    get: guarded(async (exchange) => await answer(exchange, await asked(exchange, surroundings), 'token')),
    post: guarded(async (exchange) => await answer(exchange, await posted(exchange, surroundings), 'access_token')),
    async jwks(exchange) {
      exchange.set('Cache-Control', 'public, max-age=300');
      exchange.body = await keys.published();
    },
  };
}

/** `GET /token`. Docker's token specification, "Requesting a Token". */
async function asked(exchange: Exchange, surroundings: TokenSurroundings): Promise<TokenRequest> {
  requireService(parameter(exchange, 'service'), surroundings);
  const requested = scopesOf(parameters(exchange, 'scope'));
  const { identity, session } = await surroundings.authenticator.identify(
    evidenceOf(exchange, surroundings.certificateOf(exchange)),
  );
  // A token that could buy the next one would never end.
  if (session.token !== undefined) throw new OAuthError('invalid_client', 'a token of ours buys no other', 401);
  if (identity === NOBODY && session.rights.scopesWith('pull').length === 0) {
    throw new OAuthError('invalid_client', 'there is nothing here for those who do not log in', 401);
  }
  const isOffline = parameter(exchange, 'offline_token') === 'true';
  return {
    identity,
    access: narrow(requested, session.rights, session.isAnonymous),
    refreshToken: isOffline ? await surroundings.refreshTokens.issue(identity) : undefined,
  };
}

/** `POST /token`. Docker's OAuth2 token specification; RFC 6749, sections 4.3 and 6. */
async function posted(exchange: Exchange, surroundings: TokenSurroundings): Promise<TokenRequest> {
  const form = await readForm(exchange);
  requireService(form.get('service') ?? undefined, surroundings);
  const requested = scopesOf(form.getAll('scope'));
  const { identity, session, kept } = await granted(exchange, form, surroundings);
  const wantsRefresh = kept === undefined && form.get('access_type') === 'offline';
  return {
    identity,
    access: narrow(requested, session.rights, session.isAnonymous),
    refreshToken: wantsRefresh ? await surroundings.refreshTokens.issue(identity) : kept,
  };
}

async function granted(
  exchange: Exchange,
  form: URLSearchParams,
  { authenticator, refreshTokens }: TokenSurroundings,
): Promise<{ identity: Identity; session: Session; kept: string | undefined }> {
  const required = (name: string): string => {
    const value = form.get(name);
    if (value === null || value === '') throw new OAuthError('invalid_request', `expected a field ${name}`);
    return value;
  };
  switch (form.get('grant_type')) {
    case 'password': {
      const evidence = evidenceOf(exchange, undefined);
      const identity = await authenticator.logIn(required('username'), required('password'), evidence);
      return { identity, session: await authenticator.sessionOf(identity), kept: undefined };
    }
    case 'refresh_token': {
      const kept = required('refresh_token');
      const identity = await refreshTokens.redeem(kept);
      return { identity, session: await authenticator.sessionOf(identity), kept };
    }
    default:
      throw new OAuthError('unsupported_grant_type', 'expected grant_type to be password or refresh_token');
  }
}

async function readForm(exchange: Exchange): Promise<URLSearchParams> {
  const type = exchange.req.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') {
    throw new OAuthError('invalid_request', 'expected a body of type application/x-www-form-urlencoded');
  }
  return new URLSearchParams((await readSmallBody(exchange.req, FORM_MAX_BYTES)).toString('utf8'));
}

function requireService(service: string | undefined, { service: ours }: TokenSurroundings): void {
  if (service === undefined || service === ours) return;
  throw new OAuthError('invalid_request', `expected the service ${ours}`);
}

function scopesOf(texts: readonly string[]): ResourceActions[] {
  const scopes = parseScopes(texts);
  if (scopes === undefined)
    throw new OAuthError('invalid_scope', 'expected at most 50 scopes of the form type:name:actions');
  return scopes;
}

/** @throws whatever is not about the request */
function asOAuth(thrown: unknown): OAuthError {
  if (thrown instanceof OAuthError) return thrown;
  if (!(thrown instanceof AuthenticationError)) throw thrown;
  switch (thrown.reason) {
    case 'credentials':
      return new OAuthError('invalid_grant', 'the name and password are not those of a user', 401);
    case 'token':
      return new OAuthError('invalid_grant', 'the token is not valid here, or no longer', 401);
    case 'slow-down':
    case 'unavailable':
      throw thrown;
  }
}
