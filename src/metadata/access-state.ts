import { type Sql, first, sql } from './sql.ts';

/**
 * Counts a change to users, groups, robots, grants or keys: what any process remembers of them no longer holds. Everything
 * here that makes such a change calls it, so that nobody above can forget to.
 */
export async function countAccessChange(database: Sql): Promise<void> {
  await database.all(sql`update access_state set version = version + 1 where name = 'access'`);
}

const VERSION = sql`select version as "version" from access_state where name = ${'access'}`;

/** Rises with every change to users, groups, robots, grants and keys. */
export async function accessVersion(database: Sql): Promise<number> {
  const row = await first<{ version: number }>(database, VERSION);
  return row?.version ?? 0;
}

/** The same without waiting; undefined where the database has to be waited for. Asked on every request. */
export function accessVersionAtOnce(database: Sql): number | undefined {
  const rows = database.atOnce?.<{ version: number }>(VERSION);
  return rows === undefined ? undefined : (rows[0]?.version ?? 0);
}
