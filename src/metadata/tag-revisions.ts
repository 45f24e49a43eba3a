import type { Digest } from '#oci/digest.ts';
import { type Sql, first, sql } from './sql.ts';

/** Why a tag came to point at something. */
export type SetReason = 'push' | 'rollback' | 'restore';
/** Why it no longer does. */
export type EndReason = 'moved' | 'deleted' | 'pruned';

/** What a tag pointed at, since when, until when, by whom and why. Times are milliseconds since the epoch. */
export interface TagRevision {
  /** Counts from 1. */
  readonly revision: number;
  readonly digest: Digest;
  readonly since: number;
  readonly setBy: string;
  readonly setWhy: SetReason;
  /** Null while the tag points at it. */
  readonly until: number | null;
  readonly endedBy: string | null;
  readonly endedWhy: EndReason | null;
}

/** Puts a revision on top of a tag's stack. End the one before it first. */
export async function pushRevision(
  database: Sql,
  tag: { repository: string; name: string; digest: Digest; by: string; why: SetReason },
  now: number,
): Promise<void> {
  await database.all(sql`
    insert into tag_revisions (repository, tag, revision, digest, since, set_by, set_why)
    values (${tag.repository}, ${tag.name},
      (select coalesce(max(revision), 0) + 1 from tag_revisions
        where repository = ${tag.repository} and tag = ${tag.name}),
      ${tag.digest}, ${now}, ${tag.by}, ${tag.why})`);
}

/** Ends the revision a tag points at. */
export async function endRevision(
  database: Sql,
  tag: { repository: string; name: string; by: string; why: EndReason },
  now: number,
): Promise<void> {
  await database.all(sql`
    update tag_revisions set until = ${now}, ended_by = ${tag.by}, ended_why = ${tag.why}
    where repository = ${tag.repository} and tag = ${tag.name} and until is null`);
}

/** A part of a history: revisions below `before`, at most so many. */
export interface RevisionPage {
  readonly before?: number | undefined;
  readonly limit: number;
}

/** The revisions of a tag, the newest first; all of them unless a page is asked for. */
export async function revisionsOf(
  database: Sql,
  repository: string,
  tag: string,
  { before = Number.MAX_SAFE_INTEGER, limit }: RevisionPage = { limit: Number.MAX_SAFE_INTEGER },
): Promise<TagRevision[]> {
  return await database.all<TagRevision>(sql`
    select revision as "revision", digest as "digest", since as "since", set_by as "setBy", set_why as "setWhy",
      until as "until", ended_by as "endedBy", ended_why as "endedWhy"
    from tag_revisions where repository = ${repository} and tag = ${tag} and revision < ${before}
    order by revision desc limit ${limit}`);
}

export async function findRevision(
  database: Sql,
  repository: string,
  tag: string,
  revision: number,
): Promise<TagRevision | undefined> {
  return await first<TagRevision>(
    database,
    sql`
    select revision as "revision", digest as "digest", since as "since", set_by as "setBy", set_why as "setWhy",
      until as "until", ended_by as "endedBy", ended_why as "endedWhy"
    from tag_revisions where repository = ${repository} and tag = ${tag} and revision = ${revision}`,
  );
}

/** Forgets a revision that has ended; returns false when there was none such. */
export async function deleteRevision(
  database: Sql,
  repository: string,
  tag: string,
  revision: number,
): Promise<boolean> {
  const rows = await database.all(sql`
    delete from tag_revisions where repository = ${repository} and tag = ${tag} and revision = ${revision}
      and until is not null returning revision`);
  return rows.length === 1;
}

/** Tags that pointed at a manifest until the very moment it was removed, in byte order. */
export async function tagsEndedAt(
  database: Sql,
  repository: string,
  digest: Digest,
  moment: number,
): Promise<string[]> {
  const rows = await database.all<{ tag: string }>(sql`
    select tag as "tag" from tag_revisions where repository = ${repository} and digest = ${digest} and until = ${moment}
    order by tag`);
  return rows.map((row) => row.tag);
}

/**
 * Forgets the histories of tags that pointed at a manifest, of those that are gone and that nothing is left to restore
 * from. Returns how many revisions that were.
 */
export async function forgetHistories(database: Sql, repository: string, digest: Digest): Promise<number> {
  const rows = await database.all(sql`
    delete from tag_revisions where repository = ${repository} and tag in (
      select r.tag from tag_revisions r where r.repository = ${repository} and r.digest = ${digest}
        and not exists (select 1 from tags t where t.repository = r.repository and t.name = r.tag)
        and not exists (
          select 1 from tag_revisions o join manifests m on m.repository = o.repository and m.digest = o.digest
          where o.repository = r.repository and o.tag = r.tag)
        and not exists (
          select 1 from tag_revisions o join removed_manifests m on m.repository = o.repository and m.digest = o.digest
          where o.repository = r.repository and o.tag = r.tag)
    ) returning revision`);
  return rows.length;
}
