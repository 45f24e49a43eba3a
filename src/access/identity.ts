import { hash, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type Accounts, type Identity, NOBODY } from './accounts.ts';
import { parseCredentials } from './credentials.ts';
import { AuthenticationError } from './errors.ts';
import { type Evidence, type LogInContext, openLogIn } from './log-in.ts';
import { Session, type TokenScope } from './session.ts';
import { CERTIFICATE_PREFIX } from './subject.ts';
import { tokenScopeOf } from './token-scope.ts';
import type { Tokens } from './tokens.ts';

/** Says who a request comes from. */
export interface Authenticator {
  /**
   * Somebody who was let in before with the same evidence, if nothing has changed since; otherwise undefined, and
   * {@link authenticate} looks. It waits for nothing: most requests by far end here.
   */
  recognize(authorization: string | undefined, certificate: string | undefined): Session | undefined;
  /**
   * Somebody, or nobody if the request brings nothing.
   *
   * @throws {AuthenticationError} the evidence is not good; never says which part of it
   */
  authenticate(evidence: Evidence): Promise<Session>;
  /** The same, and what was proven: for whoever gives out something in return. */
  identify(evidence: Evidence): Promise<{ readonly session: Session; readonly identity: Identity }>;
  /** The same for a name and a password that come another way. */
  logIn(name: string, password: string, evidence: Evidence): Promise<Identity>;
  /** A session for somebody whose proof was looked at elsewhere. @throws {AuthenticationError} it no longer holds */
  sessionOf(identity: Identity): Promise<Session>;
}

export interface AuthenticatorContext extends LogInContext {
  readonly accounts: Accounts;
  readonly tokens: Tokens;
}

/** What was found good before, and what came of it. Rights are as of `version`. */
interface Remembered {
  readonly identity: Identity;
  readonly token: TokenScope | undefined;
  readonly expiresAt: number;
  /** Undefined for what no key of ours signed. */
  readonly keyIsGood: (() => Promise<boolean>) | undefined;
  session: Session;
  version: number;
}

// A client sends the same header thousands of times; a derivation of a quarter second for each would be all we did.
const REMEMBERED_MAX = 10_000;
const REMEMBERED_MS = 60_000;
// A token in use is not hashed for every request, which would be half of what letting it in costs. Passwords are: they
// are worth more than five minutes.
const RECENT_MAX = 1000;
const RECENT_MS = 1000;

/**
 * Opens the door.
 *
 * What was found good is remembered for a minute under a hash of the header and a secret of this process, so that a dump
 * of its memory gives no password. What is remembered is believed only as long as nothing changed: each request
 * reads the one number that every change of access raises, and after a change whether the password, robot or key is
 * still good, and what was granted, is read anew. So a new password, a disabled robot or a revoked grant counts from the
 * next request on, on every process.
 */
export function openAuthenticator(context: AuthenticatorContext): Authenticator {
  const { accounts, tokens, clock, workloads } = context;
  // One hash under a secret of this process; an HMAC object for each request would cost six times as much.
  const secret = randomBytes(32).toString('base64');
  const keyOf = (text: string): string => (text === '' ? '' : hash('sha256', secret + text, 'base64'));
  const remembered = new LRUCache<string, Remembered>({ max: REMEMBERED_MAX });
  const recent = new Map<string, Remembered>();
  const recall = (authorization: string | undefined, certificate: string | undefined): Remembered | undefined => {
    const token = authorization?.startsWith('Bearer ') === true ? authorization : undefined;
    const known = token === undefined ? undefined : recent.get(token);
    if (known !== undefined) return known;
    const found = remembered.get(keyOf(textOf(authorization, certificate)));
    if (found === undefined || token === undefined || recent.size >= RECENT_MAX) return found;
    if (recent.size === 0) setTimeout(() => recent.clear(), RECENT_MS).unref();
    recent.set(token, found);
    return found;
  };
  const underway = new Map<string, Promise<Remembered>>();
  const { logIn, logInWithToken } = openLogIn(context);

  const sessionOf = async (identity: Identity, token?: TokenScope): Promise<Session> => {
    const rights = await accounts.rightsOf(identity);
    if (rights === undefined) throw new AuthenticationError('credentials', 'what was proven no longer holds');
    return new Session(identity.principal, rights, token);
  };

  const remember = async (
    identity: Identity,
    rest: Partial<Pick<Remembered, 'token' | 'keyIsGood' | 'expiresAt'>> = {},
  ): Promise<Remembered> => {
    const { token, keyIsGood } = rest;
    // What an issuer vouches for is remembered by whoever asks the issuer, for as long as its keys are fresh.
    const ours = clock() + (identity.principal.kind === 'workload' && token === undefined ? 1000 : REMEMBERED_MS);
    const expiresAt = Math.min(rest.expiresAt ?? Infinity, identity.expiresAt ?? Infinity, ours);
    // The number first: a change that comes between the two is then seen as one by the next request.
    const version = await accounts.version();
    return { identity, token, keyIsGood, expiresAt, version, session: await sessionOf(identity, token) };
  };

  const examine = async (evidence: Evidence): Promise<Remembered> => {
    const { authorization = '', certificate } = evidence;
    if (authorization === '') {
      if (certificate === undefined) return await remember(NOBODY);
      return await remember(certificateIdentity(certificate));
    }
    const credentials = parseCredentials(authorization);
    if (credentials === undefined)
      throw new AuthenticationError('credentials', 'an Authorization header of no form we take');
    if (credentials.scheme === 'basic') {
      return await remember(await logIn(credentials.name, credentials.password, evidence));
    }
    const { token } = credentials;
    if (workloads.isForUs(token)) return await remember(await logInWithToken(token, evidence));
    const { identity, access, keyId, expiresAt } = await tokens.verify(token);
    const keyIsGood = (): Promise<boolean> => tokens.isSignedByGoodKey(keyId);
    return await remember(identity, { token: tokenScopeOf(access), expiresAt, keyIsGood });
  };

  const recognize: Authenticator['recognize'] = (authorization, certificate) => {
    const version = accounts.versionAtOnce();
    if (version === undefined) return undefined;
    const known = recall(authorization, certificate);
    return known?.version === version && known.expiresAt > clock() ? known.session : undefined;
  };

  /** Whether what is remembered still holds; brings it up to date if so. */
  const isGood = async (known: Remembered): Promise<boolean> => {
    if (known.expiresAt <= clock()) return false;
    const version = await accounts.version();
    if (version === known.version) return true;
    if (known.keyIsGood !== undefined && !(await known.keyIsGood())) return false;
    const rights = await accounts.rightsOf(known.identity);
    if (rights === undefined) return false;
    known.session = new Session(known.identity.principal, rights, known.token);
    known.version = version;
    return true;
  };

  /** Examines once, however many requests with this header arrive meanwhile. */
  const examineTogether = async (evidence: Evidence, key: string): Promise<Remembered> => {
    const running = underway.get(key) ?? examine(evidence);
    underway.set(key, running);
    try {
      const found = await running;
      remembered.set(key, found);
      return found;
    } finally {
      underway.delete(key);
    }
  };

  const identify = async (evidence: Evidence): Promise<Remembered> => {
    const key = keyOf(textOf(evidence.authorization, evidence.certificate));
    const known = remembered.get(key);
    if (known !== undefined) {
      if (await isGood(known)) return known;
      remembered.delete(key);
    }
    const found = await examineTogether(evidence, key);
    // Looked at again: it may have changed while a password was being checked.
    if (await isGood(found)) return found;
    throw new AuthenticationError('credentials', 'what was proven no longer holds');
  };

  return {
    recognize,
    authenticate: async (evidence) => (await identify(evidence)).session,
    identify,
    logIn,
    sessionOf: (identity) => sessionOf(identity),
  };
}

/** What evidence is remembered under. No header can be taken for a certificate, nor an empty one beside it for nothing. */
function textOf(authorization: string | undefined, certificate: string | undefined): string {
  if (authorization !== undefined && authorization !== '') return `authorization ${authorization}`;
  return certificate === undefined ? '' : `certificate ${certificate}`;
}

function certificateIdentity(value: string): Identity {
  return { principal: { name: `${CERTIFICATE_PREFIX}${value}`, kind: 'certificate' }, stamp: '', groups: [] };
}
