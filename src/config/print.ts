import { stringify } from 'yaml';
import { type Config, writeConfig } from './schema.ts';

/** The configuration in effect, as a YAML file that would give it. */
export function printConfig(config: Config): string {
  return stringify(writeConfig(config), { lineWidth: 0 });
}
