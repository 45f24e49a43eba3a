import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { launch, run, stop } from './processes.ts';
import type { Place, Registry } from './registries.ts';

/** A registry that runs and answers. */
export interface Server extends AsyncDisposable {
  readonly name: string;
  readonly origin: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly place: Place;
  readonly pid: number;
  /** From exec to the first answer on /v2/, in milliseconds. */
  readonly startedInMs: number;
  readonly registry: Registry;
  /** Ends the process and keeps the files. */
  stop(): Promise<void>;
}

// A first start may have to prepare the database; nothing here takes longer unless it hangs.
const startLimitMs = 30_000;

/** Starts a registry in a fresh folder; disposing of it ends it and removes the folder. @throws {Error} it never answered */
export async function startServer(registry: Registry, parent: string): Promise<Server> {
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, `${registry.name}-`));
  return await startAgain(registry, { folder, port: await freePort() });
}

/** Starts a registry where it, or nothing, was before. @throws {Error} it never answered */
export async function startAgain(registry: Registry, place: Place): Promise<Server> {
  const command = registry.prepare(place);
  const logFile = join(place.folder, 'server.log');
  const begin = performance.now();
  const child = launch(command, logFile);
  const origin = `http://127.0.0.1:${place.port}`;
  await answers(child, origin, registry).catch(async (error: unknown) => {
    await stop(child);
    const log = readFileSync(logFile, 'utf8').trim().split('\n').slice(-15).join('\n');
    throw new Error(`expected ${registry.name} to start, found:\n${log}`, { cause: error });
  });
  return {
    name: registry.name,
    origin,
    headers: registry.headers,
    place,
    pid: child.pid ?? 0,
    startedInMs: performance.now() - begin,
    registry,
    stop: () => stop(child),
    async [Symbol.asyncDispose]() {
      await stop(child);
      rmSync(place.folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Starts several; the stack ends them all. */
export async function startServers(
  registries: readonly Registry[],
  folder: string,
  stack: AsyncDisposableStack,
): Promise<Server[]> {
  const servers: Server[] = [];
  for (const registry of registries) servers.push(stack.use(await startServer(registry, folder)));
  return servers;
}

/** Waits until what was written is on the disk, so that no server pays for the bytes of the one before. */
export async function settleDisk(folder: string): Promise<void> {
  await run({ program: 'sync', args: ['-f', folder] }, 300);
}

/** Finds a port nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('expected a port, found none');
  return address.port;
}

async function answers(child: ChildProcess, origin: string, registry: Registry): Promise<void> {
  let failure: unknown;
  child.once('error', (error) => {
    failure = error;
  });
  const deadline = performance.now() + startLimitMs;
  while (performance.now() < deadline) {
    const status = await statusOf(`${origin}/v2/`);
    if (status === registry.anonymousStatus) return;
    if (status !== undefined)
      throw new Error(`expected ${registry.anonymousStatus} on /v2/ without a login, found ${status}`);
    if (child.exitCode !== null || failure !== undefined)
      throw new Error(`expected a server, found exit ${child.exitCode}`, { cause: failure });
    await wait(5);
  }
  throw new Error(`expected an answer within ${startLimitMs} ms, found none`);
}

async function statusOf(url: string): Promise<number | undefined> {
  try {
    const response = await fetch(url);
    await response.arrayBuffer();
    return response.status;
  } catch {
    return undefined;
  }
}
