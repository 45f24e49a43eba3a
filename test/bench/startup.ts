import { join } from 'node:path';
import { type Bench, compare, interleave } from './bench.ts';
import type { Registry } from './registries.ts';
import { type Server, startAgain, startServer } from './servers.ts';

/** From exec to the first answer on /v2/, database and compiled code already there; ours through scripts/start. */
export async function measureStartup(bench: Bench): Promise<void> {
  const folder = join(bench.folder, 'startup');
  await using stack = new AsyncDisposableStack();
  const firsts = new Map<Registry, Server>();
  for (const registry of [bench.ours, ...bench.peers]) {
    const first = stack.use(await startServer(registry, folder));
    await first.stop();
    firsts.set(registry, first);
    await startTimed(first);
  }
  const samples = await interleave(bench.options.rounds, [...firsts.keys()], async (registry) => {
    const first = firsts.get(registry);
    if (first === undefined) throw new Error(`expected a first start of ${registry.name}, found none`);
    return await startTimed(first);
  });
  const goal = { on: 'ours', bound: 'at most', value: 2000 } as const;
  const goals = Object.fromEntries(bench.peers.map((peer) => [peer.name, goal]));
  compare(bench, samples, { measure: 'start to first answer', unit: 'ms', goals });
}

async function startTimed({ registry, place }: Server): Promise<number> {
  const { prepare, launcher = prepare } = registry;
  const server = await startAgain({ ...registry, prepare: launcher }, place);
  await server.stop();
  return server.startedInMs;
}
