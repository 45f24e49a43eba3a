import { latestCronMoment } from '#base/cron-moment.ts';
import type { Origin } from '#metadata/events.ts';
import { forgetPulls } from '#metadata/pulls.ts';
import { findScheduleMark, setScheduleMark } from '#metadata/schedule-marks.ts';
import type { Sql } from '#metadata/sql.ts';
import type { Pruning } from './prune.ts';
import { dateText } from './reasons.ts';

/** When pruning runs by itself. */
export interface PruneSchedule {
  /** Cron fields. */
  readonly schedule: string;
  /** Of the IANA database; empty: this machine's. */
  readonly timeZone: string;
  readonly suspend: boolean;
  /** Milliseconds. */
  readonly startDeadline: number;
  /** Without rules nothing runs. */
  readonly rules: readonly unknown[];
}

/** What pruning by itself works with. */
export interface ScheduledPruneContext {
  readonly metadata: Sql;
  readonly clock: () => number;
  readonly pruning: Pruning;
  readonly options: PruneSchedule;
}

/** A named act on a schedule, as the scheduler takes it. */
export interface PruneJob {
  readonly name: string;
  readonly schedule: string;
  /** Whether a run is due; only reads. */
  due(): Promise<boolean>;
  run(signal: AbortSignal): Promise<string>;
}

const NAME = 'prune';
const PRUNER: Origin = { actor: 'system:pruner', address: '', requestId: '' };
const FORGOTTEN_AT_ONCE = 2000;

/**
 * Looks every minute whether a run is due that nobody has started: so a start that was missed is made up for, within its
 * deadline, and of several nodes one starts it.
 */
export function pruneJob(context: ScheduledPruneContext): PruneJob {
  return {
    name: NAME,
    schedule: '* * * * *',
    due: () => isDue(context),
    run: (signal) => runIfDue(context, signal),
  };
}

async function runIfDue(context: ScheduledPruneContext, signal: AbortSignal): Promise<string> {
  const { metadata, options, pruning } = context;
  const due = await metadata.transaction((inside) => claim(inside, context));
  if (due === undefined) return 'no pruning is due';
  if (options.rules.length === 0) return 'pruning is off: there is no rule';
  if (options.suspend) return 'pruning is suspended';
  const { id, summary } = await pruning.plan({ origin: PRUNER, signal });
  const report = await pruning.apply(id, { origin: PRUNER, overrideBrake: false, signal });
  const warned = summary.warnings.length === 0 ? '' : `; ${summary.warnings.join('; ')}`;
  const [stop] = report.stops;
  if (stop !== undefined) return `plan ${id} of ${dateText(due)} stopped: ${stop.reason}${warned}`;
  while ((await metadata.transaction((inside) => forgetPulls(inside, FORGOTTEN_AT_ONCE))) === FORGOTTEN_AT_ONCE) {
    signal.throwIfAborted();
  }
  const { tags, revisions, manifests, skipped } = report;
  const counts = `${tags} tags, ${revisions} revisions, ${manifests} manifests pruned, ${skipped} skipped`;
  return `plan ${id} of ${dateText(due)}: ${counts}${warned}`;
}

/** Whether there is something to claim, were it only the mark from which on starts are missed. */
async function isDue(context: ScheduledPruneContext): Promise<boolean> {
  const mark = await findScheduleMark(context.metadata, NAME);
  return mark === undefined || dueAfter(mark, context) !== undefined;
}

function dueAfter(mark: number, { clock, options }: ScheduledPruneContext): number | undefined {
  const now = clock();
  return latestCronMoment(options.schedule, {
    after: Math.max(mark, now - options.startDeadline),
    until: now,
    timeZone: options.timeZone === '' ? undefined : options.timeZone,
  });
}

/** The moment that is due and nobody has claimed; claimed now. What is due while pruning is off is not made up for. */
async function claim(metadata: Sql, context: ScheduledPruneContext): Promise<number | undefined> {
  const mark = await findScheduleMark(metadata, NAME);
  if (mark === undefined) {
    // Nothing was missed before anybody looked.
    await setScheduleMark(metadata, NAME, context.clock());
    return undefined;
  }
  const due = dueAfter(mark, context);
  if (due !== undefined) await setScheduleMark(metadata, NAME, due);
  return due;
}
