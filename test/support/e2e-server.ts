import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { stringify } from 'yaml';
import { call } from './client.ts';
import { type Ending, type Running, launch } from './clients.ts';
import { PASSWORD, USER, type WrittenOptions } from './gatehouse.ts';

/** A Gatehouse in a process of its own, which can be stopped, killed and started again over the same data. */
export interface ServerProcess {
  readonly folder: string;
  /** Of the server that runs now; a port does not survive a restart. */
  readonly url: string;
  readonly host: string;
  start(): Promise<void>;
  /** Sends the signal and does not wait. */
  signal(name: NodeJS.Signals): void;
  ended(): Promise<Ending>;
  /** Requests being answered now, but for the one that asks. */
  inFlight(): Promise<number>;
  /** Runs `gatehouse <args>` over the same configuration; with `--server`, as the administrator. */
  command(...args: readonly string[]): Promise<Ending>;
  remove(): Promise<void>;
}

const MAIN = join(import.meta.dirname, '../../src/main.ts');

/** @param options as `registry.config.yaml` writes them, beside where it listens and keeps its data */
export async function aServerProcess(options: WrittenOptions = {}): Promise<ServerProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-'));
  const config = join(folder, 'registry.config.yaml');
  const settings = {
    ...options,
    http: { listen: '127.0.0.1:0', ...options.http },
    storage: { filesystem: { root: './storage' } },
    metadata: { sqlite: { path: './gatehouse.sqlite' } },
  };
  await writeFile(config, stringify(settings));
  const administrator = { GATEHOUSE_USER: USER, GATEHOUSE_PASSWORD: PASSWORD };
  const environment = { PATH: process.env.PATH, GATEHOUSE_ADMIN_PASSWORD: PASSWORD, ...administrator };
  const gatehouse = (args: readonly string[], limitSeconds: number): Running =>
    launch([process.execPath, MAIN, ...args, '--config', config], { environment, limitSeconds });
  let running: Running | undefined;
  let url = '';
  const current = (): Running => {
    if (running === undefined) throw new Error('expected a server that was started, found none');
    return running;
  };
  return {
    folder,
    get url() {
      return url;
    },
    get host() {
      return new URL(url).host;
    },
    async start() {
      running = gatehouse(['serve'], 600);
      url = await announcedBy(running);
    },
    signal: (name) => void current().child.kill(name),
    ended: () => current().ended,
    async inFlight() {
      const { text } = await call(url, { method: 'GET', path: '/metrics' });
      return Number(/^gatehouse_http_requests_in_flight (\d+)$/m.exec(text)?.[1]) - 1;
    },
    command: (...args) => gatehouse(args, 60).ended,
    async remove() {
      running?.child.kill('SIGKILL');
      await running?.ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Where the server says in its log that it listens. */
async function announcedBy({ child, ended }: Running): Promise<string> {
  let log = '';
  child.stdout?.on('data', (text: string) => {
    log += text;
  });
  for (let attempt = 0; child.exitCode === null && attempt < 200; attempt += 1) {
    const url = /"url":"(http:[^"]+)"/.exec(log)?.[1];
    if (url !== undefined) return url;
    await wait(100);
  }
  child.kill('SIGKILL');
  const { stderr } = await ended;
  throw new Error(`expected the server to listen within 20 s, found: ${stderr}`);
}
