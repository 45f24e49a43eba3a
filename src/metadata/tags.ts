import type { Digest } from '#oci/digest.ts';
import { type Sql, first, sql } from './sql.ts';

export async function findTag(database: Sql, repository: string, tag: string): Promise<Digest | undefined> {
  const row = await first<{ digest: Digest }>(
    database,
    sql`
    select digest as "digest" from tags where repository = ${repository} and name = ${tag}`,
  );
  return row?.digest;
}

/** Points a tag at a manifest of the repository, whatever it pointed at before. */
export async function setTag(
  database: Sql,
  tag: { repository: string; name: string; digest: Digest; by: string },
  now: number,
): Promise<void> {
  await database.all(sql`
    insert into tags (repository, name, digest, updated_at, updated_by)
    values (${tag.repository}, ${tag.name}, ${tag.digest}, ${now}, ${tag.by})
    on conflict (repository, name) do update
    set digest = excluded.digest, updated_at = excluded.updated_at, updated_by = excluded.updated_by`);
}

/** Returns false when there was no such tag. */
export async function deleteTag(database: Sql, repository: string, tag: string): Promise<boolean> {
  const rows = await database.all(sql`
    delete from tags where repository = ${repository} and name = ${tag} returning name`);
  return rows.length === 1;
}

/** Tags that point at a manifest, in byte order. */
export async function tagsAt(database: Sql, repository: string, digest: Digest): Promise<string[]> {
  const rows = await database.all<{ name: string }>(sql`
    select name as "name" from tags where repository = ${repository} and digest = ${digest} order by name`);
  return rows.map((row) => row.name);
}

/** Tags after the given one, in byte order. */
export async function tagNames(database: Sql, repository: string, after: string, limit: number): Promise<string[]> {
  const rows = await database.all<{ name: string }>(sql`
    select name as "name" from tags where repository = ${repository} and name > ${after} order by name limit ${limit}`);
  return rows.map((row) => row.name);
}
