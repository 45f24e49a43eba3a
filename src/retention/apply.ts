import { type Origin, recordEvent } from '#metadata/events.ts';
import {
  type PlanItemRow,
  type PlanRow,
  findPlan,
  pendingItems,
  settleItem,
  settlePlan,
} from '#metadata/prune-plans.ts';
import type { Sql } from '#metadata/sql.ts';
import { type BrakeStop, brakeStops } from './brake.ts';
import { carryOut, outcomeText } from './carry-out.ts';
import { RetentionError } from './errors.ts';
import { dateText } from './reasons.ts';

export interface ApplyOptions {
  readonly origin: Origin;
  readonly overrideBrake: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Told after each batch. */
  readonly onProgress?: ((report: ApplyReport) => void) | undefined;
}

/** What carrying a plan out came to. */
export interface ApplyReport {
  readonly plan: string;
  /** Why nothing was done; empty when the brake let it pass. */
  readonly stops: readonly BrakeStop[];
  readonly tags: number;
  readonly revisions: number;
  readonly manifests: number;
  /** What has changed since the plan was made, and stays. */
  readonly skipped: number;
  /** What somebody else had removed by then. */
  readonly gone: number;
}

interface ApplyContext {
  readonly metadata: Sql;
  readonly clock: () => number;
  readonly maxShare: number;
}

// Few enough that a push waits milliseconds for its turn to write, many enough that the disk's fsync is shared.
const BATCH = 100;
/**
 * For how long a plan can be carried out. Rows are looked at again, but that a newer tag took a place in the meantime or
 * left it is not.
 */
export const PLAN_LIFETIME_MS = 7 * 24 * 3_600_000;

/**
 * Carries out a plan: see {@link Pruning.apply}. Two that do so at once share the work.
 *
 * @throws {RetentionError} plan-unknown, plan-unfinished, plan-done, plan-outdated
 */
export async function applyPlan(context: ApplyContext, id: string, options: ApplyOptions): Promise<ApplyReport> {
  const { metadata, clock, maxShare } = context;
  const { origin, signal } = options;
  const plan = requireReady(await findPlan(metadata, id), id, clock());
  const report = { plan: id, stops: [], tags: 0, revisions: 0, manifests: 0, skipped: 0, gone: 0 };
  const stops = await brakeStops(metadata, id, maxShare);
  if (stops.length > 0 && !options.overrideBrake) {
    await metadata.transaction((inside) => stop(inside, id, stops, { origin, now: clock() }));
    return { ...report, stops };
  }
  let after = 0;
  for (;;) {
    signal?.throwIfAborted();
    const from = after;
    const last = await metadata.transaction((inside) => carryOutSome(inside, plan, from, { origin, clock, report }));
    if (last === undefined) break;
    after = last;
    options.onProgress?.({ ...report });
  }
  await metadata.transaction(async (inside) => {
    const now = clock();
    await settlePlan(inside, id, 'done', { by: origin.actor, now });
    const { stops: _none, ...detail } = report;
    await recordEvent(inside, origin, { kind: 'prune.done', reference: id, detail }, now);
  });
  return report;
}

function requireReady(plan: PlanRow | undefined, id: string, now: number): PlanRow {
  if (plan === undefined) throw new RetentionError('plan-unknown', `no plan ${id}: it may be forgotten by now`);
  switch (plan.status) {
    case 'making':
      throw new RetentionError('plan-unfinished', `plan ${id} is still being made`);
    case 'done':
      throw new RetentionError('plan-done', `plan ${id} was carried out before`);
    case 'planned':
    case 'stopped':
      break;
  }
  if (now - plan.madeAt <= PLAN_LIFETIME_MS) return plan;
  throw new RetentionError('plan-outdated', `plan ${id} was made ${dateText(plan.madeAt)}: make a new one`);
}

async function stop(
  metadata: Sql,
  id: string,
  stops: readonly BrakeStop[],
  { origin, now }: { origin: Origin; now: number },
): Promise<void> {
  await settlePlan(metadata, id, 'stopped', { by: origin.actor, now });
  const reason = stops[0]?.reason;
  const detail = { stops: stops.slice(0, 20), count: stops.length };
  await recordEvent(
    metadata,
    origin,
    { kind: 'prune.stopped', reference: id, outcome: 'refused', reason, detail },
    now,
  );
}

type Counts = { -readonly [Key in 'tags' | 'revisions' | 'manifests' | 'skipped' | 'gone']: number };

/** Returns the position of the last item it looked at; undefined when there is none left. */
async function carryOutSome(
  metadata: Sql,
  plan: PlanRow,
  after: number,
  { origin, clock, report }: { origin: Origin; clock: () => number; report: Counts },
): Promise<number | undefined> {
  const act = { origin, now: clock() };
  const items = await pendingItems(metadata, plan.id, after, BATCH);
  for (const item of items) {
    const outcome = await carryOut(metadata, plan, item, act);
    await settleItem(metadata, plan.id, item.position, outcomeText(outcome));
    report[outcome.kind === 'deleted' ? kindOf(item) : outcome.kind] += 1;
  }
  return items.at(-1)?.position;
}

function kindOf({ item }: PlanItemRow): 'tags' | 'revisions' | 'manifests' {
  switch (item) {
    case 'tag':
      return 'tags';
    case 'revision':
      return 'revisions';
    case 'manifest':
      return 'manifests';
  }
}
