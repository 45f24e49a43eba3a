import { Agent, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { type Bench, compare, interleave } from './bench.ts';
import { type Descriptor, type Image, imageManifest, manifestType, pushBlob, pushImage } from './images.ts';
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
    return await putFor(server, { seconds, nextManifest });
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

async function putFor(server: Server, load: { seconds: number; nextManifest: () => string }): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const end = performance.now() + load.seconds * 1000;
  const times: number[] = [];
  const client = async (): Promise<void> => {
    while (performance.now() < end) {
      const manifest = load.nextManifest();
      const begin = performance.now();
      await put(server, agent, manifest);
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

// node:http and not fetch: a client that costs as little as it can, since it shares the machine with the server.
async function put(server: Server, agent: Agent, manifest: string): Promise<void> {
  const tag = `t-${performance.now().toFixed(3).replace('.', '-')}-${Math.floor(Math.random() * 1e9)}`;
  const headers = { ...server.headers, 'content-type': manifestType, 'content-length': Buffer.byteLength(manifest) };
  await new Promise<void>((resolve, reject) => {
    const sent = httpRequest(
      `${server.origin}/v2/${repository}/manifests/${tag}`,
      { method: 'PUT', agent, headers },
      (response) => {
        response.resume().once('end', resolve).once('error', reject);
        if (response.statusCode !== 201)
          reject(new Error(`expected 201 from ${server.name} for a manifest, found ${response.statusCode}`));
      },
    );
    sent.once('error', reject).end(manifest);
  });
}
