import { Agent } from 'node:http';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { type Bench, compare, interleave } from './bench.ts';
import { type Descriptor, type Image, imageManifest, manifestType, pushBlob, pushImage } from './images.ts';
import { create } from './send.ts';
import { type Server, startServers } from './servers.ts';
import { percentile } from './stats.ts';

const clients = 16;
const repository = 'bench/put';

/** Half and 99 of 100 manifest pushes of small images take no longer than this; 16 at once, each a new manifest with a new tag. */
export async function measureManifestPut(bench: Bench): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const servers = await startServers([bench.ours, ...bench.peers], join(bench.folder, 'put'), stack);
  const images = new Map<Server, Image & { config: Descriptor }>();
  for (const server of servers) {
    const image = await pushImage(server, repository);
    images.set(server, {
      ...image,
      config: await pushBlob(server, repository, Buffer.from('{"architecture":"amd64","os":"linux"}')),
    });
  }
  const slowest = new Map<Server, number[]>(servers.map((server) => [server, []]));
  let number = 0;
  const putMany = async (server: Server, seconds: number): Promise<number[]> => {
    const image = images.get(server);
    if (image === undefined) throw new Error(`expected an image on ${server.name}, found none`);
    const nextManifest = (): string =>
      imageManifest(image.config, image.layers, { 'com.example.build': String(number++) });
    return await putFor(server, { repository, seconds, nextManifest });
  };
  for (const server of servers) await putMany(server, 1);
  const samples = await interleave(bench.options.rounds, servers, async (server) => {
    const times = await putMany(server, bench.options.seconds);
    slowest.get(server)?.push(percentile(times, 0.99));
    return percentile(times, 0.5);
  });
  compare(bench, samples, { measure: 'manifest PUT p50, 16 clients', unit: 'ms' });
  compare(bench, slowest, { measure: 'manifest PUT p99, 16 clients', unit: 'ms' });
}

/** Puts new manifests under new tags, some clients at once, and returns how long each took, in milliseconds. */
export async function putFor(
  server: Server,
  load: { readonly repository: string; readonly seconds: number; readonly nextManifest: () => string },
): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const end = performance.now() + load.seconds * 1000;
  const times: number[] = [];
  const client = async (): Promise<void> => {
    while (performance.now() < end) {
      const bytes = Buffer.from(load.nextManifest());
      const tag = `t-${performance.now().toFixed(3).replace('.', '-')}-${Math.floor(Math.random() * 1e9)}`;
      const begin = performance.now();
      await create({ server, agent }, 'PUT', `/v2/${load.repository}/manifests/${tag}`, { bytes, type: manifestType });
      times.push(performance.now() - begin);
    }
  };
  try {
    await Promise.all(Array.from({ length: clients }, client));
  } finally {
    agent.destroy();
  }
  return times;
}
