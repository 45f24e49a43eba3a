import { type Sql, sql } from './sql.ts';

/** Takes or renews a lease; returns false while another holds it. */
export async function takeLease(
  database: Sql,
  lease: { name: string; holder: string; lifetimeMs: number },
  now: number,
): Promise<boolean> {
  const rows = await database.all(sql`
    insert into leases (name, holder, expires_at) values (${lease.name}, ${lease.holder}, ${now + lease.lifetimeMs})
    on conflict (name) do update set holder = excluded.holder, expires_at = excluded.expires_at
    where leases.holder = excluded.holder or leases.expires_at <= ${now}
    returning name`);
  return rows.length === 1;
}

/** Gives a lease back early. Giving back what one does not hold is not an error. */
export async function returnLease(database: Sql, name: string, holder: string): Promise<void> {
  await database.all(sql`delete from leases where name = ${name} and holder = ${holder}`);
}
