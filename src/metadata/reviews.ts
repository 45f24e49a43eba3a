import type { Digest } from '#oci/digest.ts';
import { type Sql, first, sql } from './sql.ts';

/** A repository's permission to read a blob, to be looked at once `reviewAfter` has passed. */
export interface LinkReview {
  readonly repository: string;
  readonly digest: Digest;
  /** Milliseconds since the epoch. */
  readonly reviewAfter: number;
}

/** Has a link looked at no sooner than that; never sooner than it was to be looked at before. */
export async function reviewLink(database: Sql, { repository, digest, reviewAfter }: LinkReview): Promise<void> {
  await database.all(sql`
    insert into link_reviews (repository, digest, review_after) values (${repository}, ${digest}, ${reviewAfter})
    on conflict (repository, digest) do update set review_after = excluded.review_after
    where link_reviews.review_after < excluded.review_after`);
}

/** When a link is to be looked at; undefined when nobody will. */
export async function findLinkReview(database: Sql, repository: string, digest: Digest): Promise<number | undefined> {
  const row = await first<{ reviewAfter: number }>(
    database,
    sql`
    select review_after as "reviewAfter" from link_reviews where repository = ${repository} and digest = ${digest}`,
  );
  return row?.reviewAfter;
}

/** Has the links of everything a manifest names looked at; of one that was removed. */
export async function reviewRemovedLinks(
  database: Sql,
  repository: string,
  manifest: Digest,
  reviewAfter: number,
): Promise<void> {
  await database.all(sql`
    insert into link_reviews (repository, digest, review_after)
    select repository, target, ${reviewAfter} from removed_references
    where repository = ${repository} and manifest = ${manifest} and kind = 'blob'
    on conflict (repository, digest) do update set review_after = excluded.review_after
    where link_reviews.review_after < excluded.review_after`);
}

export async function dueLinks(database: Sql, now: number, limit: number): Promise<LinkReview[]> {
  return await database.all<LinkReview>(sql`
    select repository as "repository", digest as "digest", review_after as "reviewAfter"
    from link_reviews where review_after <= ${now} order by review_after limit ${limit}`);
}

/** Takes a link off the list if nobody has put it off since; returns false when somebody has. */
export async function endLinkReview(database: Sql, { repository, digest, reviewAfter }: LinkReview): Promise<boolean> {
  const rows = await database.all(sql`
    delete from link_reviews
    where repository = ${repository} and digest = ${digest} and review_after = ${reviewAfter} returning digest`);
  return rows.length === 1;
}

/** Has bytes looked at no sooner than that. */
export async function reviewBlob(database: Sql, digest: Digest, reviewAfter: number): Promise<void> {
  await database.all(sql`
    insert into blob_reviews (digest, review_after) values (${digest}, ${reviewAfter})
    on conflict (digest) do update set review_after = excluded.review_after
    where blob_reviews.review_after < excluded.review_after`);
}

export async function dueBlobs(
  database: Sql,
  now: number,
  limit: number,
): Promise<{ digest: Digest; reviewAfter: number }[]> {
  return await database.all(sql`
    select digest as "digest", review_after as "reviewAfter"
    from blob_reviews where review_after <= ${now} order by review_after limit ${limit}`);
}

export async function endBlobReview(database: Sql, digest: Digest): Promise<void> {
  await database.all(sql`delete from blob_reviews where digest = ${digest}`);
}

/** Has a manifest looked for, no sooner than that, that something may have as its subject. */
export async function reviewSubject(
  database: Sql,
  repository: string,
  subject: Digest,
  reviewAfter: number,
): Promise<void> {
  await database.all(sql`
    insert into subject_reviews (repository, subject, review_after) values (${repository}, ${subject}, ${reviewAfter})
    on conflict (repository, subject) do update set review_after = excluded.review_after
    where subject_reviews.review_after < excluded.review_after`);
}

export async function dueSubjects(
  database: Sql,
  now: number,
  limit: number,
): Promise<{ repository: string; subject: Digest }[]> {
  return await database.all(sql`
    select repository as "repository", subject as "subject"
    from subject_reviews where review_after <= ${now} order by review_after limit ${limit}`);
}

export async function endSubjectReview(database: Sql, repository: string, subject: Digest): Promise<void> {
  await database.all(sql`delete from subject_reviews where repository = ${repository} and subject = ${subject}`);
}

/** How much waits to be looked at, and since when the oldest that is due has waited. */
export interface ReviewTotals {
  readonly due: number;
  readonly waiting: number;
  /** Milliseconds since the epoch; null when nothing is due. */
  readonly oldestDue: number | null;
}

/** Counts what is on the lists of links and bytes. */
export async function reviewTotals(database: Sql, now: number): Promise<ReviewTotals> {
  const rows = await database.all<ReviewTotals>(sql`
    select coalesce(sum(case when review_after <= ${now} then 1 else 0 end), 0) as "due",
      coalesce(sum(case when review_after > ${now} then 1 else 0 end), 0) as "waiting",
      min(case when review_after <= ${now} then review_after end) as "oldestDue"
    from (select review_after from link_reviews union all select review_after from blob_reviews) as reviews`);
  return rows[0] ?? { due: 0, waiting: 0, oldestDue: null };
}
