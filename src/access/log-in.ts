import { timingSafeEqual } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { NewEvent, Origin } from '#metadata/events.ts';
import { findRobotCredential } from '#metadata/robots.ts';
import type { Sql } from '#metadata/sql.ts';
import { findPasswordHash, replacePasswordHash } from '#metadata/users.ts';
import { type Identity, stampOf } from './accounts.ts';
import { AccessError, AuthenticationError } from './errors.ts';
import { impossibleHash, needsRehash, rehashPassword, verifyPassword } from './password.ts';
import { hashSecret } from './secret.ts';
import { isLocalName, isRobotName } from './subject.ts';
import type { Throttle } from './throttle.ts';

/** What a request brings to say who it comes from. */
export interface Evidence {
  /** The `Authorization` header. It counts before everything else: wrong, it is not made up for by a certificate. */
  readonly authorization: string | undefined;
  /** What the client certificate says, if it was checked and is one of those taken for an identity. */
  readonly certificate?: string | undefined;
  readonly address: string;
  readonly requestId: string;
}

/** Whoever can say of an issuer's token whose it is. */
export interface Workloads {
  /** Whether a token claims to be of an issuer we know; says nothing of whether it is good. */
  isForUs(token: string): boolean;
  /** @throws {AuthenticationError} */
  verify(token: string): Promise<Identity>;
}

/** What logging in works with. */
export interface LogInContext {
  readonly metadata: Sql;
  readonly clock: () => number;
  readonly throttle: Throttle;
  /** Workloads, by the tokens of their issuers. */
  readonly workloads: Workloads;
  /** No wrong password is answered sooner, so that no difference in our work can be seen. */
  readonly failureDelayMs: number;
  /** For the audit trail. */
  readonly note: (origin: Origin, event: NewEvent) => void;
}

/** The user name that stands for "the password is a workload's token". */
const WORKLOAD_USER = 'oidc';
/** How long a workload that came from an address is not announced again. */
const GREETED_MS = 10 * 60_000;
const GREETED_MAX = 10_000;

/** Who it is, or why it is nobody: for the audit trail, never for who tried. */
type Checked =
  | { readonly identity: Identity; readonly refusal?: never }
  | { readonly identity?: never; readonly refusal: string };

/** Names with passwords, robots with secrets, workloads with tokens: whatever is tried and can be guessed at. */
export interface LogIn {
  /** @throws {AuthenticationError} credentials, slow-down, and token or unavailable for a workload's */
  readonly logIn: (name: string, password: string, evidence: Evidence) => Promise<Identity>;
  /** @throws {AuthenticationError} token, unavailable */
  readonly logInWithToken: (token: string, evidence: Evidence) => Promise<Identity>;
}

export function openLogIn(context: LogInContext): LogIn {
  const { metadata, clock, throttle, workloads, failureDelayMs, note } = context;
  const nobody = impossibleHash();
  // Their tokens are looked at all the time, by somebody who remembers them: that is not a login each time.
  const greeted = new LRUCache<string, true>({ max: GREETED_MAX, ttl: GREETED_MS });

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
  const found = Buffer.from(hashSecret(secret));
  const expected = Buffer.from(secretHash.padEnd(found.length, ' '));
  return expected.length === found.length && timingSafeEqual(found, expected);
}

/** People type passwords into the field for names: what is no possible name is not kept. */
function shown(name: string): string {
  return isRobotName(name) || isLocalName(name) ? name : '(no possible name)';
}
