import { countAccessChange } from './access-state.ts';
import { type Sql, sql } from './sql.ts';

/** A role, given to somebody, somewhere. */
export interface Grant {
  readonly kind: 'user' | 'group';
  readonly subject: string;
  readonly role: string;
  /** `*`, a namespace that ends in `/`, or a repository. */
  readonly scope: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly createdBy: string;
}

/** What tells one grant from any other. */
export type GrantKey = Pick<Grant, 'kind' | 'subject' | 'role' | 'scope'>;

/** Returns false when it had been given already. */
export async function insertGrant(database: Sql, grant: GrantKey, by: string, now: number): Promise<boolean> {
  const rows = await database.all(sql`
    insert into grants (kind, subject, role, scope, created_at, created_by)
    values (${grant.kind}, ${grant.subject}, ${grant.role}, ${grant.scope}, ${now}, ${by})
    on conflict (kind, subject, role, scope) do nothing returning role`);
  if (rows.length === 1) await countAccessChange(database);
  return rows.length === 1;
}

/** Returns false when there was no such grant. */
export async function deleteGrant(database: Sql, grant: GrantKey): Promise<boolean> {
  const rows = await database.all(sql`
    delete from grants where kind = ${grant.kind} and subject = ${grant.subject} and role = ${grant.role}
      and scope = ${grant.scope} returning role`);
  if (rows.length === 1) await countAccessChange(database);
  return rows.length === 1;
}

/** Takes everything that was given to somebody who goes; returns it. */
export async function deleteGrantsOf(database: Sql, kind: Grant['kind'], subject: string): Promise<GrantKey[]> {
  const rows = await database.all<GrantKey>(sql`
    delete from grants where kind = ${kind} and subject = ${subject}
    returning kind as "kind", subject as "subject", role as "role", scope as "scope"`);
  if (rows.length > 0) await countAccessChange(database);
  return rows;
}

/** Every grant, by scope, then subject and role, in byte order. */
export async function listGrants(database: Sql): Promise<Grant[]> {
  return await database.all<Grant>(sql`
    select kind as "kind", subject as "subject", role as "role", scope as "scope", created_at as "createdAt",
      created_by as "createdBy"
    from grants order by scope, kind, subject, role`);
}

/** What was given to a user and to groups. */
export async function grantsTo(database: Sql, user: string, groups: readonly string[]): Promise<Grant[]> {
  const names = groups.length === 0 ? [''] : groups;
  return await database.all<Grant>(sql`
    select kind as "kind", subject as "subject", role as "role", scope as "scope", created_at as "createdAt",
      created_by as "createdBy"
    from grants where (kind = 'user' and subject = ${user}) or (kind = 'group' and subject in ${names})`);
}
