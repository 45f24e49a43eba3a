/*
 * Plans once over a database that is there, in a process of its own, and prints what that took as JSON:
 * node test/bench/planning.ts FILE
 */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { openMetadata } from '#metadata/open.ts';
import { openPruning } from '#retention/prune.ts';
import { residentSet } from './resident-set.ts';

/** What one planning took. */
export interface PlanningCost {
  readonly seconds: number;
  /** Greatest resident set, MiB; before it began, the same process had `idleMiB`. */
  readonly peakMiB: number;
  readonly idleMiB: number;
  /** The longest time for which the process could have answered nobody, milliseconds. */
  readonly standstillMs: number;
  readonly tags: number;
}

const [path = ''] = process.argv.slice(2);
const metadata = await openMetadata('sqlite', { path });
const rules = [
  { repositories: '**', tags: 'entry-*', keepMostRecent: 1000, orderBy: 'pushed' as const },
  { repositories: '**', tags: '*', keepTagRevisions: 3, deleteUntaggedAfter: 7 * 24 * 3_600_000 },
];
const pruning = openPruning({ metadata, clock: Date.now, rules, maxShare: 1 });
const idleMiB = residentSet(process.pid, 'VmRSS');
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const begin = performance.now();
const { summary } = await pruning.plan({ origin: { actor: 'bench', address: '', requestId: '' } });
const seconds = (performance.now() - begin) / 1000;
delay.disable();
await metadata.close();
const cost: PlanningCost = {
  seconds,
  peakMiB: residentSet(process.pid, 'VmHWM'),
  idleMiB,
  standstillMs: delay.max / 1e6,
  tags: summary.tags.keep + summary.tags.delete,
};
process.stdout.write(JSON.stringify(cost));
