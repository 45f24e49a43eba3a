import { type Sql, first, sql } from './sql.ts';

/** Records that something was pushed under this name. Safe to repeat. */
export async function ensureRepository(database: Sql, name: string, now: number): Promise<void> {
  await database.all(sql`
    insert into repositories (name, created_at) values (${name}, ${now}) on conflict (name) do nothing`);
}

export async function repositoryExists(database: Sql, name: string): Promise<boolean> {
  const row = await first(database, sql`select name from repositories where name = ${name}`);
  return row !== undefined;
}

/** Names after the given one, in byte order. */
export async function repositoryNames(database: Sql, after: string, limit: number): Promise<string[]> {
  const rows = await database.all<{ name: string }>(sql`
    select name from repositories where name > ${after} order by name limit ${limit}`);
  return rows.map((row) => row.name);
}

/** Names from `from` on and before `before`, in byte order. */
export interface NameRange {
  readonly from: string;
  readonly before: string;
}

/** Names within the range and after the given one, in byte order. */
export async function repositoryNamesWithin(
  database: Sql,
  range: NameRange,
  after: string,
  limit: number,
): Promise<string[]> {
  const rows = await database.all<{ name: string }>(sql`
    select name from repositories where name > ${after} and name >= ${range.from} and name < ${range.before}
    order by name limit ${limit}`);
  return rows.map((row) => row.name);
}
