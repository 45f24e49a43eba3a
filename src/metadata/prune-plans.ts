import type { Digest } from '#oci/digest.ts';
import { type Sql, first, sql } from './sql.ts';

/** `making`: its items are still being written, or whoever wrote them died. */
export type PlanStatus = 'making' | 'planned' | 'stopped' | 'done';

/** A plan of pruning. Times are milliseconds since the epoch. */
export interface PlanRow {
  readonly id: string;
  /** What changed since then is skipped. */
  readonly madeAt: number;
  readonly madeBy: string;
  readonly status: PlanStatus;
  /** JSON. */
  readonly summary: string;
  readonly confirmedAt: number | null;
  readonly confirmedBy: string | null;
}

/** An item of a plan before it is carried out. */
export interface NewPlanItem {
  readonly item: 'tag' | 'revision' | 'manifest';
  /** The tag; empty for manifests. */
  readonly name: string;
  /** 0 for what is no revision. */
  readonly revision: number;
  readonly digest: Digest;
  readonly fate: 'keep' | 'delete';
  readonly reason: string;
}

/** An item of a plan. */
export interface PlanItemRow extends NewPlanItem {
  /** Counts from 1 through the plan, in the order in which it is carried out. */
  readonly position: number;
  readonly repository: string;
  /** What became of it; null until it was carried out. */
  readonly outcome: string | null;
}

export async function insertPlan(
  database: Sql,
  plan: Pick<PlanRow, 'id' | 'madeAt' | 'madeBy' | 'summary'>,
): Promise<void> {
  await database.all(sql`
    insert into prune_plans (id, made_at, made_by, status, summary)
    values (${plan.id}, ${plan.madeAt}, ${plan.madeBy}, 'making', ${plan.summary})`);
}

/** Adds items, the first at the position given. */
export async function insertPlanItems(
  database: Sql,
  { plan, repository, position }: { plan: string; repository: string; position: number },
  items: readonly NewPlanItem[],
): Promise<void> {
  for (let start = 0; start < items.length; start += 500) {
    const rows = items
      .slice(start, start + 500)
      .map(({ item, name, revision, digest, fate, reason }, index) => [
        plan,
        position + start + index,
        repository,
        item,
        name,
        revision,
        digest,
        fate,
        reason,
      ]);
    await database.all(sql`
      insert into prune_items (plan, position, repository, item, name, revision, digest, fate, reason) values ${rows}`);
  }
}

export async function finishPlan(database: Sql, id: string, summary: string): Promise<void> {
  await database.all(sql`
    update prune_plans set status = 'planned', summary = ${summary} where id = ${id} and status = 'making'`);
}

/** Notes that somebody carried a plan out, or that the brake stopped it. */
export async function settlePlan(
  database: Sql,
  id: string,
  status: 'stopped' | 'done',
  { by, now }: { by: string; now: number },
): Promise<void> {
  await database.all(sql`
    update prune_plans set status = ${status}, confirmed_at = ${now}, confirmed_by = ${by} where id = ${id}`);
}

export async function findPlan(database: Sql, id: string): Promise<PlanRow | undefined> {
  return await first<PlanRow>(
    database,
    sql`
    select id as "id", made_at as "madeAt", made_by as "madeBy", status as "status", summary as "summary",
      confirmed_at as "confirmedAt", confirmed_by as "confirmedBy"
    from prune_plans where id = ${id}`,
  );
}

/** Plans, the newest first. */
export async function newestPlans(database: Sql, limit: number): Promise<PlanRow[]> {
  return await database.all<PlanRow>(sql`
    select id as "id", made_at as "madeAt", made_by as "madeBy", status as "status", summary as "summary",
      confirmed_at as "confirmedAt", confirmed_by as "confirmedBy"
    from prune_plans order by made_at desc, id limit ${limit}`);
}

/** What to look for in a plan; what is left out does not matter. */
export interface PlanItemFilter {
  readonly repository?: string | undefined;
  readonly fate?: 'keep' | 'delete' | undefined;
}

/** Items that fit, in the order of the plan, after the position given. */
export async function planItemsAfter(
  database: Sql,
  plan: string,
  { repository, fate, after }: PlanItemFilter & { after: number },
  limit: number,
): Promise<PlanItemRow[]> {
  // One text for what has an index of its own.
  if (repository !== undefined) {
    return await database.all<PlanItemRow>(sql`
      select position as "position", repository as "repository", item as "item", name as "name",
        revision as "revision", digest as "digest", fate as "fate", reason as "reason", outcome as "outcome"
      from prune_items
      where plan = ${plan} and repository = ${repository} and position > ${after}
        and fate = coalesce(${fate ?? null}, fate)
      order by position limit ${limit}`);
  }
  return await database.all<PlanItemRow>(sql`
    select position as "position", repository as "repository", item as "item", name as "name",
      revision as "revision", digest as "digest", fate as "fate", reason as "reason", outcome as "outcome"
    from prune_items
    where plan = ${plan} and position > ${after} and fate = coalesce(${fate ?? null}, fate)
    order by position limit ${limit}`);
}

/** Items that are still to be carried out, in their order, after the position given. */
export async function pendingItems(database: Sql, plan: string, after: number, limit: number): Promise<PlanItemRow[]> {
  return await database.all<PlanItemRow>(sql`
    select position as "position", repository as "repository", item as "item", name as "name",
      revision as "revision", digest as "digest", fate as "fate", reason as "reason", outcome as "outcome"
    from prune_items
    where plan = ${plan} and position > ${after} and fate = 'delete' and outcome is null
    order by position limit ${limit}`);
}

/** What a plan still has to take from a repository, and what there is. */
export interface PendingTags {
  readonly repository: string;
  /** Tags there are now. */
  readonly tags: number;
  /** Tags that are still to go. */
  readonly pending: number;
}

/** Repositories from which a plan still has tags to take, by name. Cosign's tags, known by their length, do not count. */
export async function pendingTags(database: Sql, plan: string): Promise<PendingTags[]> {
  return await database.all<PendingTags>(sql`
    select i.repository as "repository", count(*) as "pending", (
        select count(*) from tags t where t.repository = i.repository
          and not (t.name like 'sha___-%' and length(t.name) in (75, 76, 139, 140))) as "tags"
    from prune_items i
    where i.plan = ${plan} and i.item = 'tag' and i.fate = 'delete' and i.outcome is null
      and exists (select 1 from tags t where t.repository = i.repository and t.name = i.name and t.digest = i.digest)
      and not (i.name like 'sha___-%' and length(i.name) in (75, 76, 139, 140))
    group by i.repository order by i.repository limit ${1_000_000}`);
}

/** Tags there are in all repositories, without cosign's. */
export async function countTags(database: Sql): Promise<number> {
  const row = await first<{ count: number }>(
    database,
    sql`
    select count(*) as "count" from tags
    where not (name like 'sha___-%' and length(name) in (75, 76, 139, 140)) limit ${1}`,
  );
  return row?.count ?? 0;
}

export async function settleItem(database: Sql, plan: string, position: number, outcome: string): Promise<void> {
  await database.all(sql`
    update prune_items set outcome = ${outcome} where plan = ${plan} and position = ${position}`);
}

/** Plans older than the newest so many, and unfinished ones made before the moment. */
export async function outdatedPlans(database: Sql, kept: number, moment: number): Promise<string[]> {
  const rows = await database.all<{ id: string }>(sql`
    select id as "id" from prune_plans
    where (status = 'making' and made_at < ${moment})
      or id not in (select id from prune_plans order by made_at desc, id limit ${kept})`);
  return rows.map((row) => row.id);
}

/** Forgets items of a plan, at most so many, and the plan with the last of them; returns false once it is gone. */
export async function forgetPlan(database: Sql, id: string, limit: number): Promise<boolean> {
  const rows = await database.all(sql`
    delete from prune_items where plan = ${id} and position in (
      select position from prune_items where plan = ${id} order by position limit ${limit}
    ) returning position`);
  if (rows.length === limit) return true;
  await database.all(sql`delete from prune_plans where id = ${id}`);
  return false;
}
