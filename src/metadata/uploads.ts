import type { Algorithm, Digest } from '#oci/digest.ts';
import { type Sql, first, sql } from './sql.ts';

/** An upload under way. `digest` is known while all of it came in one part, hashed with `algorithm`. */
export interface UploadRow {
  readonly id: string;
  readonly repository: string;
  readonly algorithm: Algorithm;
  readonly sizeBytes: number;
  readonly digest: Digest | null;
}

export async function insertUpload(database: Sql, upload: UploadRow, by: string, now: number): Promise<void> {
  await database.all(sql`
    insert into uploads (id, repository, algorithm, size_bytes, digest, started_by, updated_at)
    values (${upload.id}, ${upload.repository}, ${upload.algorithm}, ${upload.sizeBytes}, ${upload.digest}, ${by}, ${now})`);
}

export async function findUpload(database: Sql, repository: string, id: string): Promise<UploadRow | undefined> {
  return await first<UploadRow>(
    database,
    sql`
    select id as "id", repository as "repository", algorithm as "algorithm", size_bytes as "sizeBytes",
      digest as "digest"
    from uploads where id = ${id} and repository = ${repository}`,
  );
}

/** A stretch of an upload, as it lies in storage. */
export interface UploadPart {
  readonly location: string;
  readonly sizeBytes: number;
  readonly digest: Digest;
}

/**
 * Adds a part to an upload that is still as long as the caller last saw it; returns false when it is not. Of two
 * requests that send the same stretch, this lets exactly one through.
 */
export async function appendPart(database: Sql, upload: UploadRow, part: UploadPart, now: number): Promise<boolean> {
  const digest = upload.sizeBytes === 0 ? part.digest : null;
  const rows = await database.all(sql`
    update uploads set size_bytes = size_bytes + ${part.sizeBytes}, digest = ${digest}, updated_at = ${now}
    where id = ${upload.id} and size_bytes = ${upload.sizeBytes} returning id`);
  if (rows.length === 0) return false;
  await database.all(sql`
    insert into upload_parts (upload, start_byte, location) values (${upload.id}, ${upload.sizeBytes}, ${part.location})`);
  return true;
}

/** Storage keys of the parts, in order. */
export async function partLocations(database: Sql, id: string): Promise<string[]> {
  const rows = await database.all<{ location: string }>(sql`
    select location as "location" from upload_parts where upload = ${id} order by start_byte`);
  return rows.map((row) => row.location);
}

/** Takes an upload out, if it is still as long as the caller last saw it: of two who finish it, one gets true. */
export async function deleteUpload(database: Sql, upload: Pick<UploadRow, 'id' | 'sizeBytes'>): Promise<boolean> {
  const rows = await database.all(sql`
    delete from uploads where id = ${upload.id} and size_bytes = ${upload.sizeBytes} returning id`);
  return rows.length === 1;
}

/** Uploads that nobody has added to since the given moment. */
export async function idleUploads(
  database: Sql,
  before: number,
  limit: number,
): Promise<Pick<UploadRow, 'id' | 'sizeBytes'>[]> {
  return await database.all(sql`
    select id as "id", size_bytes as "sizeBytes" from uploads where updated_at < ${before}
    order by updated_at limit ${limit}`);
}

/** Whether an object is a recorded part of an upload. */
export async function isPartLocation(database: Sql, location: string): Promise<boolean> {
  return (await first(database, sql`select upload from upload_parts where location = ${location}`)) !== undefined;
}
