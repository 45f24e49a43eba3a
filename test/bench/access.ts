import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openUsers } from '#access/users.ts';
import { insertGrant } from '#metadata/grants.ts';
import { openMetadata } from '#metadata/open.ts';
import { type Bench, atLeast, interleave } from './bench.ts';
import { accept, pushImage } from './images.ts';
import { missingTools, requestsPerSecond } from './load.ts';
import { openDoor } from './registries.ts';
import { type Server, startServer } from './servers.ts';

const connections = 32;
const repository = 'bench/image';
const reader = { name: 'reader', password: 'reads what is under bench' };
const basic = `Basic ${Buffer.from(`${reader.name}:${reader.password}`).toString('base64')}`;

/** One way to come in, and what its requests carry. */
interface Way {
  readonly name: string;
  readonly server: Server;
  readonly headers: () => Promise<Record<string, string>>;
  /** Microseconds of processor time per request, round by round. */
  readonly cpu: number[];
}

/**
 * What authentication and authorisation cost of a manifest GET: beside the same server with an entrance that lets everybody
 * in without looking. Whoever asks has a role in a namespace, not everywhere.
 */
export async function measureAccess(bench: Bench): Promise<void> {
  const missing = missingTools(['h2load']);
  if (missing !== undefined) return bench.report.skip(`access: ${missing}`);
  if (bench.ours.name !== 'gatehouse') return bench.report.skip('access: a measure of Gatehouse beside itself');
  await using stack = new AsyncDisposableStack();
  const folder = join(bench.folder, 'access');
  const open = stack.use(await startServer(openDoor, folder));
  const ours = stack.use(await startServer(bench.ours, folder));
  for (const server of [open, ours]) await pushImage(server, repository);
  await pushImage(ours, 'public/image');
  await admitReader(ours);

  const nothing = (): Promise<Record<string, string>> => Promise.resolve({});
  const baseline: Way = { name: 'nobody is asked', server: open, headers: nothing, cpu: [] };
  const ways: Way[] = [
    { name: 'name and password', server: ours, headers: () => Promise.resolve({ authorization: basic }), cpu: [] },
    { name: 'token', server: ours, headers: () => tokenFor(ours), cpu: [] },
    { name: 'what anybody may', server: ours, headers: nothing, cpu: [] },
  ];
  const load = async (way: Way, seconds: number): Promise<number> => {
    const { server, cpu } = way;
    const image = way.name === 'what anybody may' ? 'public/image' : repository;
    const headers = { accept, ...(await way.headers()) };
    const url = `${server.origin}/v2/${image}/manifests/1.0`;
    const before = processorSeconds(server.pid);
    const rate = await requestsPerSecond({ method: 'GET', url, headers, connections, seconds });
    cpu.push(((processorSeconds(server.pid) - before) / (rate * seconds)) * 1e6);
    return rate;
  };
  for (const way of [baseline, ...ways]) {
    await load(way, bench.options.seconds);
    way.cpu.length = 0;
  }
  const samples = await interleave(bench.options.rounds, [baseline, ...ways], (way) =>
    load(way, bench.options.seconds),
  );
  for (const way of ways) {
    const rows = { against: baseline.name, goal: atLeast(0.85) };
    const [rates, theirs] = [samples.get(way) ?? [], samples.get(baseline) ?? []];
    bench.report.add({ measure: `manifest GET with ${way.name}`, unit: 'requests/s', ...rows, ours: rates, theirs });
    const cost = { measure: `its processor time`, unit: 'µs', against: baseline.name };
    bench.report.add({ ...cost, ours: way.cpu, theirs: baseline.cpu });
  }
}

/** Through the database, as another process does. */
async function admitReader({ place }: Server): Promise<void> {
  const metadata = await openMetadata('sqlite', { path: join(place.folder, 'gatehouse.sqlite') });
  try {
    await openUsers({ metadata, clock: Date.now }).create(reader.name, reader.password);
    await metadata.transaction(async (inside) => {
      const grants = [
        { kind: 'user', subject: reader.name, role: 'registry-viewer', scope: 'bench/' },
        { kind: 'group', subject: 'system:anonymous', role: 'registry-viewer', scope: 'public/' },
      ] as const;
      for (const grant of grants) await insertGrant(inside, grant, 'bench', Date.now());
    });
  } finally {
    await metadata.close();
  }
}

/** A new one for each load: they are good for five minutes. */
async function tokenFor({ origin }: Server): Promise<Record<string, string>> {
  const url = `${origin}/token?service=gatehouse&scope=repository:${repository}:pull`;
  const answer = await fetch(url, { headers: { authorization: basic } });
  const { token } = (await answer.json()) as { token: string };
  return { authorization: `Bearer ${token}` };
}

/** User and system time of a process so far. proc(5), stat: fields 14 and 15, in ticks of a hundredth of a second. */
function processorSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
