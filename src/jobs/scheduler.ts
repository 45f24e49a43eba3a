import { randomUUID } from 'node:crypto';
import { schedule } from 'node-cron';
import { returnLease, takeLease } from '#metadata/leases.ts';
import type { Sql } from '#metadata/sql.ts';
import type { Log } from '#observe/log.ts';
import type { Metrics } from '#observe/metrics.ts';

/** A named act on a schedule. `run` says in a few words what it did, and stops early when the signal says so. */
export interface Job {
  readonly name: string;
  /** A cron expression of five or six fields, local time. */
  readonly schedule: string;
  /** Whether there is anything to do, asked before the lease is taken; it must only read. Without it there always is. */
  due?(): Promise<boolean>;
  run(signal: AbortSignal): Promise<string>;
}

export interface Scheduler {
  /** Stops the schedule, asks running jobs to end, and waits for them. */
  stop(): Promise<void>;
}

interface Surroundings {
  readonly metadata: Sql;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: () => number;
}

// A process that dies holding a lease keeps the job from others for this long; a run that lives renews it.
const LEASE_MS = 2 * 60_000;
const RENEW_MS = 30_000;

/** Runs each job on its schedule, in one process at a time among all that share the metadata. */
export function startJobs(jobs: readonly Job[], surroundings: Surroundings): Scheduler {
  const holder = randomUUID();
  const abort = new AbortController();
  const running = new Set<Promise<void>>();
  const tasks = jobs.map((job) =>
    schedule(
      job.schedule,
      async () => {
        const run = runOnce(job, holder, abort.signal, surroundings);
        running.add(run);
        await run.finally(() => running.delete(run));
      },
      { name: job.name, noOverlap: true, logger: cronLogger(job, surroundings.log) },
    ),
  );
  return {
    async stop() {
      abort.abort();
      for (const task of tasks) await task.destroy();
      await Promise.all(running);
    },
  };
}

/** What node-cron has to say, such as that a start was missed, in our log and not past it. */
function cronLogger(job: Job, log: Log): { [level in 'info' | 'warn' | 'error' | 'debug']: (said: unknown) => void } {
  const say = (said: unknown): void => log.info('scheduler', { job: job.name, said: String(said) });
  const ignore = (): void => undefined;
  // A job that is asked whether it is due comes round so often that running past its next turn is nothing to report.
  return { info: say, warn: job.due === undefined ? say : ignore, error: say, debug: ignore };
}

async function runOnce(job: Job, holder: string, signal: AbortSignal, surroundings: Surroundings): Promise<void> {
  const { metadata, log, metrics, clock } = surroundings;
  const started = performance.now();
  const lease = { name: job.name, holder, lifetimeMs: LEASE_MS };
  const renew = (): Promise<boolean> => metadata.transaction((inside) => takeLease(inside, lease, clock()));
  const report = (outcome: 'done' | 'failed' | 'elsewhere'): number => {
    const durationMs = performance.now() - started;
    metrics.job({ job: job.name, outcome }, durationMs / 1000);
    return durationMs;
  };
  try {
    if (job.due !== undefined && !(await job.due())) return;
    if (!(await renew())) {
      report('elsewhere');
      return;
    }
    const renewal = setInterval(() => {
      renew().catch((error: unknown) => log.error('cannot renew a lease', error, { job: job.name }));
    }, RENEW_MS);
    try {
      const outcome = await job.run(signal);
      log.job({ job: job.name, durationMs: report('done'), outcome });
    } finally {
      clearInterval(renewal);
      await metadata.transaction((inside) => returnLease(inside, job.name, holder));
    }
  } catch (error) {
    report('failed');
    log.error('a job failed', error, { job: job.name });
  }
}
