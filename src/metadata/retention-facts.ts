/*
 * What planning reads of a repository, in pages. The limit in every query keeps these answers, which are asked for once,
 * out of what a backend remembers.
 */
import type { Digest } from '#oci/digest.ts';
import { type Sql, first, sql } from './sql.ts';

/** A tag; times are milliseconds since the epoch. */
export interface TagRow {
  readonly name: string;
  readonly digest: Digest;
  readonly setAt: number;
}

/** Tags after the given one, in byte order. */
export async function tagsAfter(database: Sql, repository: string, after: string, limit: number): Promise<TagRow[]> {
  return await database.all<TagRow>(sql`
    select name as "name", digest as "digest", updated_at as "setAt" from tags
    where repository = ${repository} and name > ${after} order by name limit ${limit}`);
}

export interface PlannedManifestRow {
  readonly digest: Digest;
  readonly subject: Digest | null;
  readonly pushedAt: number;
}

/** Manifests after the given one, by digest. */
export async function manifestsAfter(
  database: Sql,
  repository: string,
  after: string,
  limit: number,
): Promise<PlannedManifestRow[]> {
  return await database.all<PlannedManifestRow>(sql`
    select digest as "digest", subject as "subject", pushed_at as "pushedAt" from manifests
    where repository = ${repository} and digest > ${after} order by digest limit ${limit}`);
}

export interface ChildRow {
  readonly index: Digest;
  readonly child: Digest;
}

/** What indexes name, by child and index after the given ones. */
export async function childrenAfter(
  database: Sql,
  repository: string,
  after: { child: string; index: string },
  limit: number,
): Promise<ChildRow[]> {
  return await database.all<ChildRow>(sql`
    select manifest as "index", target as "child" from manifest_references
    where repository = ${repository} and kind = 'manifest' and target >= ${after.child}
      and (target > ${after.child} or manifest > ${after.index})
    order by target, manifest limit ${limit}`);
}

/** A revision that has ended, of a tag that is there. */
export interface EndedRevisionRow {
  readonly tag: string;
  readonly revision: number;
  readonly digest: Digest;
  readonly since: number;
  readonly until: number;
}

/** Revisions that have ended, of tags that are there, by tag and revision after the given ones. */
export async function endedRevisionsAfter(
  database: Sql,
  repository: string,
  after: { tag: string; revision: number },
  limit: number,
): Promise<EndedRevisionRow[]> {
  return await database.all<EndedRevisionRow>(sql`
    select tag as "tag", revision as "revision", digest as "digest", since as "since", until as "until"
    from tag_revisions r
    where repository = ${repository} and tag >= ${after.tag} and (tag > ${after.tag} or revision > ${after.revision})
      and until is not null
      and exists (select 1 from tags t where t.repository = r.repository and t.name = r.tag)
    order by tag, revision limit ${limit}`);
}

export interface ReleaseRow {
  readonly digest: Digest;
  readonly at: number;
}

/** When manifests last lost a tag, by digest after the given one. */
export async function tagLossesAfter(
  database: Sql,
  repository: string,
  after: string,
  limit: number,
): Promise<ReleaseRow[]> {
  return await database.all<ReleaseRow>(sql`
    select digest as "digest", max(until) as "at" from tag_revisions
    where repository = ${repository} and digest > ${after} and until is not null
    group by digest order by digest limit ${limit}`);
}

/** When manifests last lost an index that named them and can still be restored, by digest after the given one. */
export async function indexLossesAfter(
  database: Sql,
  repository: string,
  after: string,
  limit: number,
): Promise<ReleaseRow[]> {
  return await database.all<ReleaseRow>(sql`
    select r.target as "digest", max(m.removed_at) as "at"
    from removed_references r
    join removed_manifests m on m.repository = r.repository and m.digest = r.manifest
    where r.repository = ${repository} and r.kind = 'manifest' and r.target > ${after}
    group by r.target order by r.target limit ${limit}`);
}

export interface SizeRow {
  readonly digest: Digest;
  readonly bytes: number;
}

/** Bytes of manifests and of the blobs each names, by digest after the given one. */
export async function sizesAfter(database: Sql, repository: string, after: string, limit: number): Promise<SizeRow[]> {
  return await database.all<SizeRow>(sql`
    select m.digest as "digest", m.size_bytes + coalesce((
        select sum(b.size_bytes) from manifest_references r
        join repository_blobs b on b.repository = r.repository and b.digest = r.target
        where r.repository = m.repository and r.manifest = m.digest and r.kind = 'blob'), 0) as "bytes"
    from manifests m
    where m.repository = ${repository} and m.digest > ${after} order by m.digest limit ${limit}`);
}

/** A manifest as planning sees it; undefined when there is no such manifest. */
export async function findPlannedManifest(
  database: Sql,
  repository: string,
  digest: Digest,
): Promise<PlannedManifestRow | undefined> {
  return await first<PlannedManifestRow>(
    database,
    sql`
    select digest as "digest", subject as "subject", pushed_at as "pushedAt" from manifests
    where repository = ${repository} and digest = ${digest}`,
  );
}

/** A manifest's subject, null when it has none; undefined when there is no such manifest. */
export async function findSubject(
  database: Sql,
  repository: string,
  digest: Digest,
): Promise<Digest | null | undefined> {
  const row = await first<{ subject: Digest | null }>(
    database,
    sql`select subject as "subject" from manifests where repository = ${repository} and digest = ${digest}`,
  );
  return row?.subject;
}

/** When a tag was last set, and to what; undefined when there is no such tag. */
export async function findTagRow(database: Sql, repository: string, name: string): Promise<TagRow | undefined> {
  return await first<TagRow>(
    database,
    sql`
    select name as "name", digest as "digest", updated_at as "setAt" from tags
    where repository = ${repository} and name = ${name}`,
  );
}

/** Whether a tag came to point at the manifest since the moment, even if none does now. */
export async function wasTaggedSince(
  database: Sql,
  repository: string,
  digest: Digest,
  moment: number,
): Promise<boolean> {
  const rows = await database.all(sql`
    select tag from tag_revisions where repository = ${repository} and digest = ${digest} and since >= ${moment} limit 1`);
  return rows.length > 0;
}
