import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, atLeast } from './bench.ts';
import { accept, pushImage } from './images.ts';
import { missingTools, requestsPerSecond } from './load.ts';
import { admitReader, readerHeaders } from './reader.ts';
import { openDoor } from './registries.ts';
import { type Server, startServer } from './servers.ts';

const connections = 32;
const repository = 'bench/image';

/** One way to come in. */
interface Way {
  readonly name: string;
  readonly image: string;
  readonly headers: (server: Server) => Promise<Record<string, string>>;
}

/** What one way gave and cost, round by round. */
interface Figures {
  readonly perSecond: number[];
  /** Microseconds of processor time for each request. */
  readonly processor: number[];
}

const nothing = (): Promise<Record<string, string>> => Promise.resolve({});
const open: Way = { name: 'nobody is asked', image: repository, headers: nothing };
const ways: readonly Way[] = [
  { name: 'name and password', image: repository, headers: () => Promise.resolve(readerHeaders) },
  { name: 'token', image: repository, headers: tokenFor },
  { name: 'what anybody may', image: 'public/image', headers: nothing },
];

/**
 * What authentication and authorisation cost of a manifest GET: beside the same server with an entrance that lets everybody
 * in without looking. Whoever asks has a role in a namespace, not everywhere.
 *
 * Both are started anew for each round: two processes of one program differ by up to a tenth from each other, for as long
 * as they live.
 */
export async function measureAccess(bench: Bench): Promise<void> {
  const missing = missingTools(['h2load']);
  if (missing !== undefined) return bench.report.skip(`access: ${missing}`);
  if (bench.ours.name !== 'gatehouse') return bench.report.skip('access: a measure of Gatehouse beside itself');
  const figures = new Map([open, ...ways].map((way): [Way, Figures] => [way, { perSecond: [], processor: [] }]));
  for (let round = 0; round < bench.options.rounds; round++) await measureRound(bench, figures);
  const theirs = figures.get(open);
  for (const way of ways) {
    const found = figures.get(way);
    if (found === undefined || theirs === undefined) throw new Error(`expected figures of ${way.name}, found none`);
    const row = { against: open.name, measure: `manifest GET with ${way.name}` };
    const [ours, their] = [found.perSecond, theirs.perSecond];
    bench.report.add({ ...row, unit: 'requests/s', goal: atLeast(0.85), ours, theirs: their });
    bench.report.add({ ...row, unit: 'µs of processor', ours: found.processor, theirs: theirs.processor });
  }
}

async function measureRound(bench: Bench, figures: ReadonlyMap<Way, Figures>): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const folder = join(bench.folder, 'access');
  const door = stack.use(await startServer(openDoor, folder));
  const ours = stack.use(await startServer(bench.ours, folder));
  for (const server of [door, ours]) await pushImage(server, repository);
  await pushImage(ours, 'public/image');
  await admitReader(ours);
  for (const way of figures.keys()) await load(way === open ? door : ours, way, 2);
  for (const [way, { perSecond, processor }] of figures) {
    const server = way === open ? door : ours;
    const before = processorSeconds(server.pid);
    const rate = await load(server, way, bench.options.seconds);
    perSecond.push(rate);
    processor.push(((processorSeconds(server.pid) - before) / (rate * bench.options.seconds)) * 1e6);
  }
}

async function load(server: Server, { image, headers }: Way, seconds: number): Promise<number> {
  const url = `${server.origin}/v2/${image}/manifests/1.0`;
  const all = { accept, ...(await headers(server)) };
  return await requestsPerSecond({ method: 'GET', url, headers: all, connections, seconds });
}

/** A new one for each load: they are good for five minutes. */
async function tokenFor({ origin }: Server): Promise<Record<string, string>> {
  const url = `${origin}/token?service=gatehouse&scope=repository:${repository}:pull`;
  const answer = await fetch(url, { headers: readerHeaders });
  const { token } = (await answer.json()) as { token: string };
  return { authorization: `Bearer ${token}` };
}

/** User and system time of a process so far. proc(5), stat: fields 14 and 15, in ticks of a hundredth of a second. */
function processorSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
