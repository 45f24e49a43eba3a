import type { Digest } from '#oci/digest.ts';
import { type Sql, first, sql } from './sql.ts';
import type { SetReason } from './tag-revisions.ts';

/** Where a tag is to point once somebody vouches for that. Times are milliseconds since the epoch. */
export interface HeldTag {
  readonly repository: string;
  readonly name: string;
  readonly digest: Digest;
  readonly since: number;
  readonly by: string;
  readonly why: SetReason;
  readonly lapsesAt: number;
}

/** Holds a tag; what was held of it before is forgotten, for only the newest intention counts. */
export async function holdTag(database: Sql, tag: HeldTag): Promise<void> {
  await database.all(sql`
    insert into held_tags (repository, name, digest, since, held_by, why, lapses_at)
    values (${tag.repository}, ${tag.name}, ${tag.digest}, ${tag.since}, ${tag.by}, ${tag.why}, ${tag.lapsesAt})
    on conflict (repository, name) do update set digest = excluded.digest, since = excluded.since,
      held_by = excluded.held_by, why = excluded.why, lapses_at = excluded.lapses_at`);
}

export async function findHeldTag(database: Sql, repository: string, name: string): Promise<HeldTag | undefined> {
  return await first<HeldTag>(
    database,
    sql`
    select repository as "repository", name as "name", digest as "digest", since as "since", held_by as "by",
      why as "why", lapses_at as "lapsesAt"
    from held_tags where repository = ${repository} and name = ${name}`,
  );
}

/** Forgets what is held of a tag; returns what it was to point at, undefined when nothing was held. */
export async function dropHeldTag(database: Sql, repository: string, name: string): Promise<Digest | undefined> {
  const rows = await database.all<{ digest: Digest }>(sql`
    delete from held_tags where repository = ${repository} and name = ${name} returning digest as "digest"`);
  return rows[0]?.digest;
}

/** What is held for a manifest, by name. */
export async function heldTagsAt(database: Sql, repository: string, digest: Digest): Promise<HeldTag[]> {
  return await database.all<HeldTag>(sql`
    select repository as "repository", name as "name", digest as "digest", since as "since", held_by as "by",
      why as "why", lapses_at as "lapsesAt"
    from held_tags where repository = ${repository} and digest = ${digest} order by name`);
}

/** Held tags in the order of repository and name, after the given one; of one repository where one is given. */
export async function heldTagsAfter(
  database: Sql,
  { repository, after }: { repository?: string | undefined; after: { repository: string; name: string } },
  limit: number,
): Promise<HeldTag[]> {
  // Names of repositories are ASCII: nothing comes after this one.
  const last = repository ?? '\u{10FFFF}';
  const from = repository !== undefined && after.repository < repository ? { repository, name: '' } : after;
  return await database.all<HeldTag>(sql`
    select repository as "repository", name as "name", digest as "digest", since as "since", held_by as "by",
      why as "why", lapses_at as "lapsesAt"
    from held_tags where (repository, name) > (${from.repository}, ${from.name}) and repository <= ${last}
    order by repository, name limit ${limit}`);
}

/** Held tags whose time is up, the oldest first. */
export async function lapsedTags(database: Sql, now: number, limit: number): Promise<HeldTag[]> {
  return await database.all<HeldTag>(sql`
    select repository as "repository", name as "name", digest as "digest", since as "since", held_by as "by",
      why as "why", lapses_at as "lapsesAt"
    from held_tags where lapses_at <= ${now} order by lapses_at limit ${limit}`);
}

/** What a tag leads those to who push or sign there: what is held of it, or what it points at. */
export async function findTagWithHeld(database: Sql, repository: string, tag: string): Promise<Digest | undefined> {
  // Each text is given once: what has two is answered from memory.
  const row = await first<{ digest: Digest | null }>(
    database,
    sql`
    select coalesce(
      (select digest from held_tags where held_tags.repository = wanted.repository and held_tags.name = wanted.name),
      (select digest from tags where tags.repository = wanted.repository and tags.name = wanted.name)) as "digest"
    from (select ${repository} as repository, ${tag} as name) as wanted`,
  );
  return row?.digest ?? undefined;
}

/** Tags after the given one in byte order, with those that are only held. */
export async function tagNamesWithHeld(
  database: Sql,
  repository: string,
  after: string,
  limit: number,
): Promise<string[]> {
  const rows = await database.all<{ name: string }>(sql`
    select name as "name" from
      (select name from tags where repository = ${repository} and name > ${after}
       union select name from held_tags where repository = ${repository} and name > ${after}) as names
    order by name limit ${limit}`);
  return rows.map((row) => row.name);
}
