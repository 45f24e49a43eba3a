import { z } from 'zod';
import { accessOptions } from '#access/options.ts';
import { auditOptions } from '#audit/options.ts';
import { httpOptions } from '#http/options.ts';
import { sqliteOptions } from '#metadata/options.ts';
import { logOptions } from '#observe/options.ts';
import { registryOptions, uploadOptions } from '#registry/options.ts';
import { retentionOptions } from '#retention/options.ts';
import { filesystemOptions } from '#storage/options.ts';
import { trustOptions } from '#trust/options.ts';

/** Everything that can be configured, in the order of `registry.config.yaml`. Rooms own their options. */
export const configSchema = z.strictObject({
  http: httpOptions.prefault({}).describe('how Gatehouse is reached'),
  access: accessOptions.prefault({}).describe('who may come in'),
  storage: z
    .strictObject({
      driver: z.enum(['filesystem']).prefault('filesystem').describe('which file of storage/drivers keeps the blobs'),
      filesystem: filesystemOptions.prefault({}).describe('blobs in a folder'),
      uploads: uploadOptions.prefault({}).describe('uploads under way'),
    })
    .prefault({})
    .describe('where bytes are kept'),
  metadata: z
    .strictObject({
      driver: z.enum(['sqlite']).prefault('sqlite').describe('which file of src/metadata/backends keeps the facts'),
      sqlite: sqliteOptions.prefault({}).describe('facts in one file'),
    })
    .prefault({})
    .describe('where facts are kept'),
  registry: registryOptions.prefault({}).describe('what may be pushed'),
  trust: trustOptions.prefault({}).describe('whose signatures count, and for what'),
  retention: retentionOptions.prefault({}).describe('what is kept, and for how long'),
  audit: auditOptions.prefault({}).describe('what is recorded, and who is told'),
  log: logOptions.prefault({}).describe('what is logged'),
});

/** The whole configuration, parsed: durations are milliseconds, sizes bytes. */
export type Config = z.infer<typeof configSchema>;

/** The configuration as written: what `config print` shows and a file may hold. */
export type WrittenConfig = z.input<typeof configSchema>;

/** JSON Schema of the file, for completion in editors. */
export function configJsonSchema(): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(configSchema, { io: 'input' });
}

/** The configuration back in the words of the file. */
export function writeConfig(config: Config): WrittenConfig {
  return z.encode(configSchema, config);
}
