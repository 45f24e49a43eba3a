import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bench, atLeast, compare, interleave } from './bench.ts';
import { missingTools } from './load.ts';
import type { Registry } from './registries.ts';
import { settleDisk, startServer } from './servers.ts';
import { BigFile, pushFile } from './transfer.ts';

const ways = [
  { name: 'chunked, as docker', chunked: true },
  { name: 'with a length', chunked: false },
];
// Enough to have the code compiled before it is timed.
const warmUpBytes = 64 * 1024 * 1024;

/** Push of one big blob. Each push meets a fresh, warmed server and a disk with nothing left to write. */
export async function measurePush(bench: Bench): Promise<void> {
  const missing = missingTools(['curl']);
  if (missing !== undefined) return bench.report.skip(`push: ${missing}`);
  const folder = join(bench.folder, 'push');
  await mkdir(folder, { recursive: true });
  const files = {
    big: await BigFile.create(join(folder, 'blob'), bench.options.blobBytes),
    small: await BigFile.create(join(folder, 'small'), warmUpBytes),
  };
  for (const { name, chunked } of ways) {
    const measure = `push of ${files.big.sizeBytes / 1024 / 1024} MiB, ${name}`;
    const pushOnce = (registry: Registry): Promise<number> => pushToFresh(registry, folder, { ...files, chunked });
    const samples = await interleave(bench.options.rounds, [bench.ours, ...bench.peers], pushOnce);
    compare(bench, samples, { measure, unit: 'MiB/s', goals: { 'docker-registry': atLeast(2) } });
  }
  bench.report.remark(
    'push: gatehouse has every blob on the disk (fsync) before it answers; docker-registry and distribution-v3 do not',
  );
}

async function pushToFresh(
  registry: Registry,
  folder: string,
  push: { big: BigFile; small: BigFile; chunked: boolean },
): Promise<number> {
  await using server = await startServer(registry, folder);
  const options = { repository: 'bench/push', chunked: push.chunked };
  await pushFile(server, push.small, options);
  await push.big.change();
  await settleDisk(folder);
  return await pushFile(server, push.big, options);
}
