import { link, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bench, atLeast, compare, interleave } from './bench.ts';
import { download, missingTools } from './load.ts';
import { nginx } from './registries.ts';
import { type Server, settleDisk, startServer, startServers } from './servers.ts';
import { BigFile, pushFile } from './transfer.ts';

/** Pull of one big blob by one client and by four at once, also against nginx with sendfile. */
export async function measurePull(bench: Bench): Promise<void> {
  const missing = missingTools(['curl']);
  if (missing !== undefined) return bench.report.skip(`pull: ${missing}`);
  const folder = join(bench.folder, 'pull');
  await mkdir(folder, { recursive: true });
  const file = await BigFile.create(join(folder, 'blob'), bench.options.blobBytes);
  await using stack = new AsyncDisposableStack();
  const servers = await startServers([bench.ours, ...bench.peers], folder, stack);
  for (const server of servers) await pushFile(server, file, { repository: 'bench/blob', chunked: false });
  const urls = new Map(servers.map((server) => [server, `${server.origin}/v2/bench/blob/blobs/${file.digest}`]));
  const files = await serveFile(bench, file, stack);
  if (files !== undefined) urls.set(files, `${files.origin}/blob`);
  await settleDisk(folder);
  for (const connections of [1, 4]) {
    const fetchOnce = (server: Server): Promise<number> =>
      download(urls.get(server) ?? '', server.headers, { bytes: file.sizeBytes, connections });
    for (const server of urls.keys()) await fetchOnce(server);
    const samples = await interleave(bench.options.rounds, [...urls.keys()], fetchOnce);
    const measure = `pull of ${file.sizeBytes / 1024 / 1024} MiB, ${connections === 1 ? '1 client' : `${connections} clients`}`;
    compare(bench, samples, { measure, unit: 'MiB/s', goals: { 'docker-registry': atLeast(1), nginx: atLeast(0.9) } });
  }
}

async function serveFile(bench: Bench, file: BigFile, stack: AsyncDisposableStack): Promise<Server | undefined> {
  const missing = nginx.missing();
  if (missing !== undefined) {
    bench.report.skip(`pull against nginx: ${missing}`);
    return undefined;
  }
  const server = stack.use(await startServer(nginx, join(bench.folder, 'pull')));
  await link(file.path, join(server.place.folder, 'served', 'blob'));
  return server;
}
