import type { Digest } from '#oci/digest.ts';
import { type Sql, first, sql } from './sql.ts';

/** The end of time, for what does not end: the latest moment a date can hold. */
export const FOR_EVER = 8.64e15;

/** What was found of a manifest. Times are milliseconds since the epoch, flags 0 and 1. */
export interface VerdictRow {
  readonly digest: Digest;
  /** Version of the policy it was judged under; empty: what was found no longer holds. */
  readonly policy: string;
  readonly isSatisfied: number;
  /** Satisfied through this index, or this image it is attached to; null: on its own. */
  readonly via: Digest | null;
  /** Not seen by those who only pull. */
  readonly isWithheld: number;
  readonly judgedAt: number | null;
  readonly goodUntil: number;
  readonly judgeAt: number | null;
  readonly changes: number;
  /** Why, in a sentence. */
  readonly summary: string;
  readonly releasedAt: number | null;
}

/** The verdict on a manifest; undefined when nobody has looked at it, nor is to. */
export async function findVerdict(database: Sql, repository: string, digest: Digest): Promise<VerdictRow | undefined> {
  return await first<VerdictRow>(
    database,
    sql`
    select digest as "digest", policy as "policy", is_satisfied as "isSatisfied", via as "via",
      is_withheld as "isWithheld", judged_at as "judgedAt", good_until as "goodUntil", judge_at as "judgeAt",
      changes as "changes", summary as "summary", released_at as "releasedAt"
    from verdicts where repository = ${repository} and digest = ${digest}`,
  );
}

/** What a verdict rests on, JSON, and who let the manifest pass without one. */
export interface EvidenceRow {
  readonly evidence: string | null;
  readonly releasedAt: number | null;
  readonly releasedBy: string | null;
  readonly releaseReason: string | null;
}

export async function findEvidence(
  database: Sql,
  repository: string,
  digest: Digest,
): Promise<EvidenceRow | undefined> {
  return await first<EvidenceRow>(
    database,
    sql`
    select evidence as "evidence", released_at as "releasedAt", released_by as "releasedBy",
      release_reason as "releaseReason"
    from verdicts where repository = ${repository} and digest = ${digest}`,
  );
}

/** A manifest nobody has looked at yet, or that was looked at as it came. */
export interface NewVerdict {
  readonly repository: string;
  readonly digest: Digest;
  readonly policy: string;
  readonly isWithheld: boolean;
  readonly summary: string;
  readonly judgedAt: number | null;
  readonly judgeAt: number | null;
}

/** Puts a manifest on the list, unsatisfied; returns false when it is there already. */
export async function insertVerdict(database: Sql, verdict: NewVerdict): Promise<boolean> {
  const rows = await database.all(sql`
    insert into verdicts (repository, digest, policy, is_satisfied, is_withheld, judged_at, good_until, judge_at,
      changes, summary)
    values (${verdict.repository}, ${verdict.digest}, ${verdict.policy}, 0, ${verdict.isWithheld ? 1 : 0},
      ${verdict.judgedAt}, ${FOR_EVER}, ${verdict.judgeAt}, 0, ${verdict.summary})
    on conflict (repository, digest) do nothing returning digest`);
  return rows.length === 1;
}

/** Has a manifest looked at again at once. What was found of it holds until then: something came, and can only add. */
export async function reviewVerdict(database: Sql, repository: string, digest: Digest, now: number): Promise<void> {
  // Never the moment at which it was due already: whoever is judging it has to notice, whatever clocks say.
  await database.all(sql`
    update verdicts set judge_at = case when judge_at <= ${now} then judge_at - 1 else ${now} end
    where repository = ${repository} and digest = ${digest}`);
}

/**
 * Has a manifest looked at again at once, and what stands through it: something went, and nothing that was found of them
 * holds any more.
 */
export async function voidVerdict(database: Sql, repository: string, digest: Digest, now: number): Promise<void> {
  // One at a time: asked for all at once, SQLite looks at every verdict of the repository.
  await database.all(sql`
    update verdicts set judge_at = ${now}, changes = changes + 1, policy = ''
    where repository = ${repository} and via in
      (select digest from verdicts where repository = ${repository} and via = ${digest})`);
  await database.all(sql`
    update verdicts set judge_at = ${now}, changes = changes + 1, policy = ''
    where repository = ${repository} and via = ${digest}`);
  await database.all(sql`
    update verdicts set judge_at = ${now}, changes = changes + 1, policy = ''
    where repository = ${repository} and digest = ${digest}`);
}

/** A verdict as it is to be. */
export interface Judged {
  readonly repository: string;
  readonly digest: Digest;
  readonly policy: string;
  readonly isSatisfied: boolean;
  readonly via: Digest | null;
  readonly isWithheld: boolean;
  readonly judgedAt: number;
  readonly goodUntil: number;
  readonly judgeAt: number | null;
  readonly summary: string;
  readonly evidence: string | null;
}

/** Writes a verdict over whatever there was; who released the manifest stays. */
export async function writeVerdict(database: Sql, verdict: Judged): Promise<void> {
  // Whoever examined it at the same time saw less, or more: they have to look again.
  const changes = verdict.evidence === null ? 0 : 1;
  await database.all(sql`
    insert into verdicts (repository, digest, policy, is_satisfied, via, is_withheld, judged_at, good_until, judge_at,
      changes, summary, evidence)
    values (${verdict.repository}, ${verdict.digest}, ${verdict.policy}, ${verdict.isSatisfied ? 1 : 0}, ${verdict.via},
      ${verdict.isWithheld ? 1 : 0}, ${verdict.judgedAt}, ${verdict.goodUntil}, ${verdict.judgeAt}, ${changes},
      ${verdict.summary}, ${verdict.evidence})
    on conflict (repository, digest) do update set policy = excluded.policy, is_satisfied = excluded.is_satisfied,
      via = excluded.via, is_withheld = excluded.is_withheld, judged_at = excluded.judged_at,
      good_until = excluded.good_until, judge_at = excluded.judge_at, changes = verdicts.changes + excluded.changes,
      summary = excluded.summary, evidence = excluded.evidence`);
}

/** Says that somebody lets a manifest pass whatever the policy says of it. */
export async function releaseVerdict(
  database: Sql,
  { repository, digest, by, reason }: { repository: string; digest: Digest; by: string; reason: string },
  now: number,
): Promise<void> {
  await database.all(sql`
    insert into verdicts (repository, digest, policy, is_satisfied, is_withheld, good_until, judge_at, changes, summary,
      released_at, released_by, release_reason)
    values (${repository}, ${digest}, '', 0, 0, ${FOR_EVER}, ${now}, 0, '', ${now}, ${by}, ${reason})
    on conflict (repository, digest) do update set is_withheld = 0, released_at = excluded.released_at,
      released_by = excluded.released_by, release_reason = excluded.release_reason`);
}

/** Forgets the verdict on a manifest that is gone. */
export async function deleteVerdict(database: Sql, repository: string, digest: Digest): Promise<void> {
  await database.all(sql`delete from verdicts where repository = ${repository} and digest = ${digest}`);
}

/** Manifests to be looked at, those that wait longest first. */
export async function dueVerdicts(
  database: Sql,
  now: number,
  limit: number,
): Promise<{ repository: string; digest: Digest }[]> {
  return await database.all(sql`
    select repository as "repository", digest as "digest"
    from verdicts where judge_at <= ${now} order by judge_at limit ${limit}`);
}

/** Manifests that were satisfied through another one. */
export async function verdictsVia(database: Sql, repository: string, via: Digest): Promise<Digest[]> {
  const rows = await database.all<{ digest: Digest }>(sql`
    select digest as "digest" from verdicts where repository = ${repository} and via = ${via} order by digest`);
  return rows.map((row) => row.digest);
}

/**
 * Until when those who only pull see a blob: until when the last manifest that names it is satisfied under the policy.
 * Undefined when none is.
 */
export async function blobGoodUntil(
  database: Sql,
  repository: string,
  blob: Digest,
  policy: string,
): Promise<number | undefined> {
  const row = await first<{ goodUntil: number | null }>(
    database,
    sql`
    select max(case when released_at is null then good_until else ${FOR_EVER} end) as "goodUntil" from verdicts
    where repository = ${repository} and (is_satisfied = 1 and policy = ${policy} or released_at is not null)
      and digest in (select manifest from manifest_references
        where repository = ${repository} and kind = 'blob' and target = ${blob})`,
  );
  return row?.goodUntil ?? undefined;
}

/** Whether a manifest names a blob that is not withheld. */
export async function isBlobShown(database: Sql, repository: string, blob: Digest): Promise<boolean> {
  const rows = await database.all(sql`
    select 1 as "one" from manifest_references
    where repository = ${repository} and kind = 'blob' and target = ${blob}
      and not exists (select 1 from verdicts
        where verdicts.repository = manifest_references.repository and verdicts.digest = manifest_references.manifest
          and verdicts.is_withheld = 1)
    limit 1`);
  return rows.length === 1;
}

/** Manifests that name a blob and have no verdict under the policy. */
export async function unjudgedNaming(
  database: Sql,
  { repository, blob, policy }: { repository: string; blob: Digest; policy: string },
  limit: number,
): Promise<Digest[]> {
  const rows = await database.all<{ digest: Digest }>(sql`
    select manifest as "digest" from manifest_references
    where repository = ${repository} and kind = 'blob' and target = ${blob}
      and not exists (select 1 from verdicts
        where verdicts.repository = manifest_references.repository and verdicts.digest = manifest_references.manifest
          and verdicts.policy = ${policy})
    order by manifest limit ${limit}`);
  return rows.map((row) => row.digest);
}

/**
 * Manifests of a repository of which it is not known that they do not satisfy the policy, for whoever keeps what is
 * signed: what nobody has judged yet is among them.
 */
export async function notUnsatisfiedAfter(
  database: Sql,
  { repository, policy, after }: { repository: string; policy: string; after: string },
  limit: number,
): Promise<{ digest: Digest }[]> {
  return await database.all(sql`
    select digest as "digest" from manifests
    where repository = ${repository} and digest > ${after}
      and not exists (select 1 from verdicts
        where verdicts.repository = manifests.repository and verdicts.digest = manifests.digest
          and verdicts.is_satisfied = 0 and verdicts.policy = ${policy} and verdicts.released_at is null)
    order by digest limit ${limit}`);
}

/** Under which version of a policy all of a repository was put on the list; undefined: under none. */
async function findRepositoryPolicy(database: Sql, repository: string): Promise<string | undefined> {
  const row = await first<{ policy: string }>(
    database,
    sql`select policy as "policy" from repository_policies where repository = ${repository}`,
  );
  return row?.policy;
}

/** Repositories that were put on the list, and under which version, after the given one. */
export async function repositoryPoliciesAfter(
  database: Sql,
  after: string,
  limit: number,
): Promise<{ repository: string; policy: string | null }[]> {
  return await database.all(sql`
    select name as "repository",
      (select policy from repository_policies where repository_policies.repository = repositories.name) as "policy"
    from repositories where name > ${after} order by name limit ${limit}`);
}

/** Puts all of a repository on the list, to be judged under a new policy. Nothing is withheld by that. */
export async function reviewRepository(database: Sql, repository: string, policy: string, now: number): Promise<void> {
  await database.all(sql`
    insert into verdicts (repository, digest, policy, is_satisfied, is_withheld, judged_at, good_until, judge_at,
      changes, summary)
    select repository, digest, '', 0, 0, null, ${FOR_EVER}, ${now}, 0, '' from manifests
    where repository = ${repository}
    on conflict (repository, digest) do update set judge_at = excluded.judge_at, changes = verdicts.changes + 1
    where verdicts.policy <> ${policy}`);
  await database.all(sql`
    insert into repository_policies (repository, policy) values (${repository}, ${policy})
    on conflict (repository) do update set policy = excluded.policy`);
}

/** Forgets every verdict on a repository that no policy speaks of any more; what somebody released stays released. */
export async function forgetVerdicts(database: Sql, repository: string): Promise<void> {
  await database.all(sql`delete from verdicts where repository = ${repository} and released_at is null`);
  await database.all(sql`update verdicts set judge_at = null, policy = '' where repository = ${repository}`);
  await database.all(sql`delete from repository_policies where repository = ${repository}`);
}

/** Has a manifest looked at later: now it could not be. What was found of it no longer holds. */
export async function deferVerdict(
  database: Sql,
  { repository, digest, judgeAt }: { repository: string; digest: Digest; judgeAt: number },
): Promise<void> {
  await database.all(sql`
    update verdicts set judge_at = ${judgeAt}, policy = '' where repository = ${repository} and digest = ${digest}`);
}

/**
 * Whether anything could speak for a manifest: something attached to it, by subject, by one of these tags or as an OpenPGP
 * signature, or an index that names it.
 */
export async function hasSpeakers(
  database: Sql,
  { repository, digest, tags }: { repository: string; digest: Digest; tags: readonly string[] },
): Promise<boolean> {
  const rows = await database.all(sql`
    select 1 as "one" where
      exists (select 1 from manifests where repository = ${repository} and subject = ${digest})
      or exists (select 1 from tags where repository = ${repository} and name in ${tags})
      or exists (select 1 from simple_signatures where repository = ${repository} and digest = ${digest})
      or exists (select 1 from manifest_references
        where repository = ${repository} and kind = 'manifest' and target = ${digest})`);
  return rows.length === 1;
}

/** Lets everything of a repository be seen that was withheld. */
export async function showWithheld(database: Sql, repository: string): Promise<void> {
  await database.all(sql`update verdicts set is_withheld = 0 where repository = ${repository} and is_withheld = 1`);
}

/** Notes that a repository is under a policy from its first manifest on; nothing when it is noted already. */
export async function noteRepositoryPolicy(database: Sql, repository: string, policy: string): Promise<void> {
  if ((await findRepositoryPolicy(database, repository)) !== undefined) return;
  await database.all(sql`insert into repository_policies (repository, policy) values (${repository}, ${policy})`);
}
