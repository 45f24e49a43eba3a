import { Option } from 'commander';
import type { Config } from '#config/schema.ts';
import type { Installation } from '../app.ts';

/** What every command can be told. */
export interface ConfigFlag {
  readonly config?: string;
}

/** `--config FILE`, the same on every command. */
export function configFlag(): Option {
  return new Option('--config <file>', 'configuration file (default: registry.config.yaml beside package.json)');
}

/** Reads the configuration a command was pointed at. */
export async function readConfig({ config: file }: ConfigFlag): Promise<Config> {
  const { loadConfig } = await import('#config/load.ts');
  return await loadConfig({ file, environment: process.env });
}

/** Opens the installation a command was pointed at, for as long as the work takes. */
export async function withInstallation<T>(
  flag: ConfigFlag,
  work: (installation: Installation, config: Config) => Promise<T>,
): Promise<T> {
  const config = await readConfig(flag);
  // Loaded here and not above: --help and config need none of it.
  const { openInstallation } = await import('../app.ts');
  const installation = await openInstallation(config, { reread: () => readConfig(flag) });
  try {
    return await work(installation, config);
  } finally {
    await installation.close();
  }
}
