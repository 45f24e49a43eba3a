import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { loadConfig } from '#config/load.ts';
import { openInstallation } from '../../src/app.ts';

export const USER = 'admin';
export const PASSWORD = 'correct horse battery staple';
export const AUTHORIZATION = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`;

/** A whole registry on a port of its own and a folder of its own. */
export interface Gatehouse {
  readonly url: string;
  readonly folder: string;
  readonly configFile: string;
  readonly installation: Awaited<ReturnType<typeof openInstallation>>;
  /** Takes what has changed in the configuration file. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

/** Rooms, each with its options. */
export type WrittenOptions = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Options as `registry.config.yaml` writes them; paths, port and log level are the test's own unless given. */
export async function startGatehouse(options: WrittenOptions = {}): Promise<Gatehouse> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-'));
  const configFile = join(folder, 'registry.config.yaml');
  const settings = {
    ...options,
    http: { listen: '127.0.0.1:0', ...options.http },
    storage: { filesystem: { root: './storage' }, ...options.storage },
    metadata: { sqlite: { path: './gatehouse.sqlite' }, ...options.metadata },
    log: { level: 'silent', ...options.log },
  };
  await writeFile(configFile, stringify(settings));
  const reread = () => loadConfig({ file: configFile, environment: {} });
  const installation = await openInstallation(await reread(), { reread });
  await installation.users.ensureAdmin(PASSWORD);
  const server = await installation.serve();
  return {
    url: server.url,
    folder,
    configFile,
    installation,
    reload: () => server.reload(),
    async stop() {
      await server.stop();
      await installation.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
