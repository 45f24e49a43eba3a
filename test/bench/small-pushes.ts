import { randomBytes } from 'node:crypto';
import { Agent, request as httpRequest } from 'node:http';
import { performance } from 'node:perf_hooks';
import { type Descriptor, digestOf, imageManifest, manifestType } from './images.ts';
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
      const manifestBegin = await pushOne({ server, agent, repository: `bench/pushed-${number % 2}` });
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

interface Target {
  readonly server: Server;
  readonly agent: Agent;
  readonly repository: string;
}

/** Returns when the PUT of the manifest began. */
async function pushOne(target: Target): Promise<number> {
  const blobs: Descriptor[] = [];
  for (let blob = 0; blob <= layersPerImage; blob++) {
    const bytes = randomBytes(1024);
    const digest = digestOf(bytes);
    await send(target, 'POST', `blobs/uploads/?digest=${digest}`, { bytes, type: 'application/octet-stream' });
    blobs.push({ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: bytes.length });
  }
  const [config, ...layers] = blobs;
  if (config === undefined) throw new Error('expected an image with a config');
  const bytes = Buffer.from(imageManifest(config, layers));
  const tag = digestOf(bytes).slice('sha256:'.length, 40);
  const begin = performance.now();
  await send(target, 'PUT', `manifests/${tag}`, { bytes, type: manifestType });
  return begin;
}

// node:http and not fetch: a client that costs as little as it can, since it shares the machine with the server.
async function send(
  { server, agent, repository }: Target,
  method: string,
  path: string,
  { bytes, type }: { bytes: Buffer; type: string },
): Promise<void> {
  const headers = { ...server.headers, 'content-type': type, 'content-length': bytes.length };
  await new Promise<void>((resolve, reject) => {
    const sent = httpRequest(`${server.origin}/v2/${repository}/${path}`, { method, agent, headers }, (response) => {
      response.resume().once('end', resolve).once('error', reject);
      if (response.statusCode !== 201)
        reject(new Error(`expected 201 from ${server.name} for ${method} ${path}, found ${response.statusCode}`));
    });
    sent.once('error', reject).end(bytes);
  });
}
