import { type Glob, compileGlob, globProblem } from '#base/glob.ts';
import { randomSecret } from '#base/secret.ts';
import type { Origin } from '#metadata/events.ts';
import {
  type PlanItemFilter,
  type PlanItemRow,
  type PlanRow,
  findPlan,
  finishPlan,
  forgetPlan,
  insertPlan,
  insertPlanItems,
  newestPlans,
  outdatedPlans,
  planItemsAfter,
} from '#metadata/prune-plans.ts';
import { repositoryNames } from '#metadata/repositories.ts';
import type { Sql } from '#metadata/sql.ts';
import type { Digest } from '#oci/digest.ts';
import { type ApplyOptions, type ApplyReport, applyPlan } from './apply.ts';
import { type BrakeStop, brakeStops } from './brake.ts';
import { RetentionError } from './errors.ts';
import type { RepositoryFacts } from './facts.ts';
import { gatherFacts } from './gather.ts';
import { type PlanItem, planRepository } from './plan.ts';
import type { RuleOptions } from './rule-options.ts';
import { type Rule, asksForSizes, compileRules, patternWarnings, rulesFor } from './rules.ts';

/** How many of a kind stay and go. */
export interface Fates {
  readonly keep: number;
  readonly delete: number;
}

/** A plan in numbers. */
export interface PlanSummary {
  /** The patterns the plan is limited to; null for every repository. */
  readonly repositories: readonly string[] | null;
  /** Repositories some rule speaks of. What no rule speaks of is kept, and is not in the plan. */
  readonly planned: number;
  readonly tags: Fates;
  readonly revisions: Fates;
  readonly manifests: Fates;
  /** Patterns that fit nothing. */
  readonly warnings: readonly string[];
  /** What the brake says, at most twenty; none: it lets the plan pass. */
  readonly stops: readonly BrakeStop[];
}

/** A plan as it is shown. Times are milliseconds since the epoch. */
export interface Plan extends Omit<PlanRow, 'summary'> {
  readonly summary: PlanSummary;
}

export interface PlanOptions {
  readonly origin: Origin;
  /** Patterns of repositories; undefined for every one. */
  readonly repositories?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What pruning works with. */
export interface PruneContext {
  readonly metadata: Sql;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly rules: readonly RuleOptions[];
  /** From 0 to 1. */
  readonly maxShare: number;
  /** Writes down the pulls this process still remembers. */
  readonly flushPulls?: (() => Promise<void>) | undefined;
  /** Told what carrying a plan out came to. */
  readonly onApplied?: ((report: ApplyReport) => void) | undefined;
  /** Manifests of a repository with a verified signature; undefined while nobody verifies any. */
  readonly verifiedIn?: ((repository: string) => Promise<ReadonlySet<Digest> | undefined>) | undefined;
}

export interface Pruning {
  /**
   * Makes a plan and stores it; deletes nothing.
   *
   * @throws {RetentionError} pattern-invalid
   */
  plan(options: PlanOptions): Promise<Plan>;
  /** @throws {RetentionError} plan-unknown */
  find(id: string): Promise<Plan>;
  /** The newest first. */
  list(limit: number): Promise<Plan[]>;
  /** Items of a plan that fit, in its order, after the position given. */
  items(
    id: string,
    filter: PlanItemFilter & { readonly after: number; readonly limit: number },
  ): Promise<PlanItemRow[]>;
  /**
   * Carries out that very plan, skipping what has changed since. One that was interrupted goes on where it was.
   *
   * @throws {RetentionError} plan-unknown, plan-unfinished, plan-done, plan-outdated
   */
  apply(id: string, options: ApplyOptions): Promise<ApplyReport>;
}

// A plan of 100,000 tags comes to some 70 MB.
const PLANS_KEPT = 10;
const UNFINISHED_KEPT_MS = 24 * 3_600_000;
// 1 to 2 MB: a push waits tens of milliseconds for its turn to write.
const BATCH = 2000;
const STOPS_SHOWN = 20;

export function openPruning(context: PruneContext): Pruning {
  const rules = compileRules(context.rules);
  const { metadata } = context;
  const find = async (id: string): Promise<Plan> => {
    const row = await findPlan(metadata, id);
    if (row === undefined) throw new RetentionError('plan-unknown', `no plan ${id}: the newest ${PLANS_KEPT} are kept`);
    return shown(row);
  };
  return {
    async plan(options) {
      await context.flushPulls?.();
      const id = await makePlan(context, rules, options);
      await forgetOldPlans(context);
      return await find(id);
    },
    find,
    list: async (limit) => (await newestPlans(metadata, limit)).map(shown),
    items: (id, { limit, ...filter }) => planItemsAfter(metadata, id, filter, limit),
    async apply(id, options) {
      await context.flushPulls?.();
      const report = await applyPlan(context, id, options);
      context.onApplied?.(report);
      return report;
    },
  };
}

const NONE: Fates = { keep: 0, delete: 0 };

/** What is known of a plan that is still being made. */
const UNFINISHED: PlanSummary = {
  repositories: null,
  planned: 0,
  tags: NONE,
  revisions: NONE,
  manifests: NONE,
  warnings: [],
  stops: [],
};

function shown(row: PlanRow): Plan {
  return { ...row, summary: { ...UNFINISHED, ...JSON.parse(row.summary) } };
}

async function makePlan(context: PruneContext, rules: readonly Rule[], options: PlanOptions): Promise<string> {
  const { metadata, clock } = context;
  const only = options.repositories?.map(limitOf);
  const id = randomSecret(10);
  // Before the first row is read: what changes from here on counts as changed since.
  const now = clock();
  await metadata.transaction((inside) =>
    insertPlan(inside, { id, madeAt: now, madeBy: options.origin.actor, summary: '{}' }),
  );
  const tally = new Tally();
  const met = new Set<Glob>();
  for await (const repository of everyRepository(metadata, options.signal)) {
    const ruling = rulesFor(rules, repository);
    for (const rule of ruling) met.add(rule.repositories);
    if (ruling.length === 0 || only?.some((glob) => glob.matches(repository)) === false) continue;
    const facts = await factsOf(context, repository, { ruling, now, signal: options.signal });
    const plan = planRepository(facts, rules, now);
    for (const glob of plan.met) met.add(glob);
    await storeItems(metadata, { id, repository, tally }, plan.items);
  }
  const stops = await brakeStops(metadata, id, context.maxShare);
  const summary: PlanSummary = {
    repositories: options.repositories ?? null,
    ...tally.counts(),
    // A plan for some repositories says nothing of the patterns for others.
    warnings: only === undefined ? patternWarnings(rules, met) : [],
    stops: stops.slice(0, STOPS_SHOWN),
  };
  await metadata.transaction((inside) => finishPlan(inside, id, JSON.stringify(summary)));
  return id;
}

async function factsOf(
  { metadata, verifiedIn }: PruneContext,
  repository: string,
  { ruling, now, signal }: { ruling: readonly Rule[]; now: number; signal: AbortSignal | undefined },
): Promise<RepositoryFacts> {
  const verified = await verifiedIn?.(repository);
  return await gatherFacts(metadata, repository, { now, withSizes: asksForSizes(ruling), verified, signal });
}

async function storeItems(
  metadata: Sql,
  { id, repository, tally }: { id: string; repository: string; tally: Tally },
  items: Iterable<PlanItem>,
): Promise<void> {
  tally.planned += 1;
  for (const batch of batches(items)) {
    await metadata.transaction((inside) =>
      insertPlanItems(inside, { plan: id, repository, position: tally.items + 1 }, batch),
    );
    tally.add(batch);
  }
}

function limitOf(pattern: string): Glob {
  const problem = globProblem(pattern);
  if (problem !== undefined) throw new RetentionError('pattern-invalid', `${problem}: ${JSON.stringify(pattern)}`);
  return compileGlob(pattern);
}

/** Counts what is planned. */
class Tally {
  planned = 0;
  items = 0;
  readonly #fates = {
    tag: { keep: 0, delete: 0 },
    revision: { keep: 0, delete: 0 },
    manifest: { keep: 0, delete: 0 },
  };

  add(items: readonly PlanItem[]): void {
    this.items += items.length;
    for (const { item, fate } of items) this.#fates[item][fate] += 1;
  }

  counts(): Pick<PlanSummary, 'planned' | 'tags' | 'revisions' | 'manifests'> {
    const { tag, revision, manifest } = this.#fates;
    return { planned: this.planned, tags: tag, revisions: revision, manifests: manifest };
  }
}

async function* everyRepository(metadata: Sql, signal: AbortSignal | undefined): AsyncGenerator<string> {
  let after = '';
  for (;;) {
    signal?.throwIfAborted();
    const names = await repositoryNames(metadata, after, 500);
    yield* names;
    after = names.at(-1) ?? '';
    if (names.length < 500) return;
  }
}

function* batches<Item>(items: Iterable<Item>): Generator<Item[]> {
  let batch: Item[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function forgetOldPlans({ metadata, clock }: PruneContext): Promise<void> {
  for (const id of await outdatedPlans(metadata, PLANS_KEPT, clock() - UNFINISHED_KEPT_MS)) {
    while (await metadata.transaction((inside) => forgetPlan(inside, id, BATCH)));
  }
}
