import type { Digest } from '#oci/digest.ts';
import { type Sql, sql } from './sql.ts';

/** A pull; `tag` is empty for pulls by digest. */
export interface PullRow {
  readonly repository: string;
  readonly tag: string;
  readonly digest: Digest;
  /** Milliseconds since the epoch. */
  readonly lastAt: number;
}

/**
 * Records a pull, unless a later one is recorded. One by digest of something that has a subject leaves no trace:
 * signatures and attestations are read by whoever verifies.
 */
export async function recordPull(database: Sql, { repository, tag, digest, lastAt }: PullRow): Promise<void> {
  await database.all(sql`
    insert into pulls (repository, tag, digest, last_at)
    select repository, ${tag}, digest, ${lastAt} from manifests
    where repository = ${repository} and digest = ${digest} and (subject is null or ${tag} <> '')
    on conflict (repository, tag, digest) do update set last_at = excluded.last_at
    where pulls.last_at < excluded.last_at`);
}

/** Pulls of a repository, by tag and digest after the given ones. */
export async function pullsAfter(
  database: Sql,
  repository: string,
  after: { tag: string; digest: string },
  limit: number,
): Promise<PullRow[]> {
  return await database.all<PullRow>(sql`
    select repository as "repository", tag as "tag", digest as "digest", last_at as "lastAt" from pulls
    where repository = ${repository} and tag >= ${after.tag} and (tag > ${after.tag} or digest > ${after.digest})
    order by tag, digest limit ${limit}`);
}

/** Whether the tag, or the manifest whichever way it was named, was pulled since the moment. `tag` may be empty. */
export async function wasPulledSince(
  database: Sql,
  { repository, tag, digest }: { repository: string; tag: string; digest: Digest },
  moment: number,
): Promise<boolean> {
  // The names it can have been pulled by are none, the one asked for, and every tag it ever had.
  const rows = await database.all(sql`
    select digest from pulls
    where repository = ${repository} and digest = ${digest} and last_at >= ${moment} and tag in (
      select '' union all select tag from tag_revisions where repository = ${repository} and digest = ${digest})
    limit 1`);
  if (rows.length > 0 || tag === '') return rows.length > 0;
  const byName = await database.all(sql`
    select digest from pulls where repository = ${repository} and tag = ${tag} and last_at >= ${moment} limit 1`);
  return byName.length > 0;
}

/** Forgets pulls of manifests that are gone and cannot be restored, at most so many; returns how many. */
export async function forgetPulls(database: Sql, limit: number): Promise<number> {
  const rows = await database.all(sql`
    delete from pulls where (repository, tag, digest) in (
      select p.repository, p.tag, p.digest from pulls p
      where not exists (select 1 from manifests m where m.repository = p.repository and m.digest = p.digest)
        and not exists (select 1 from removed_manifests m where m.repository = p.repository and m.digest = p.digest)
      limit ${limit}
    ) returning digest`);
  return rows.length;
}
