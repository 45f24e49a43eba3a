import { deleteEventsBefore } from '#metadata/events.ts';
import type { Sql } from '#metadata/sql.ts';
import type { AuditJob } from './job.ts';

/** What {@link purgeJob} works with. */
export interface PurgeSurroundings {
  readonly metadata: Sql;
  readonly clock: () => number;
  /** How old events become, in milliseconds. */
  readonly keep: number;
}

// A transaction keeps all other writers waiting: this many rows take a few milliseconds.
const BATCH = 1000;

/** The job that forgets events older than `keep`. The newest always stays, since ids go on from it. */
export function purgeJob(surroundings: PurgeSurroundings): AuditJob {
  return {
    name: 'forget-events',
    schedule: '17 * * * *',
    run: async (signal) => `${await purge(surroundings, signal)} old events forgotten`,
  };
}

async function purge({ metadata, clock, keep }: PurgeSurroundings, signal: AbortSignal): Promise<number> {
  const moment = clock() - keep;
  let total = 0;
  while (!signal.aborted) {
    const forgotten = await metadata.transaction((inside) => deleteEventsBefore(inside, moment, BATCH));
    total += forgotten;
    if (forgotten < BATCH) break;
  }
  return total;
}
