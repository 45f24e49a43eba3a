import { type Robot, findRobot } from '#metadata/robots.ts';
import type { Sql } from '#metadata/sql.ts';
import { AccessError } from './errors.ts';
import type { Caller } from './session.ts';

/**
 * A robot that the caller may manage. One they may not is answered for exactly as one that does not exist.
 *
 * @throws {AccessError} robot-unknown
 */
export async function managedRobot(sql: Sql, caller: Caller, name: string): Promise<Robot> {
  const robot = await findRobot(sql, name);
  if (robot !== undefined && caller.session.holds('grant', robot.scope)) return robot;
  throw unknownRobot(name);
}

export function unknownRobot(name: string): AccessError {
  return new AccessError('robot-unknown', `there is no robot ${JSON.stringify(name)}`);
}
