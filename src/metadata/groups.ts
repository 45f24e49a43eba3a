import { countAccessChange } from './access-state.ts';
import { type Sql, sql } from './sql.ts';

/** A group kept here, with its members in byte order. */
export interface Group {
  readonly name: string;
  readonly members: readonly string[];
}

/** Returns false when there is such a group already. */
export async function insertGroup(database: Sql, name: string, now: number): Promise<boolean> {
  const rows = await database.all(sql`
    insert into user_groups (name, created_at) values (${name}, ${now}) on conflict (name) do nothing returning name`);
  return rows.length === 1;
}

/** Returns false when there was no such group. */
export async function deleteGroup(database: Sql, name: string): Promise<boolean> {
  const rows = await database.all(sql`delete from user_groups where name = ${name} returning name`);
  if (rows.length === 1) await countAccessChange(database);
  return rows.length === 1;
}

export async function groupExists(database: Sql, name: string): Promise<boolean> {
  const rows = await database.all(sql`select name from user_groups where name = ${name}`);
  return rows.length === 1;
}

/** Returns false when the member was in the group already. */
export async function addMember(database: Sql, group: string, member: string, now: number): Promise<boolean> {
  const rows = await database.all(sql`
    insert into group_members (group_name, member, added_at) values (${group}, ${member}, ${now})
    on conflict (group_name, member) do nothing returning member`);
  if (rows.length === 1) await countAccessChange(database);
  return rows.length === 1;
}

/** Returns false when the member was not in the group. */
export async function removeMember(database: Sql, group: string, member: string): Promise<boolean> {
  const rows = await database.all(sql`
    delete from group_members where group_name = ${group} and member = ${member} returning member`);
  if (rows.length === 1) await countAccessChange(database);
  return rows.length === 1;
}

/** Takes somebody who goes out of every group. */
export async function removeMemberEverywhere(database: Sql, member: string): Promise<void> {
  await database.all(sql`delete from group_members where member = ${member}`);
  await countAccessChange(database);
}

/** Names of the groups somebody is in, in byte order. */
export async function groupsOf(database: Sql, member: string): Promise<string[]> {
  const rows = await database.all<{ name: string }>(sql`
    select group_name as "name" from group_members where member = ${member} order by group_name`);
  return rows.map((row) => row.name);
}

/** Every group, in byte order. */
export async function listGroups(database: Sql): Promise<Group[]> {
  const names = await database.all<{ name: string }>(sql`select name as "name" from user_groups order by name`);
  const rows = await database.all<{ name: string; member: string }>(sql`
    select group_name as "name", member as "member" from group_members order by group_name, member`);
  const members = Map.groupBy(rows, (row) => row.name);
  return names.map(({ name }) => ({ name, members: (members.get(name) ?? []).map((row) => row.member) }));
}
