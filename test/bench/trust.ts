import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { digestOf } from '#oci/digest.ts';
import { type TestSigner, aSigner, bundleFor } from '#test/support/signing.ts';
import { type Bench, interleave } from './bench.ts';
import { type Image, accept, imageManifest, manifestType, pushImage } from './images.ts';
import { missingTools, requestsPerSecond } from './load.ts';
import { putFor } from './manifest-put.ts';
import { admitReader, readerHeaders } from './reader.ts';
import type { Registry } from './registries.ts';
import { type Line, create, send } from './send.ts';
import { type Server, startServer } from './servers.ts';
import { percentile } from './stats.ts';

const repository = 'bench/image';
const connections = 32;
const latencySamples = 300;
const fillers = 16;
const judgeLimitMs = 300_000;

/**
 * What the gate costs of a push and of a pull, beside the same server without a policy; how soon a signature shows the tag
 * it was made for; and how long a changed policy takes to be applied to what is there.
 */
export async function measureTrust(bench: Bench): Promise<void> {
  if (bench.ours.name !== 'gatehouse') return bench.report.skip('trust: a measure of Gatehouse beside itself');
  const missing = missingTools(['h2load']);
  if (missing !== undefined) return bench.report.skip(`trust: ${missing}`);
  const folder = join(bench.folder, 'trust');
  mkdirSync(folder, { recursive: true });
  const signer = aSigner();
  const gated = gatedBy(bench.ours, signer);
  await measureRequests(bench, { folder, gated, signer });
  await measureLatency(bench, { folder, gated, signer });
  await measureJudging(bench, { folder, gated, signer });
}

interface Scene {
  readonly folder: string;
  readonly gated: Registry;
  readonly signer: TestSigner;
}

/** The server as it is, with a policy that asks for a key. */
function gatedBy(ours: Registry, signer: TestSigner): Registry {
  return {
    ...ours,
    name: 'gated',
    prepare(place) {
      const key = join(place.folder, 'release.pub');
      writeFileSync(key, signer.publicPem);
      const command = ours.prepare(place);
      const policy = '{ repositories: "bench/**", mode: hold, require: { root: release } }';
      const trust = `trust: { roots: { release: { keys: [${key}] } }, policies: [${policy}] }\n`;
      appendFileSync(join(place.folder, 'gatehouse.yaml'), trust);
      return command;
    },
  };
}

async function measureRequests(bench: Bench, { folder, gated, signer }: Scene): Promise<void> {
  const { rounds, seconds } = bench.options;
  await using stack = new AsyncDisposableStack();
  const ours = stack.use(await startServer(gated, folder));
  const theirs = stack.use(await startServer(bench.ours, folder));
  const servers = [ours, theirs];
  const images = new Map<Server, Image>();
  for (const server of servers) {
    images.set(server, await pushImage(server, repository));
    await admitReader(server);
  }
  await publish(ours, imageOf(images, ours), signer);
  const gets = async (server: Server, length: number): Promise<number> => {
    const url = `${server.origin}/v2/${repository}/manifests/1.0`;
    return await requestsPerSecond({
      method: 'GET',
      url,
      headers: { accept, ...readerHeaders },
      connections,
      seconds: length,
    });
  };
  for (const server of servers) await gets(server, 1);
  const reads = await interleave(rounds, servers, (server) => gets(server, seconds));
  // Time and not rate: a goal on the time of a request is the inverse on how many there are.
  const micros = (server: Server): number[] => (reads.get(server) ?? []).map((rate) => 1e6 / rate);
  bench.report.add({
    measure: 'manifest GET of a published tag by a viewer',
    against: 'without a policy',
    unit: 'µs',
    ours: micros(ours),
    theirs: micros(theirs),
    goal: { on: 'ratio', bound: 'at most', value: 1.05 },
  });
  let number = 0;
  const puts = async (server: Server, length: number): Promise<number> => {
    const image = imageOf(images, server);
    const nextManifest = (): string => variantOf(image, String(number++));
    return percentile(await putFor(server, { repository, seconds: length, nextManifest }), 0.5);
  };
  for (const server of servers) await puts(server, 1);
  const writes = await interleave(rounds, servers, (server) => puts(server, seconds));
  bench.report.add({
    measure: 'manifest PUT p50 under a new tag, which is held',
    against: 'without a policy',
    unit: 'ms',
    ours: writes.get(ours) ?? [],
    theirs: writes.get(theirs) ?? [],
    goal: { on: 'ratio', bound: 'at most', value: 1.2 },
  });
}

function imageOf(images: ReadonlyMap<Server, Image>, server: Server): Image {
  const image = images.get(server);
  if (image === undefined) throw new Error(`expected an image on ${server.name}, found none`);
  return image;
}

/** Signs an image and waits until a viewer sees its tag. */
async function publish(server: Server, image: Image, signer: TestSigner): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    await putSignature({ server, agent }, image.manifest, signer);
    await untilSeen({ server, agent }, '1.0');
  } finally {
    agent.destroy();
  }
}

/** Returns when the PUT of the signature's manifest began. */
async function putSignature(line: Line, manifest: string, signer: TestSigner): Promise<number> {
  const bytes = Buffer.from(manifest);
  const digest = digestOf(bytes, 'sha256');
  const signature = bundleFor({ bytes, digest, mediaType: manifestType, blobs: [] }, signer);
  for (const blob of signature.blobs) {
    const type = 'application/octet-stream';
    await create(line, 'POST', `/v2/${repository}/blobs/uploads/?digest=${blob.digest}`, { bytes: blob.bytes, type });
  }
  const begin = performance.now();
  const path = `/v2/${repository}/manifests/${signature.digest}`;
  await create(line, 'PUT', path, { bytes: signature.bytes, type: manifestType });
  return begin;
}

async function untilSeen(line: Line, tag: string): Promise<void> {
  const { server } = line;
  const viewer = { ...server, headers: readerHeaders };
  for (const deadline = performance.now() + 10_000; performance.now() < deadline; ) {
    const status = await send({ ...line, server: viewer }, 'HEAD', `/v2/${repository}/manifests/${tag}`);
    if (status === 200) return;
  }
  throw new Error(`expected ${tag} to be seen within 10 s`);
}

async function measureLatency(bench: Bench, { folder, gated, signer }: Scene): Promise<void> {
  await using server = await startServer(gated, folder);
  const image = await pushImage(server, repository);
  await admitReader(server);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const slowest: number[] = [];
  try {
    for (let round = 0; round < bench.options.rounds; round++) {
      const times: number[] = [];
      for (let sample = 0; sample < latencySamples; sample++) {
        const tag = `t-${round}-${sample}`;
        const manifest = variantOf(image, tag);
        await putImage({ server, agent }, manifest, tag);
        const begin = await putSignature({ server, agent }, manifest, signer);
        await untilSeen({ server, agent }, tag);
        times.push(performance.now() - begin);
      }
      slowest.push(percentile(times, 0.99));
    }
  } finally {
    agent.destroy();
  }
  bench.report.add({
    measure: 'from the PUT of a signature to the tag a viewer sees, p99',
    against: `${latencySamples} in a row`,
    unit: 'ms',
    ours: slowest,
    theirs: undefined,
    goal: { on: 'ours', bound: 'at most', value: 50 },
  });
}

function variantOf({ layers }: Image, name: string): string {
  const [config, ...rest] = layers;
  if (config === undefined) throw new Error('expected an image with a layer');
  return imageManifest(config, rest, { 'com.example.build': name });
}

async function putImage(line: Line, manifest: string, tag: string): Promise<void> {
  const bytes = Buffer.from(manifest);
  await create(line, 'PUT', `/v2/${repository}/manifests/${tag}`, { bytes, type: manifestType });
}

async function measureJudging(bench: Bench, { folder, gated, signer }: Scene): Promise<void> {
  const count = Math.min(10_000, Math.ceil(bench.options.entries / 10));
  await using server = await startServer(gated, folder);
  const image = await pushImage(server, repository);
  await admitReader(server);
  await publish(server, image, signer);
  await fill(server, image, { count, signer });
  const seconds: number[] = [];
  const slowest: number[] = [];
  for (let round = 0; round < bench.options.rounds; round++) {
    const pulls = new Pulls(server);
    const { policy } = versionsIn(server.place.folder);
    const begin = performance.now();
    appendFileSync(join(server.place.folder, 'release.pub'), aSigner().publicPem);
    process.kill(server.pid, 'SIGHUP');
    await untilJudged(server, policy);
    seconds.push((performance.now() - begin) / 1000);
    slowest.push(percentile(await pulls.end(), 0.99));
  }
  const measure = `judging ${count.toLocaleString('en')} signed tags again after a root has changed`;
  const goal = { on: 'ours', bound: 'at most', value: 60 } as const;
  bench.report.add({ measure, against: 'while pulls go on', unit: 's', ours: seconds, theirs: undefined, goal });
  const pull = 'manifest GET p99 while that goes on, one client';
  bench.report.add({ measure: pull, against: 'nothing', unit: 'ms', ours: slowest, theirs: undefined });
}

async function fill(
  server: Server,
  image: Image,
  { count, signer }: { count: number; signer: TestSigner },
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: fillers });
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let number = next++; number < count; number = next++) {
      const manifest = variantOf(image, `n-${number}`);
      await putImage({ server, agent }, manifest, `n-${number}`);
      await putSignature({ server, agent }, manifest, signer);
    }
  };
  try {
    await Promise.all(Array.from({ length: fillers }, worker));
    await untilSeen({ server, agent }, `n-${count - 1}`);
  } finally {
    agent.destroy();
  }
}

/** Waits until every verdict is of one version again, and that is another one than before. */
async function untilJudged({ place }: Server, before: string | undefined): Promise<void> {
  for (const deadline = performance.now() + judgeLimitMs; performance.now() < deadline; await wait(20)) {
    const { policy, verdicts } = versionsIn(place.folder);
    if (policy !== before && verdicts.length === 1 && verdicts[0] === policy) return;
  }
  throw new Error('expected everything to be judged again within five minutes');
}

/** Under which version the repository is, and under which its verdicts were made. */
function versionsIn(folder: string): { policy: string | undefined; verdicts: string[] } {
  const database = new Database(join(folder, 'gatehouse.sqlite'), { readonly: true });
  try {
    const policies = database.prepare<[], { policy: string }>('select policy from repository_policies').all();
    const verdicts = database.prepare<[], { policy: string }>('select distinct policy from verdicts').all();
    return { policy: policies[0]?.policy, verdicts: verdicts.map(({ policy }) => policy) };
  } finally {
    database.close();
  }
}

/** A viewer who pulls one tag again and again. */
class Pulls {
  readonly #times: number[] = [];
  readonly #run: Promise<void>;
  #isOver = false;

  constructor(server: Server) {
    this.#run = this.#pull(server);
  }

  async end(): Promise<readonly number[]> {
    this.#isOver = true;
    await this.#run;
    return this.#times;
  }

  async #pull(server: Server): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const line = { server: { ...server, headers: readerHeaders }, agent };
    try {
      while (!this.#isOver) {
        const begin = performance.now();
        const status = await send(line, 'GET', `/v2/${repository}/manifests/1.0`);
        if (status !== 200) throw new Error(`expected pulls to go on, found ${status}`);
        this.#times.push(performance.now() - begin);
      }
    } finally {
      agent.destroy();
    }
  }
}
