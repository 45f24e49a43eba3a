import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Job, startJobs } from '#jobs/scheduler.ts';
import { takeLease } from '#metadata/leases.ts';
import { sql } from '#metadata/sql.ts';
import { openLog } from '#observe/log.ts';
import { openMetrics } from '#observe/metrics.ts';
import { type Rooms, openRooms } from '#test/support/rooms.ts';

const EVERY_SECOND = '* * * * * *';
let rooms: Rooms;
beforeEach(async () => {
  rooms = await openRooms();
});
afterEach(() => rooms.close());

const surroundings = () => ({
  metadata: rooms.metadata,
  clock: rooms.context.clock,
  log: openLog({ level: 'silent' }),
  metrics: openMetrics(),
});

describe('a job', () => {
  it('runs in one of two processes at a time', async () => {
    let atOnce = 0;
    let most = 0;
    let runs = 0;
    const job: Job = {
      name: 'counting',
      schedule: EVERY_SECOND,
      async run() {
        atOnce += 1;
        most = Math.max(most, atOnce);
        await new Promise((resolve) => setTimeout(resolve, 100));
        atOnce -= 1;
        runs += 1;
        return 'counted';
      },
    };
    const schedulers = [startJobs([job], surroundings()), startJobs([job], surroundings())];
    await expect.poll(() => runs, { timeout: 5000 }).toBeGreaterThanOrEqual(2);
    for (const scheduler of schedulers) await scheduler.stop();
    expect(most).toBe(1);
  });

  it('that fails is reported, and runs again', async () => {
    let runs = 0;
    const around = surroundings();
    const failing: Job = {
      name: 'failing',
      schedule: EVERY_SECOND,
      run: () => {
        runs += 1;
        return Promise.reject(new Error('no luck'));
      },
    };
    const scheduler = startJobs([failing], around);
    await expect.poll(() => runs, { timeout: 5000 }).toBeGreaterThanOrEqual(2);
    await scheduler.stop();
    expect((await around.metrics.render()).text).toMatch(
      /job_duration_seconds_count\{job="failing",outcome="failed"\} [2-9]/,
    );
  });

  it('is told to stop, and waited for', async () => {
    let ended = false;
    let started = false;
    const job: Job = {
      name: 'long',
      schedule: EVERY_SECOND,
      async run(signal) {
        started = true;
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        ended = true;
        return 'stopped';
      },
    };
    const scheduler = startJobs([job], surroundings());
    await expect.poll(() => started, { timeout: 5000 }).toBe(true);
    await scheduler.stop();
    expect(ended).toBe(true);
  });
});

describe('a job that is asked whether it is due', () => {
  it('takes no lease and writes nothing while it is not', async () => {
    let asked = 0;
    let runs = 0;
    const around = surroundings();
    const job: Job = {
      name: 'idle',
      schedule: EVERY_SECOND,
      due: () => {
        asked += 1;
        return Promise.resolve(false);
      },
      run: () => {
        runs += 1;
        return Promise.resolve('ran');
      },
    };
    // Changes with every commit of another connection, which is what every write is to the one that reads.
    const commits = () => rooms.metadata.all(sql`pragma data_version`);
    const before = await commits();
    const scheduler = startJobs([job], around);
    await expect.poll(() => asked, { timeout: 5000 }).toBeGreaterThanOrEqual(2);
    await scheduler.stop();
    expect(await commits()).toEqual(before);
    expect(runs).toBe(0);
    expect((await around.metrics.render()).text).not.toContain('job="idle"');
  });

  it('runs when it is', async () => {
    const done: string[] = [];
    const job: Job = {
      name: 'busy',
      schedule: EVERY_SECOND,
      due: () => Promise.resolve(done.length < 2),
      run: () => {
        done.push('run');
        return Promise.resolve('ran');
      },
    };
    const scheduler = startJobs([job], surroundings());
    await expect.poll(() => done.length, { timeout: 5000 }).toBe(2);
    await scheduler.stop();
  });

  it('that cannot say so has failed', async () => {
    const around = surroundings();
    const job: Job = {
      name: 'unsure',
      schedule: EVERY_SECOND,
      due: () => Promise.reject(new Error('no idea')),
      run: () => Promise.resolve('ran'),
    };
    const scheduler = startJobs([job], around);
    const failures = async () => (await around.metrics.render()).text;
    await expect.poll(failures, { timeout: 5000 }).toContain('job="unsure",outcome="failed"');
    await scheduler.stop();
  });
});

describe('a lease', () => {
  const take = (holder: string, now: number) =>
    rooms.metadata.transaction((inside) => takeLease(inside, { name: 'job', holder, lifetimeMs: 100 }, now));

  it('is held by one until it runs out', async () => {
    expect(await take('a', 0)).toBe(true);
    expect(await take('b', 99)).toBe(false);
    expect(await take('a', 50)).toBe(true);
    expect(await take('b', 149)).toBe(false);
    expect(await take('b', 150)).toBe(true);
    expect(await take('a', 160)).toBe(false);
  });
});
