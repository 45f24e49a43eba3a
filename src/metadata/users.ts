import { countAccessChange } from './access-state.ts';
import { type Sql, first, sql } from './sql.ts';

/** Who may come in. */
export interface User {
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** When the password was last set, in milliseconds since the epoch. */
  readonly updatedAt: number;
}

/** Returns false when there is such a user already. */
export async function createUser(
  database: Sql,
  user: { name: string; passwordHash: string },
  now: number,
): Promise<boolean> {
  const rows = await database.all(sql`
    insert into users (name, password_hash, created_at, updated_at)
    values (${user.name}, ${user.passwordHash}, ${now}, ${now})
    on conflict (name) do nothing
    returning name`);
  if (rows.length === 1) await countAccessChange(database);
  return rows.length === 1;
}

/** All users, in byte order of their names. */
export async function listUsers(database: Sql): Promise<User[]> {
  return await database.all<User>(sql`
    select name as "name", created_at as "createdAt", updated_at as "updatedAt" from users order by name`);
}

export async function hasUsers(database: Sql): Promise<boolean> {
  const row = await first(database, sql`select name from users limit 1`);
  return row !== undefined;
}

/** The hash of a user's password; absent when there is no such user. Asked on every request. */
export async function findPasswordHash(database: Sql, name: string): Promise<string | undefined> {
  const row = await first<{ passwordHash: string }>(
    database,
    sql`
    select password_hash as "passwordHash" from users where name = ${name}`,
  );
  return row?.passwordHash;
}

/** Returns false when there is no such user. */
export async function setPassword(
  database: Sql,
  user: { name: string; passwordHash: string },
  now: number,
): Promise<boolean> {
  const rows = await database.all(sql`
    update users set password_hash = ${user.passwordHash}, updated_at = ${now} where name = ${user.name} returning name`);
  if (rows.length === 1) await countAccessChange(database);
  return rows.length === 1;
}

/** Replaces the hash of a password by another hash of the same; returns false when it is not that hash any more. */
export async function replacePasswordHash(
  database: Sql,
  user: { name: string; from: string; to: string },
): Promise<boolean> {
  const rows = await database.all(sql`
    update users set password_hash = ${user.to} where name = ${user.name} and password_hash = ${user.from} returning name`);
  if (rows.length === 1) await countAccessChange(database);
  return rows.length === 1;
}

/** Returns false when there was no such user. */
export async function deleteUser(database: Sql, name: string): Promise<boolean> {
  const rows = await database.all(sql`delete from users where name = ${name} returning name`);
  if (rows.length === 1) await countAccessChange(database);
  return rows.length === 1;
}
