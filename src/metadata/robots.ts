import { countAccessChange } from './access-state.ts';
import { type Sql, first, sql } from './sql.ts';

/** A service account. Times are milliseconds since the epoch. */
export interface Robot {
  /** Begins with `robot+`. */
  readonly name: string;
  /** Bounds what any grant can give it. */
  readonly scope: string;
  readonly description: string;
  readonly createdAt: number;
  readonly createdBy: string;
  /** When its secret was last made. */
  readonly rotatedAt: number;
  readonly expiresAt: number | null;
  readonly disabledAt: number | null;
}

/** A robot with what its secret is checked against. */
export interface RobotCredential extends Pick<Robot, 'name' | 'scope' | 'expiresAt' | 'disabledAt'> {
  readonly secretHash: string;
}

/** Returns false when there is such a robot already. */
export async function insertRobot(database: Sql, robot: Robot & { secretHash: string }): Promise<boolean> {
  const rows = await database.all(sql`
    insert into robots
      (name, secret_hash, scope, description, created_at, created_by, rotated_at, expires_at, disabled_at)
    values (${robot.name}, ${robot.secretHash}, ${robot.scope}, ${robot.description}, ${robot.createdAt},
      ${robot.createdBy}, ${robot.rotatedAt}, ${robot.expiresAt}, ${robot.disabledAt})
    on conflict (name) do nothing returning name`);
  if (rows.length === 1) await countAccessChange(database);
  return rows.length === 1;
}

export async function findRobot(database: Sql, name: string): Promise<Robot | undefined> {
  return await first<Robot>(
    database,
    sql`
    select name as "name", scope as "scope", description as "description", created_at as "createdAt",
      created_by as "createdBy", rotated_at as "rotatedAt", expires_at as "expiresAt", disabled_at as "disabledAt"
    from robots where name = ${name}`,
  );
}

/** What a robot's secret is checked against. */
export async function findRobotCredential(database: Sql, name: string): Promise<RobotCredential | undefined> {
  return await first<RobotCredential>(
    database,
    sql`
    select name as "name", secret_hash as "secretHash", scope as "scope", expires_at as "expiresAt",
      disabled_at as "disabledAt"
    from robots where name = ${name}`,
  );
}

/** Every robot, in byte order of their names. */
export async function listRobots(database: Sql): Promise<Robot[]> {
  return await database.all<Robot>(sql`
    select name as "name", scope as "scope", description as "description", created_at as "createdAt",
      created_by as "createdBy", rotated_at as "rotatedAt", expires_at as "expiresAt", disabled_at as "disabledAt"
    from robots order by name`);
}

/** Gives a robot another secret, and another end when one is given. Returns false when there is no such robot. */
export async function setRobotSecret(
  database: Sql,
  robot: { name: string; secretHash: string; expiresAt: number | null },
  now: number,
): Promise<boolean> {
  const rows = await database.all(sql`
    update robots set secret_hash = ${robot.secretHash}, rotated_at = ${now}, expires_at = ${robot.expiresAt}
    where name = ${robot.name} returning name`);
  if (rows.length === 1) await countAccessChange(database);
  return rows.length === 1;
}

/** Returns false when there is no such robot. */
export async function setRobotDisabled(database: Sql, name: string, disabledAt: number | null): Promise<boolean> {
  const rows = await database.all(sql`
    update robots set disabled_at = ${disabledAt} where name = ${name} returning name`);
  if (rows.length === 1) await countAccessChange(database);
  return rows.length === 1;
}

/** Returns false when there was no such robot. */
export async function deleteRobot(database: Sql, name: string): Promise<boolean> {
  const rows = await database.all(sql`delete from robots where name = ${name} returning name`);
  if (rows.length === 1) await countAccessChange(database);
  return rows.length === 1;
}
