import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { openMetadata } from '#metadata/open.ts';
import { type Sql, sql } from '#metadata/sql.ts';
import { type Pruning, openPruning } from '#retention/prune.ts';
import { type ServerProcess, aServerProcess } from '#test/support/e2e-server.ts';
import type { Findings } from './wire.ts';
import { count } from './wire.ts';

/** How long a client can rely on what it was told is half of it. */
export const GRACE_MS = 6000;
/** After how long something that nothing leads to is pruned. */
export const UNTAGGED_MS = 3000;
const TEMPORARY_KEPT = 5;

/** A server that collects every second, and this process beside it on the same data, which prunes. */
export interface Scene {
  readonly server: ServerProcess;
  readonly metadata: Sql;
  readonly pruning: Pruning;
}

export async function aScene(): Promise<Scene> {
  const grace = `${GRACE_MS / 1000}s`;
  const collection = { schedule: '* * * * * *', blobGrace: grace, referrerGrace: grace };
  const server = await aServerProcess({ retention: { undoWindow: '0s', collection } });
  await server.start();
  const metadata = await openMetadata('sqlite', { path: join(server.folder, 'gatehouse.sqlite') });
  const rules = [
    { repositories: 'stress/**', tags: 'tmp-*', keepMostRecent: TEMPORARY_KEPT },
    { repositories: 'stress/**', tags: '**', deleteUntaggedAfter: UNTAGGED_MS },
  ];
  return { server, metadata, pruning: openPruning({ metadata, clock: Date.now, rules, maxShare: 1 }) };
}

const PRUNER = { actor: 'pruner', address: '', requestId: '' };

/** Makes a plan and carries it out. */
export async function prune({ pruning }: Scene): Promise<void> {
  const { id } = await pruning.plan({ origin: PRUNER });
  await pruning.apply(id, { origin: PRUNER, overrideBrake: true });
}

/** Prunes again and again until it is over. */
export async function pruneOften(scene: Scene, findings: Findings, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await prune(scene);
    count(findings, 'prunings');
    await wait(2000);
  }
}

/** Kills the server so many times, at moments that nobody can foresee, and starts it over the same data. */
export async function killOften(
  { server, metadata }: Scene,
  { kills, seconds, findings }: { kills: number; seconds: number; findings: Findings },
): Promise<void> {
  for (let kill = 0; kill < kills; kill += 1) {
    await wait(((0.3 + 0.7 * Math.random()) * seconds * 1000) / (kills + 1));
    server.signal('SIGKILL');
    await server.ended();
    // Nobody collects for two minutes where a process died collecting: longer than we can wait.
    await metadata.transaction((inside) => inside.all(sql`delete from leases`));
    await server.start();
    count(findings, 'kills');
  }
}

/** Digests of all objects in storage, sorted; one that lies there twice is there twice. */
export async function digestsOnDisk({ server }: Scene): Promise<string[]> {
  const files = await readdir(join(server.folder, 'storage', 'blobs'), { recursive: true });
  return files.flatMap((file) => /([0-9a-f]{64})\.[0-9a-f-]{36}$/.exec(file)?.[1] ?? []).toSorted();
}
