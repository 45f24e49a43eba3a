import type { Digest } from '#oci/digest.ts';
import { type Sql, first, sql } from './sql.ts';

/** A manifest of a repository. */
export interface ManifestRow {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
}

export async function findManifest(
  database: Sql,
  repository: string,
  digest: Digest,
): Promise<ManifestRow | undefined> {
  return await first<ManifestRow>(
    database,
    sql`
    select digest as "digest", media_type as "mediaType", size_bytes as "sizeBytes"
    from manifests where repository = ${repository} and digest = ${digest}`,
  );
}

export async function findManifestByTag(
  database: Sql,
  repository: string,
  tag: string,
): Promise<ManifestRow | undefined> {
  // Not a join: SQLite plans a join anew whenever its values change, which costs three times the query itself.
  return await first<ManifestRow>(
    database,
    sql`
    select digest as "digest", media_type as "mediaType", size_bytes as "sizeBytes"
    from manifests
    where repository = ${repository}
      and digest = (select digest from tags where repository = ${repository} and name = ${tag})`,
  );
}

/** What is recorded of a manifest when it is pushed. */
export interface NewManifest {
  readonly repository: string;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly artifactType: string;
  readonly subject: Digest | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
  readonly blobs: readonly Digest[];
  readonly children: readonly Digest[];
  readonly pushedBy: string;
}

/** Records a manifest and what it names; one that is known takes the new media type, and is as young as its last push. */
export async function insertManifest(database: Sql, manifest: NewManifest, now: number): Promise<void> {
  const { repository, digest } = manifest;
  const annotations = manifest.annotations === undefined ? null : JSON.stringify(manifest.annotations);
  await database.all(sql`
    insert into manifests
      (repository, digest, media_type, size_bytes, artifact_type, subject, annotations, pushed_at, pushed_by)
    values (${repository}, ${digest}, ${manifest.mediaType}, ${manifest.sizeBytes}, ${manifest.artifactType},
      ${manifest.subject ?? null}, ${annotations}, ${now}, ${manifest.pushedBy})
    on conflict (repository, digest) do update set media_type = excluded.media_type,
      pushed_at = excluded.pushed_at, pushed_by = excluded.pushed_by`);
  const rows = [
    ...manifest.blobs.map((target) => [repository, digest, 'blob', target]),
    ...manifest.children.map((target) => [repository, digest, 'manifest', target]),
  ];
  for (const page of pages(rows)) {
    await database.all(sql`
      insert into manifest_references (repository, manifest, kind, target) values ${page}
      on conflict (repository, manifest, kind, target) do nothing`);
  }
}

/** Sizes in bytes of those digests that are manifests of the repository. */
export async function manifestSizes(
  database: Sql,
  repository: string,
  digests: readonly Digest[],
): Promise<Map<Digest, number>> {
  const rows = await database.all<{ digest: Digest; sizeBytes: number }>(sql`
    select digest as "digest", size_bytes as "sizeBytes" from manifests
    where repository = ${repository} and digest in ${digests}`);
  return new Map(rows.map((row) => [row.digest, row.sizeBytes]));
}

/** Manifests of the repository that name the target, by digest. */
export async function manifestsNaming(
  database: Sql,
  repository: string,
  target: { kind: 'blob' | 'manifest'; digest: Digest },
  limit: number,
): Promise<Digest[]> {
  const rows = await database.all<{ manifest: Digest }>(sql`
    select manifest as "manifest" from manifest_references
    where repository = ${repository} and kind = ${target.kind} and target = ${target.digest}
    order by manifest limit ${limit}`);
  return rows.map((row) => row.manifest);
}

/** Manifests that an index of the repository names and that are here, by digest. */
export async function namedBy(database: Sql, repository: string, index: Digest): Promise<Digest[]> {
  const rows = await database.all<{ target: Digest }>(sql`
    select target as "target" from manifest_references
    where repository = ${repository} and manifest = ${index} and kind = 'manifest'
      and exists (select 1 from manifests
        where manifests.repository = manifest_references.repository and digest = target)
    order by target`);
  return rows.map((row) => row.target);
}

/** Whether any manifest of the repository names the blob. Asked with two texts, so that it is answered from memory. */
export async function isBlobNamed(database: Sql, repository: string, blob: Digest): Promise<boolean> {
  const rows = await database.all(sql`
    select 1 as "one" from manifest_references
    where repository = ${repository} and kind = 'blob' and target = ${blob} limit 1`);
  return rows.length === 1;
}

/** A manifest as the referrers list shows it. */
export interface ReferrerRow {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly artifactType: string;
  readonly annotations: string | null;
  readonly sizeBytes: number;
}

/** Manifests with that subject, by digest after the given one; `artifactType` undefined means any. */
export async function referrersAfter(
  database: Sql,
  of: { repository: string; subject: Digest; artifactType: string | undefined; after: string },
  limit: number,
): Promise<ReferrerRow[]> {
  return await database.all<ReferrerRow>(sql`
    select digest as "digest", media_type as "mediaType", artifact_type as "artifactType",
      annotations as "annotations", size_bytes as "sizeBytes"
    from manifests
    where repository = ${of.repository} and subject = ${of.subject} and digest > ${of.after}
      and artifact_type = coalesce(${of.artifactType ?? null}, artifact_type)
    order by digest limit ${limit}`);
}

/** Repositories that hold a manifest of that digest, in byte order. */
export async function repositoriesWithManifest(database: Sql, digest: Digest, limit: number): Promise<string[]> {
  const rows = await database.all<{ repository: string }>(sql`
    select repository as "repository" from manifests where digest = ${digest} order by repository limit ${limit}`);
  return rows.map((row) => row.repository);
}

/** What a manifest of the repository has as its subject; null: nothing, undefined: there is no such manifest. */
export async function findSubjectOf(
  database: Sql,
  repository: string,
  digest: Digest,
): Promise<Digest | null | undefined> {
  const row = await first<{ subject: Digest | null }>(
    database,
    sql`
    select subject as "subject" from manifests where repository = ${repository} and digest = ${digest}`,
  );
  return row?.subject;
}

/** Manifests with that subject, by digest. */
export async function manifestsWithSubject(database: Sql, repository: string, subject: Digest): Promise<Digest[]> {
  const rows = await database.all<{ digest: Digest }>(sql`
    select digest as "digest" from manifests where repository = ${repository} and subject = ${subject} order by digest`);
  return rows.map((row) => row.digest);
}

/** Databases bound the values of one statement; 500 rows of four stay far below. */
function* pages<T>(rows: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < rows.length; start += 500) yield rows.slice(start, start + 500);
}
