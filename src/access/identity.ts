import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { NewEvent, Origin } from '#metadata/events.ts';
import { findRobotCredential } from '#metadata/robots.ts';
import type { Sql } from '#metadata/sql.ts';
import { findPasswordHash, replacePasswordHash } from '#metadata/users.ts';
import { type Accounts, type Identity, NOBODY, stampOf } from './accounts.ts';
import { parseCredentials } from './credentials.ts';
import { AccessError, AuthenticationError } from './errors.ts';
import { impossibleHash, needsRehash, rehashPassword, verifyPassword } from './password.ts';
import { Session, type TokenScope } from './session.ts';
import { CERTIFICATE_PREFIX, isRobotName } from './subject.ts';
import type { Throttle } from './throttle.ts';
import { tokenScopeOf } from './token-scope.ts';
import type { Tokens } from './tokens.ts';

/** What a request brings to say who it comes from. */
export interface Evidence {
  /** The `Authorization` header. It counts before everything else: wrong, it is not made up for by a certificate. */
  readonly authorization: string | undefined;
  /** What the client certificate says, if it was checked and is one of those taken for an identity. */
  readonly certificate?: string | undefined;
  readonly address: string;
  readonly requestId: string;
}

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

export interface AuthenticatorContext {
  readonly metadata: Sql;
  readonly clock: () => number;
  readonly accounts: Accounts;
  readonly tokens: Tokens;
  readonly throttle: Throttle;
  /** Workloads, by the tokens of their issuers. */
  readonly workloads: Workloads;
  /** No wrong password is answered sooner, so that no difference in our work can be seen. */
  readonly failureDelayMs: number;
  /** For the audit trail. */
  readonly note: (origin: Origin, event: NewEvent) => void;
}

/** Whoever can say of an issuer's token whose it is. */
export interface Workloads {
  /** Whether a token claims to be of an issuer we know; says nothing of whether it is good. */
  isForUs(token: string): boolean;
  /** @throws {AuthenticationError} */
  verify(token: string): Promise<Identity>;
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

/** The user name that stands for "the password is a workload's token". */
const WORKLOAD_USER = 'oidc';
// A client sends the same header thousands of times; a derivation of a quarter second for each would be all we did.
const REMEMBERED_MAX = 10_000;
const REMEMBERED_MS = 60_000;
// A token in use is not hashed for every request, which would be half of what letting it in costs. Passwords are: they
// are worth more than five minutes.
const RECENT_MAX = 1000;
const RECENT_MS = 1000;
/** How long a workload that came from an address is not announced again. */
const GREETED_MS = 10 * 60_000;

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
  const { logIn, logInWithToken } = passwordDoor(context);

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

/** Who it is, or why it is nobody: for the audit trail, never for who tried. */
type Checked =
  | { readonly identity: Identity; readonly refusal?: never }
  | { readonly identity?: never; readonly refusal: string };

interface PasswordDoor {
  readonly logIn: (name: string, password: string, evidence: Evidence) => Promise<Identity>;
  readonly logInWithToken: (token: string, evidence: Evidence) => Promise<Identity>;
}

/** Names with passwords, robots with secrets, workloads with tokens: whatever is tried and can be guessed at. */
function passwordDoor(context: AuthenticatorContext): PasswordDoor {
  const { metadata, clock, throttle, workloads, failureDelayMs, note } = context;
  const nobody = impossibleHash();
  // Their tokens are looked at all the time, by somebody who remembers them: that is not a login each time.
  const greeted = new LRUCache<string, true>({ max: REMEMBERED_MAX, ttl: GREETED_MS });

  const checkUser = async (name: string, password: string): Promise<Checked> => {
    const passwordHash = await findPasswordHash(metadata, name);
    // An unknown name is worked on like any other.
    const isRight = await verifyPassword(password, passwordHash ?? nobody);
    if (!isRight || passwordHash === undefined) return { refusal: 'wrong name or password' };
    if (!needsRehash(passwordHash)) {
      return { identity: { principal: { name, kind: 'user' }, stamp: stampOf(passwordHash), groups: [] } };
    }
    const to = await rehashPassword(password);
    await metadata.transaction((inside) => replacePasswordHash(inside, { name, from: passwordHash, to }));
    // Another login may have replaced it at the same moment, or somebody set another password.
    return await checkUser(name, password);
  };

  const checkRobot = async (name: string, secret: string): Promise<Checked> => {
    const robot = await findRobotCredential(metadata, name);
    const isRight = secretFits(secret, robot?.secretHash ?? '');
    if (!isRight || robot === undefined) return { refusal: 'wrong name or secret' };
    if (robot.disabledAt !== null) return { refusal: 'the robot is disabled' };
    const expiresAt = robot.expiresAt ?? undefined;
    if (expiresAt !== undefined && expiresAt <= clock()) return { refusal: 'the robot has expired' };
    return {
      identity: { principal: { name, kind: 'robot' }, stamp: stampOf(robot.secretHash), groups: [], expiresAt },
    };
  };

  const tell = (actor: string, { address, requestId }: Evidence, refusal?: string): void =>
    note(
      { actor, address, requestId },
      { kind: 'login', ...(refusal === undefined ? {} : { outcome: 'refused', reason: refusal }) },
    );

  const logInWithToken = async (token: string, evidence: Evidence): Promise<Identity> => {
    try {
      const identity = await workloads.verify(token);
      const { name } = identity.principal;
      const visit = `${name} ${evidence.address}`;
      if (!greeted.has(visit)) tell(name, evidence);
      greeted.set(visit, true);
      return identity;
    } catch (error) {
      if (error instanceof AuthenticationError) tell('oidc', evidence, error.message);
      throw error;
    }
  };

  return {
    logInWithToken,
    async logIn(name, password, evidence) {
      if (name === WORKLOAD_USER && workloads.isForUs(password)) return await logInWithToken(password, evidence);
      const began = performance.now();
      const isRobot = isRobotName(name);
      // A robot's secret is not one that can be guessed: whoever tries must not keep the robot out.
      const account = isRobot ? undefined : name;
      await throttle.wait(account, evidence.address);
      const checked = await (isRobot ? checkRobot : checkUser)(name, password).catch(asSlowDown);
      if (checked.identity !== undefined) {
        throttle.succeeded(account);
        tell(name, evidence);
        return checked.identity;
      }
      throttle.failed(account, evidence.address);
      tell(shown(name), evidence, checked.refusal);
      await wait(Math.max(failureDelayMs - (performance.now() - began), 0));
      throw new AuthenticationError('credentials', checked.refusal);
    },
  };
}

/** So many passwords wait to be checked that this one was not: a crowd, whoever they are. */
function asSlowDown(error: unknown): never {
  if (!(error instanceof AccessError) || error.reason !== 'busy') throw error;
  throw new AuthenticationError('slow-down', 'too many passwords to check', { cause: error });
}

function secretFits(secret: string, secretHash: string): boolean {
  const found = Buffer.from(hash('sha256', secret, 'hex'));
  const expected = Buffer.from(secretHash.padEnd(found.length, ' '));
  return expected.length === found.length && timingSafeEqual(found, expected);
}

/** People type passwords into the field for names: what is no possible name is not kept. */
function shown(name: string): string {
  return isRobotName(name) || /^[a-z0-9][a-z0-9._@-]{0,63}$/.test(name) ? name : '(no possible name)';
}
