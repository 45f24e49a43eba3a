import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { openMetadata } from '#metadata/open.ts';
import type { Bench } from './bench.ts';
import { Backlog, recordAsDead, writeDeadImages } from './dead.ts';
import type { PlanningCost } from './planning.ts';
import { run } from './processes.ts';
import { type Registry, root } from './registries.ts';
import { progress } from './report.ts';
import { type Server, settleDisk, startServer } from './servers.ts';
import { type PushTimes, pushUntil } from './small-pushes.ts';
import { percentile } from './stats.ts';
import { addTaggedManifests } from './tags.ts';

const connections = 8;
const collectLimitSeconds = 300;
// Long enough for a hundredth of the pushes to be some number of them.
const loadSecondsLeast = 5;

/** What retention costs: planning over many tags, giving back many dead blobs, and pushes while that goes on. */
export async function measureRetention(bench: Bench): Promise<void> {
  if (bench.ours.name !== 'gatehouse') return bench.report.skip(`retention: ${bench.ours.name} has none like ours`);
  const folder = join(bench.folder, 'retention');
  mkdirSync(folder, { recursive: true });
  await measurePlanning(bench, folder, { tags: bench.options.entries, repositories: 1 });
  await measurePlanning(bench, folder, { tags: bench.options.entries, repositories: bench.options.entries / 100 });
  await measureCollection(bench, folder);
}

async function measurePlanning(
  bench: Bench,
  folder: string,
  counts: { tags: number; repositories: number },
): Promise<void> {
  const file = join(folder, `planning-${counts.repositories}.sqlite`);
  await (await openMetadata('sqlite', { path: file })).close();
  addTaggedManifests(file, counts);
  const costs: PlanningCost[] = [];
  for (let round = 0; round < bench.options.rounds; round++) {
    const args = [join(root, 'test', 'bench', 'planning.ts'), file];
    costs.push(JSON.parse(await run({ program: process.execPath, args }, 120)));
  }
  rmSync(file);
  const against = counts.repositories === 1 ? 'one repository' : `${counts.repositories} repositories`;
  const row = (measure: string, unit: string, value: (cost: PlanningCost) => number, most?: number): void =>
    bench.report.add({
      measure: `planning over ${counts.tags.toLocaleString('en')} tags, ${measure}`,
      against,
      unit,
      ours: costs.map(value),
      theirs: undefined,
      ...(most !== undefined && { goal: { on: 'ours', bound: 'at most', value: most } }),
    });
  row('time', 's', ({ seconds }) => seconds, 5);
  row('memory it adds', 'MiB', ({ peakMiB, idleMiB }) => peakMiB - idleMiB, 256);
  row('longest standstill', 'ms', ({ standstillMs }) => standstillMs, 50);
}

/** The server as it is, but for a schedule of every second. */
function collectingEverySecond(ours: Registry): Registry {
  return {
    ...ours,
    prepare: (place) => {
      const command = ours.prepare(place);
      appendFileSync(join(place.folder, 'gatehouse.yaml'), 'retention: { collection: { schedule: "* * * * * *" } }\n');
      return command;
    },
  };
}

async function measureCollection(bench: Bench, folder: string): Promise<void> {
  const { entries, rounds } = bench.options;
  await using server = await startServer(collectingEverySecond(bench.ours), folder);
  const backlog = new Backlog(server.place);
  const idle: PushTimes[] = [];
  const beside: PushTimes[] = [];
  const alone: number[] = [];
  const meanwhile: number[] = [];
  await loadFor(server, loadSecondsLeast);
  for (let round = 0; round < rounds; round++) {
    alone.push((await collectMany({ server, backlog, folder }, entries)).perSecond);
    idle.push(await loadFor(server, Math.max(loadSecondsLeast, bench.options.seconds)));
    const collected = await collectMany({ server, backlog, folder }, entries, true);
    meanwhile.push(collected.perSecond);
    beside.push(collected.times);
  }
  backlog.close();
  const what = `collecting ${entries.toLocaleString('en')} dead blobs`;
  const goal = { on: 'ours', bound: 'at least', value: 1000 } as const;
  const shared = { unit: 'blobs/s', theirs: undefined };
  bench.report.add({ ...shared, measure: what, against: 'nothing else to do', ours: alone, goal });
  bench.report.add({ ...shared, measure: what, against: `${connections} clients that push`, ours: meanwhile });
  addPushRows(bench, idle, beside);
}

/** The ratio is that of a push while blobs are collected to one while nothing is. */
function addPushRows(bench: Bench, idle: readonly PushTimes[], beside: readonly PushTimes[]): void {
  for (const [name, key] of [
    ['push of a small image', 'whole'],
    ['manifest PUT', 'manifest'],
  ] as const) {
    for (const share of [0.5, 0.99]) {
      const of = (times: readonly PushTimes[]): number[] => times.map((one) => percentile(one[key], share));
      const isGoal = key === 'whole' && share === 0.99;
      bench.report.add({
        measure: `${name} p${share * 100}, ${connections} clients, while collecting`,
        against: 'idle',
        unit: 'ms',
        ours: of(beside),
        theirs: of(idle),
        ...(isGoal && { goal: { on: 'ratio', bound: 'at most', value: 1.5 } }),
      });
    }
  }
}

async function loadFor(server: Server, seconds: number): Promise<PushTimes> {
  const end = performance.now() + seconds * 1000;
  return await pushUntil(server, { connections, isOver: () => performance.now() > end });
}

/** Leaves dead blobs to the server and waits until they are gone; with a load, for as long as that takes. */
async function collectMany(
  { server, backlog, folder }: { server: Server; backlog: Backlog; folder: string },
  count: number,
  withLoad = false,
): Promise<{ perSecond: number; times: PushTimes }> {
  const images = writeDeadImages(server.place, count);
  await settleDisk(folder);
  recordAsDead(server.place, images);
  await until(() => backlog.hasBegun(images.length));
  const begin = performance.now();
  let isOver = false;
  const pushing = withLoad ? pushUntil(server, { connections, isOver: () => isOver }) : undefined;
  try {
    await until(() => backlog.isEmpty());
  } finally {
    isOver = true;
  }
  const seconds = (performance.now() - begin) / 1000;
  const objects = images.flat().length;
  const times = (await pushing) ?? { whole: [], manifest: [] };
  progress(`collected ${objects} objects in ${seconds.toFixed(1)} s beside ${times.whole.length} pushes`);
  return { perSecond: objects / seconds, times };
}

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + collectLimitSeconds * 1000;
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error(`expected collection to end within ${collectLimitSeconds} s`);
    await wait(50);
  }
}
