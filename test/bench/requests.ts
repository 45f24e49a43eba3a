import { join } from 'node:path';
import { type Bench, atLeast, compare, interleave } from './bench.ts';
import { type Image, accept, pushImage } from './images.ts';
import { missingTools, requestsPerSecond } from './load.ts';
import { type Server, startServers } from './servers.ts';

const connections = 32;

const kinds = [
  { measure: 'manifest GET by tag', method: 'GET', path: () => 'manifests/1.0' },
  { measure: 'manifest GET by digest', method: 'GET', path: (image: Image) => `manifests/${image.digest}` },
  { measure: 'blob HEAD', method: 'HEAD', path: (image: Image) => `blobs/${image.layers[0]?.digest}` },
] as const;

/** Small reads a second over 32 kept connections. */
export async function measureRequests(bench: Bench): Promise<void> {
  const missing = missingTools(['h2load', 'ab']);
  if (missing !== undefined) return bench.report.skip(`requests: ${missing}`);
  await using stack = new AsyncDisposableStack();
  const servers = await startServers([bench.ours, ...bench.peers], join(bench.folder, 'requests'), stack);
  const images = new Map<Server, Image>();
  for (const server of servers) images.set(server, await pushImage(server, 'bench/image'));
  for (const { measure, method, path } of kinds) {
    const load = async (server: Server, seconds: number): Promise<number> => {
      const image = images.get(server);
      if (image === undefined) throw new Error(`expected an image on ${server.name}, found none`);
      const url = `${server.origin}/v2/bench/image/${path(image)}`;
      return await requestsPerSecond({ method, url, headers: { ...server.headers, accept }, connections, seconds });
    };
    for (const server of servers) await load(server, 1);
    const samples = await interleave(bench.options.rounds, servers, (server) => load(server, bench.options.seconds));
    compare(bench, samples, { measure, unit: 'requests/s', goals: { 'docker-registry': atLeast(10) } });
  }
}
