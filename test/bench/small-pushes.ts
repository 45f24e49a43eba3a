import { randomBytes } from 'node:crypto';
import { Agent } from 'node:http';
import { performance } from 'node:perf_hooks';
import { type Descriptor, digestOf, imageManifest, manifestType } from './images.ts';
import { type Line, create } from './send.ts';
import type { Server } from './servers.ts';

/** How long each push took, in milliseconds: the whole of it, and the PUT of its manifest alone. */
export interface PushTimes {
  readonly whole: number[];
  readonly manifest: number[];
}

const layersPerImage = 3;

/** Pushes small images, each all new, over some connections until told to stop. */
export async function pushUntil(
  server: Server,
  { connections, isOver }: { connections: number; isOver: () => boolean },
): Promise<PushTimes> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const times: PushTimes = { whole: [], manifest: [] };
  const client = async (number: number): Promise<void> => {
    while (!isOver()) {
      const begin = performance.now();
      const manifestBegin = await pushOne({ server, agent }, `bench/pushed-${number % 2}`);
      const end = performance.now();
      times.whole.push(end - begin);
      times.manifest.push(end - manifestBegin);
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, (_, number) => client(number)));
  } finally {
    agent.destroy();
  }
  return times;
}

/** Returns when the PUT of the manifest began. */
async function pushOne(line: Line, repository: string): Promise<number> {
  const blobs: Descriptor[] = [];
  for (let blob = 0; blob <= layersPerImage; blob++) {
    const bytes = randomBytes(1024);
    const digest = digestOf(bytes);
    const path = `/v2/${repository}/blobs/uploads/?digest=${digest}`;
    await create(line, 'POST', path, { bytes, type: 'application/octet-stream' });
    blobs.push({ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: bytes.length });
  }
  const [config, ...layers] = blobs;
  if (config === undefined) throw new Error('expected an image with a config');
  const bytes = Buffer.from(imageManifest(config, layers));
  const tag = digestOf(bytes).slice('sha256:'.length, 40);
  const begin = performance.now();
  await create(line, 'PUT', `/v2/${repository}/manifests/${tag}`, { bytes, type: manifestType });
  return begin;
}
