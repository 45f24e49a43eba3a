import { type Sql, first, sql } from './sql.ts';

/** Until when a schedule was looked at, in milliseconds since the epoch; undefined when it never was. */
export async function findScheduleMark(database: Sql, name: string): Promise<number | undefined> {
  const row = await first<{ lookedUntil: number }>(
    database,
    sql`select looked_until as "lookedUntil" from schedule_marks where name = ${name}`,
  );
  return row?.lookedUntil;
}

/** Notes until when a schedule was looked at; never an earlier moment than is noted. */
export async function setScheduleMark(database: Sql, name: string, lookedUntil: number): Promise<void> {
  await database.all(sql`
    insert into schedule_marks (name, looked_until) values (${name}, ${lookedUntil})
    on conflict (name) do update set looked_until = excluded.looked_until
    where schedule_marks.looked_until < excluded.looked_until`);
}
