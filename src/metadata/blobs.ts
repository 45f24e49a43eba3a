import type { Digest } from '#oci/digest.ts';
import { type Sql, first, sql } from './sql.ts';

/** Bytes we hold, and the storage key they lie under. */
export interface BlobRow {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly location: string;
}

/** Size in bytes of a blob that the repository may read. */
export async function findBlobSize(database: Sql, repository: string, digest: Digest): Promise<number | undefined> {
  const row = await first<{ sizeBytes: number }>(
    database,
    sql`
    select size_bytes as "sizeBytes" from repository_blobs where repository = ${repository} and digest = ${digest}`,
  );
  return row?.sizeBytes;
}

/** The bytes of a digest, whoever may read them. */
export async function findBytes(database: Sql, digest: Digest): Promise<BlobRow | undefined> {
  return await first<BlobRow>(
    database,
    sql`
    select digest as "digest", size_bytes as "sizeBytes", location as "location" from blobs where digest = ${digest}`,
  );
}

/** Records bytes; returns false when the digest was known already. */
export async function insertBytes(database: Sql, blob: BlobRow, now: number): Promise<boolean> {
  const rows = await database.all(sql`
    insert into blobs (digest, size_bytes, location, created_at)
    values (${blob.digest}, ${blob.sizeBytes}, ${blob.location}, ${now})
    on conflict (digest) do nothing returning digest`);
  return rows.length === 1;
}

/** Points a digest at a sound copy of its bytes; returns false when it no longer points at `from`. */
export async function moveBytes(database: Sql, digest: Digest, from: string, to: string): Promise<boolean> {
  const rows = await database.all(sql`
    update blobs set location = ${to} where digest = ${digest} and location = ${from} returning digest`);
  return rows.length === 1;
}

/** Lets a repository read a blob. Safe to repeat. */
export async function linkBlob(
  database: Sql,
  repository: string,
  blob: Pick<BlobRow, 'digest' | 'sizeBytes'>,
  now: number,
): Promise<void> {
  await database.all(sql`
    insert into repository_blobs (repository, digest, size_bytes, linked_at)
    values (${repository}, ${blob.digest}, ${blob.sizeBytes}, ${now})
    on conflict (repository, digest) do nothing`);
}

/** Returns false when there was nothing to remove. */
export async function unlinkBlob(database: Sql, repository: string, digest: Digest): Promise<boolean> {
  const rows = await database.all(sql`
    delete from repository_blobs where repository = ${repository} and digest = ${digest} returning digest`);
  return rows.length === 1;
}

/** Sizes in bytes of those digests that the repository may read. */
export async function blobSizes(
  database: Sql,
  repository: string,
  digests: readonly Digest[],
): Promise<Map<Digest, number>> {
  const rows = await database.all<{ digest: Digest; sizeBytes: number }>(sql`
    select digest as "digest", size_bytes as "sizeBytes" from repository_blobs
    where repository = ${repository} and digest in ${digests}`);
  return new Map(rows.map((row) => [row.digest, row.sizeBytes]));
}

/** Repositories that may read the blob, in byte order. */
export async function repositoriesWithBlob(database: Sql, digest: Digest, limit: number): Promise<string[]> {
  const rows = await database.all<{ repository: string }>(sql`
    select repository as "repository" from repository_blobs where digest = ${digest} order by repository limit ${limit}`);
  return rows.map((row) => row.repository);
}

/** All bytes we hold, by digest after the given one: for a walk over everything. */
export async function blobsAfter(database: Sql, after: string, limit: number): Promise<BlobRow[]> {
  return await database.all<BlobRow>(sql`
    select digest as "digest", size_bytes as "sizeBytes", location as "location"
    from blobs where digest > ${after} order by digest limit ${limit}`);
}

/** How much there is to walk. */
export async function blobTotals(database: Sql): Promise<{ objects: number; sizeBytes: number }> {
  const row = await first<{ objects: number; sizeBytes: number }>(
    database,
    sql`
    select count(*) as "objects", coalesce(sum(size_bytes), 0) as "sizeBytes" from blobs`,
  );
  return row ?? { objects: 0, sizeBytes: 0 };
}

/** Whether an object is the recorded place of a blob. */
export async function isBlobLocation(database: Sql, location: string): Promise<boolean> {
  return (await first(database, sql`select digest from blobs where location = ${location}`)) !== undefined;
}

/**
 * Forgets bytes if nothing uses them at this very moment: no repository reads them, no manifest is them, and nothing that
 * can be restored is or names them. Returns them; undefined when something does.
 */
export async function forgetUnusedBlob(database: Sql, digest: Digest): Promise<BlobRow | undefined> {
  return await first<BlobRow>(
    database,
    sql`
    delete from blobs where digest = ${digest}
      and not exists (select 1 from repository_blobs r where r.digest = blobs.digest)
      and not exists (select 1 from manifests m where m.digest = blobs.digest)
      and not exists (select 1 from removed_manifests d where d.digest = blobs.digest)
      and not exists (select 1 from removed_references f where f.target = blobs.digest and f.kind = 'blob')
    returning digest as "digest", size_bytes as "sizeBytes", location as "location"`,
  );
}
