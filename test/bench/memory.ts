import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import type { Bench } from './bench.ts';
import { imageManifest, pushBlob, putManifest, request } from './images.ts';
import { run } from './processes.ts';
import type { Registry } from './registries.ts';
import { progress } from './report.ts';
import { residentSet, watchResidentSet } from './resident-set.ts';
import { type Server, startServer } from './servers.ts';
import { Layers, pullBlob } from './traffic.ts';

const clients = 64;
const repository = 'bench/memory';
const mebibyte = 1024 * 1024;
// Peers are there to compare with; whether they grow is not our question.
const peerRounds = 2;
const roundLimitMs = 15 * 60_000;
// Room that is left to everyone else on the disk.
const spareBytes = 8 * 1024 * mebibyte;

/** Resident memory while 64 clients push and 64 pull at once, and whether it grows. */
export async function measureMemory(bench: Bench): Promise<void> {
  const layers = new Layers(await affordableLayer(bench));
  const measure = `peak memory, 64 pushes + 64 pulls of ${layers.sizeBytes / mebibyte} MiB`;
  const ours = await measureRegistry(bench, bench.ours, { layers, rounds: bench.options.memoryRounds });
  const goal = { on: 'ours', bound: 'at most', value: 256 } as const;
  for (const peer of bench.peers) {
    const theirs = await measureRegistry(bench, peer, { layers, rounds: Math.min(peerRounds, ours.length) });
    const note = `ours over ${ours.length} rounds, the peer and the ratio over ${theirs.length}`;
    bench.report.add({ measure, against: peer.name, unit: 'MiB', ours, theirs, goal, note });
  }
  if (bench.peers.length === 0)
    bench.report.add({ measure, against: 'no peer here', unit: 'MiB', ours, theirs: undefined, goal });
  const half = ours.length >> 1;
  if (half === 0) return bench.report.skip('growth of memory: it takes at least two rounds');
  bench.report.add({
    measure: `growth of memory over ${ours.length} rounds`,
    against: `its first ${half}`,
    unit: 'MiB',
    ours: ours.slice(-half),
    theirs: ours.slice(0, half),
    // A tenth: what the collector of a quiet Node process moves between two rounds.
    goal: { on: 'ratio', bound: 'at most', value: 1.1 },
  });
}

async function measureRegistry(
  bench: Bench,
  registry: Registry,
  load: { layers: Layers; rounds: number },
): Promise<number[]> {
  const { layers, rounds } = load;
  const folder = join(bench.folder, 'memory');
  await using server = await startServer(registry, folder);
  const pulled = await layers.push(server, repository);
  // In a manifest, so that collecting garbage keeps it.
  const config = await pushBlob(server, repository, Buffer.from('{}'));
  const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: pulled, size: layers.sizeBytes };
  await putManifest(server, `/v2/${repository}/manifests/1.0`, imageManifest(config, [layer]));
  progress(`${registry.name} rests at ${Math.round(residentSet(server.pid, 'VmRSS'))} MiB`);
  const peaks: number[] = [];
  while (peaks.length < rounds) {
    if (peaks.length > 0 && (await freeBytes(bench.folder)) < layers.sizeBytes * clients + spareBytes) {
      bench.report.remark(
        `memory: ${registry.name} ran ${peaks.length} of ${rounds} rounds, then the disk was too full for another`,
      );
      break;
    }
    const { peak, pushed } = await runRound(server, layers, pulled);
    peaks.push(peak);
    await removeBlobs(server, pushed);
  }
  return peaks;
}

async function runRound(server: Server, layers: Layers, pulled: string): Promise<{ peak: number; pushed: string[] }> {
  const begin = performance.now();
  const watch = watchResidentSet(server.pid);
  const pulls = Array.from({ length: clients }, () =>
    pullBlob(server, `/v2/${repository}/blobs/${pulled}`, layers.sizeBytes),
  );
  const pushes = Array.from({ length: clients }, () => layers.push(server, repository));
  const limit = wait(roundLimitMs, undefined, { ref: false }).then(() => {
    throw new Error(`expected a round of ${server.name} to take less than ${roundLimitMs / 60_000} minutes`);
  });
  const [pushed] = await Promise.race([Promise.all([Promise.all(pushes), Promise.all(pulls)]), limit]);
  const peak = watch.stop();
  const seconds = (performance.now() - begin) / 1000;
  const rest = Math.round(residentSet(server.pid, 'VmRSS'));
  progress(`${server.name}: round of ${seconds.toFixed(0)} s, peak ${Math.round(peak)} MiB, then ${rest} MiB`);
  return { peak, pushed };
}

async function removeBlobs(server: Server, digests: readonly string[]): Promise<void> {
  for (const digest of digests)
    await request(server, `/v2/${repository}/blobs/${digest}`, { method: 'DELETE', expect: [202] });
  const command = server.registry.collectGarbage?.(server.place);
  if (command !== undefined) await run(command, 300);
}

/** The asked-for size, halved until two rounds fit on the disk with room to spare. */
async function affordableLayer(bench: Bench): Promise<number> {
  const free = (await freeBytes(bench.folder)) - spareBytes;
  let size = bench.options.layerBytes;
  while (size > mebibyte && size * clients * 2 > free) size /= 2;
  if (size < bench.options.layerBytes) {
    bench.report.remark(
      `memory: layers of ${size / mebibyte} MiB instead of ${bench.options.layerBytes / mebibyte}, the disk has no room for more`,
    );
  }
  return size;
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
