import type { Digest } from '#oci/digest.ts';
import { type Sql, first, sql } from './sql.ts';

/** A manifest that was removed and can be restored. Times are milliseconds since the epoch. */
export interface RemovedManifest {
  readonly repository: string;
  readonly digest: Digest;
  readonly removedAt: number;
  readonly removedBy: string;
  readonly removedWhy: string;
  /** The act it went in: what went in one act comes back together. */
  readonly removal: string;
}

/** An act that removes. */
export interface Removal {
  readonly id: string;
  readonly by: string;
  readonly why: string;
}

/** Moves a manifest, with what it names, to where it can be restored from; returns false when it was not there. */
export async function setAside(
  database: Sql,
  repository: string,
  digest: Digest,
  { removal, now }: { removal: Removal; now: number },
): Promise<boolean> {
  const rows = await database.all(sql`
    insert into removed_manifests
      (repository, digest, media_type, size_bytes, artifact_type, subject, annotations, pushed_at, pushed_by,
       removed_at, removed_by, removed_why, removal)
    select repository, digest, media_type, size_bytes, artifact_type, subject, annotations, pushed_at, pushed_by,
      ${now}, ${removal.by}, ${removal.why}, ${removal.id}
    from manifests where repository = ${repository} and digest = ${digest}
    returning digest`);
  if (rows.length === 0) return false;
  await database.all(sql`
    insert into removed_references (repository, manifest, kind, target)
    select repository, manifest, kind, target from manifest_references
    where repository = ${repository} and manifest = ${digest}`);
  await database.all(sql`delete from manifests where repository = ${repository} and digest = ${digest}`);
  return true;
}

/** Moves a removed manifest back, and lets the repository read what it names again; returns false when there is none. */
export async function putBack(database: Sql, repository: string, digest: Digest, now: number): Promise<boolean> {
  const rows = await database.all(sql`
    insert into manifests
      (repository, digest, media_type, size_bytes, artifact_type, subject, annotations, pushed_at, pushed_by)
    select repository, digest, media_type, size_bytes, artifact_type, subject, annotations, pushed_at, pushed_by
    from removed_manifests where repository = ${repository} and digest = ${digest}
    returning digest`);
  if (rows.length === 0) return false;
  await database.all(sql`
    insert into manifest_references (repository, manifest, kind, target)
    select repository, manifest, kind, target from removed_references
    where repository = ${repository} and manifest = ${digest}`);
  await database.all(sql`
    insert into repository_blobs (repository, digest, size_bytes, linked_at)
    select ${repository}, b.digest, b.size_bytes, ${now} from removed_references r join blobs b on b.digest = r.target
    where r.repository = ${repository} and r.manifest = ${digest} and r.kind = 'blob'
    on conflict (repository, digest) do nothing`);
  await forgetRemoved(database, repository, digest);
  return true;
}

/** Forgets a removed manifest for good, and what it names. */
export async function forgetRemoved(database: Sql, repository: string, digest: Digest): Promise<void> {
  await database.all(sql`delete from removed_manifests where repository = ${repository} and digest = ${digest}`);
}

export async function findRemoved(
  database: Sql,
  repository: string,
  digest: Digest,
): Promise<RemovedManifest | undefined> {
  return await first<RemovedManifest>(
    database,
    sql`
    select repository as "repository", digest as "digest", removed_at as "removedAt", removed_by as "removedBy",
      removed_why as "removedWhy", removal as "removal"
    from removed_manifests where repository = ${repository} and digest = ${digest}`,
  );
}

/** Removed manifests that have one of these as their subject. */
export async function removedReferrers(database: Sql, repository: string, subject: Digest): Promise<Digest[]> {
  const rows = await database.all<{ digest: Digest }>(sql`
    select digest as "digest" from removed_manifests where repository = ${repository} and subject = ${subject}
    order by digest`);
  return rows.map((row) => row.digest);
}

/** What a removed manifest names of a kind. */
export async function removedTargets(
  database: Sql,
  repository: string,
  manifest: Digest,
  kind: 'blob' | 'manifest',
): Promise<Digest[]> {
  const rows = await database.all<{ target: Digest }>(sql`
    select target as "target" from removed_references
    where repository = ${repository} and manifest = ${manifest} and kind = ${kind} order by target`);
  return rows.map((row) => row.target);
}

/** Manifests removed before the moment, the longest ago first. */
export async function removedBefore(database: Sql, moment: number, limit: number): Promise<RemovedManifest[]> {
  return await database.all<RemovedManifest>(sql`
    select repository as "repository", digest as "digest", removed_at as "removedAt", removed_by as "removedBy",
      removed_why as "removedWhy", removal as "removal"
    from removed_manifests where removed_at <= ${moment} order by removed_at, repository, digest limit ${limit}`);
}

/** Whether something that can be restored names the blob. */
export async function removedNaming(database: Sql, repository: string, blob: Digest): Promise<boolean> {
  const rows = await database.all(sql`
    select manifest from removed_references where repository = ${repository} and kind = 'blob' and target = ${blob}
    limit 1`);
  return rows.length === 1;
}

/** Removed manifests that name a blob, in any repository. */
export async function removedNamers(
  database: Sql,
  blob: Digest,
  limit: number,
): Promise<{ repository: string; digest: Digest }[]> {
  return await database.all(sql`
    select repository as "repository", manifest as "digest" from removed_references
    where kind = 'blob' and target = ${blob} limit ${limit}`);
}

/** Repositories where a manifest of that digest was removed. */
export async function removedBeing(
  database: Sql,
  digest: Digest,
  limit: number,
): Promise<{ repository: string; digest: Digest }[]> {
  return await database.all(sql`
    select repository as "repository", digest as "digest" from removed_manifests where digest = ${digest} limit ${limit}`);
}
