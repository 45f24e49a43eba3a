import { listGrants } from '#metadata/grants.ts';
import { listGroups } from '#metadata/groups.ts';
import type { Sql } from '#metadata/sql.ts';
import { listUsers } from '#metadata/users.ts';
import type { Change } from './change.ts';
import { AccessError } from './errors.ts';
import { EVERYWHERE } from './scope.ts';

/**
 * Carries out a part of a change after which somebody must still be able to log in and administer the system. The command
 * line on the server may lock everybody out: it can let them in again.
 *
 * @throws {AccessError} last-administrator
 */
export async function keepingAdministrator<T>({ sql, caller }: Change, work: () => Promise<T>): Promise<T> {
  // Where issuers vouch for all administrators there was none here before, and nothing to keep.
  const isGuarded = caller.session.principal.kind !== 'local' && (await hasAdministrator(sql));
  const result = await work();
  if (!isGuarded || (await hasAdministrator(sql))) return result;
  const message =
    'no user kept here would be system-admin any more; give the role to another first, or do it on the server itself';
  throw new AccessError('last-administrator', message);
}

/** Whether any user kept here is a system-admin, by themselves or through a group kept here. */
async function hasAdministrator(sql: Sql): Promise<boolean> {
  const grants = (await listGrants(sql)).filter(({ role, scope }) => role === 'system-admin' && scope === EVERYWHERE);
  const users = new Set((await listUsers(sql)).map(({ name }) => name));
  const holders = new Set(grants.filter(({ kind }) => kind === 'user').map(({ subject }) => subject));
  const groups = new Set(grants.filter(({ kind }) => kind === 'group').map(({ subject }) => subject));
  for (const { name, members } of await listGroups(sql)) {
    if (groups.has(name)) for (const member of members) holders.add(member);
  }
  return [...holders].some((name) => users.has(name));
}
