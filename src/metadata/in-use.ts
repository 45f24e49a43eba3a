import type { Digest } from '#oci/digest.ts';
import { type Sql, sql } from './sql.ts';

/** What something that runs refers to; `tag` or `digest` is empty where the reference has none. */
export interface InUseRow {
  readonly repository: string;
  readonly tag: string;
  readonly digest: Digest | '';
  readonly source: string;
  /** Until when it protects, in milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** A reference without what all of one import have in common. */
export type InUseReference = Pick<InUseRow, 'repository' | 'tag' | 'digest'>;

/** Puts a list in the place of whatever the source said before; forgets whatever has expired. Call it in a transaction. */
export async function replaceInUse(
  database: Sql,
  source: string,
  references: readonly InUseReference[],
  { now, expiresAt }: { now: number; expiresAt: number },
): Promise<void> {
  await database.all(sql`delete from in_use where source = ${source}`);
  await database.all(sql`delete from in_use where expires_at <= ${now}`);
  for (let start = 0; start < references.length; start += 500) {
    const rows = references
      .slice(start, start + 500)
      .map(({ repository, tag, digest }) => [repository, tag, digest, source, now, expiresAt]);
    await database.all(sql`
      insert into in_use (repository, tag, digest, source, imported_at, expires_at) values ${rows}
      on conflict (repository, tag, digest, source) do nothing`);
  }
}

/** What of a repository is in use, at most so many. */
export async function inUseOf(database: Sql, repository: string, now: number, limit: number): Promise<InUseRow[]> {
  return await database.all<InUseRow>(sql`
    select repository as "repository", tag as "tag", digest as "digest", source as "source", expires_at as "expiresAt"
    from in_use where repository = ${repository} and expires_at > ${now}
    order by tag, digest, source limit ${limit}`);
}

/** Whether the tag or the manifest is in use. `tag` may be empty: then only the manifest is asked for. */
export async function isInUse(
  database: Sql,
  { repository, tag, digest }: { repository: string; tag: string; digest: Digest },
  now: number,
): Promise<boolean> {
  const rows = await database.all(sql`
    select source from in_use
    where repository = ${repository} and expires_at > ${now}
      and (digest = ${digest} or (tag <> '' and tag = ${tag})) limit 1`);
  return rows.length > 0;
}

/** What each source said last: how many references, and until when they protect. */
export interface InUseSource {
  readonly source: string;
  readonly references: number;
  readonly expiresAt: number;
}

export async function inUseSources(database: Sql, now: number): Promise<InUseSource[]> {
  return await database.all<InUseSource>(sql`
    select source as "source", count(*) as "references", max(expires_at) as "expiresAt"
    from in_use where expires_at > ${now} group by source order by source`);
}
