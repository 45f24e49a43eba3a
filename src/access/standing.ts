import { type Grant, grantsTo } from '#metadata/grants.ts';
import { groupsOf } from '#metadata/groups.ts';
import { type Robot, findRobot } from '#metadata/robots.ts';
import type { Sql } from '#metadata/sql.ts';
import { type Permission, includes, listed, permissionsOf } from './permissions.ts';
import { covers, scopeText } from './scope.ts';
import { ANONYMOUS, AUTHENTICATED, isRobotName } from './subject.ts';

/** A role that somebody has, and the group it came through if it was not given to them. */
export interface Held {
  readonly role: string;
  readonly scope: string;
  readonly group?: string;
}

/** What is known here of somebody: what they hold, and what keeps them out in spite of it. */
export interface Standing {
  readonly held: readonly Held[];
  /** Why they could not come in, or not reach the repository. */
  readonly obstacle: string | undefined;
}

/** What somebody holds that bears on a repository. */
export async function standingOf(
  sql: Sql,
  { name, repository, now }: { name: string; repository: string; now: number },
): Promise<Standing> {
  const groups = name === ANONYMOUS ? [ANONYMOUS] : [...(await groupsOf(sql, name)), AUTHENTICATED, ANONYMOUS];
  const grants = await grantsTo(sql, name === ANONYMOUS ? '' : name, groups);
  const held = grants.filter(({ scope }) => covers(scope, repository)).map(heldBy);
  const robot = isRobotName(name) ? await findRobot(sql, name) : undefined;
  return { held, obstacle: robot === undefined ? undefined : robotObstacle(robot, repository, now) };
}

/** A grant as what somebody holds by it. */
export function heldBy({ kind, subject, role, scope }: Grant): Held {
  return { role, scope, ...(kind === 'group' ? { group: subject } : {}) };
}

/** What keeps a robot from a repository, whatever it was given. */
export function robotObstacle(robot: Robot, repository: string, now: number): string | undefined {
  if (robot.disabledAt !== null) return `${robot.name} is disabled`;
  if (robot.expiresAt !== null && robot.expiresAt <= now) return `${robot.name} has expired`;
  if (!covers(robot.scope, repository)) return `${robot.name} is bound to ${robot.scope}`;
  return undefined;
}

/** Whether a role gives a permission. */
export function gives(role: string, permission: Permission): boolean {
  return includes(permissionsOf(role), permission);
}

/** What lets somebody in: `registry-editor on team-a/ through group devs`. */
export function heldText({ role, scope, group }: Held): string {
  const place = scope === '*' ? scopeText(scope) : scope;
  return `${role} on ${place}${group === undefined ? '' : ` through group ${group}`}`;
}

/** What somebody holds who lacks a permission, and what would give it. */
export function lackText(held: readonly Held[], permission: Permission, roles: readonly string[]): string {
  const needed = `${permission} takes ${roles.join(' or ')}`;
  if (held.length === 0) return `no role there; ${needed}`;
  const most = listed(held.reduce((set, { role }) => set | permissionsOf(role), 0));
  return `${held.map(heldText).join(', ')}, which gives no more than ${most.join(', ')}; ${needed}`;
}
