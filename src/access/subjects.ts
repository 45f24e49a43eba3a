import { groupExists } from '#metadata/groups.ts';
import { findRobot } from '#metadata/robots.ts';
import type { Sql } from '#metadata/sql.ts';
import { findPasswordHash } from '#metadata/users.ts';
import type { Change } from './change.ts';
import { AccessError } from './errors.ts';
import { unknownRobot } from './robots.ts';
import { type Scope, covers } from './scope.ts';
import { ANONYMOUS, AUTHENTICATED, type Subject, isRobotName, isSubjectName } from './subject.ts';

const SYSTEM_PREFIX = 'system:';

/**
 * Refuses a subject that there is not: the role would lie in wait for whoever takes that name. Names with a colon are
 * vouched for from outside, and nobody here can take one.
 *
 * @throws {AccessError} name-invalid, user-unknown, group-unknown, robot-unknown, invalid
 */
export async function checkSubject(change: Change, subject: Subject, scope: Scope): Promise<void> {
  const { kind, name } = subject;
  if (name === ANONYMOUS || name === AUTHENTICATED) return;
  if (kind === 'user') {
    await checkMember(change.sql, name);
    if (isRobotName(name)) await checkRobotScope(change, name, scope);
    return;
  }
  if (isForeign(name)) return;
  if (!(await groupExists(change.sql, name))) throw unknownGroup(name);
}

/**
 * Refuses a user or robot that there is not.
 *
 * @throws {AccessError} name-invalid, user-unknown, robot-unknown
 */
export async function checkMember(sql: Sql, name: string): Promise<void> {
  if (isForeign(name)) return;
  if (isRobotName(name)) {
    if ((await findRobot(sql, name)) === undefined) throw unknownRobot(name);
    return;
  }
  if ((await findPasswordHash(sql, name)) === undefined) throw unknownUser(name);
}

/** Whether an issuer or a certificate vouches for the name. @throws {AccessError} name-invalid */
function isForeign(name: string): boolean {
  if (!name.includes(':')) return false;
  if (isSubjectName(name) && !name.startsWith(SYSTEM_PREFIX)) return true;
  const message = `expected ${ANONYMOUS}, ${AUTHENTICATED} or a name that an issuer vouches for, found ${JSON.stringify(name)}`;
  throw new AccessError('name-invalid', message);
}

/** Outside its own scope no role gives a robot anything; whoever may not manage it does not learn of it. */
async function checkRobotScope({ sql, caller }: Change, name: string, scope: Scope): Promise<void> {
  const robot = await findRobot(sql, name);
  if (robot === undefined) throw unknownRobot(name);
  if (covers(robot.scope, scope) || covers(scope, robot.scope)) return;
  if (!caller.session.holds('grant', robot.scope)) throw unknownRobot(name);
  throw new AccessError('invalid', `${name} is bound to ${robot.scope}, so a role on ${scope} would give it nothing`);
}

export function unknownUser(name: string): AccessError {
  return new AccessError('user-unknown', `there is no user ${JSON.stringify(name)}`);
}

export function unknownGroup(name: string): AccessError {
  return new AccessError('group-unknown', `there is no group ${JSON.stringify(name)}`);
}
