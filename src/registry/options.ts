import { z } from 'zod';
import { cron } from '#base/cron.ts';
import { durationBetween } from '#base/duration.ts';
import { sizeBetween } from '#base/size.ts';

/** What may be pushed. */
export const registryOptions = z.strictObject({
  manifests: z
    .strictObject({
      // 4 MiB: spec v1.1.1 asks registries to take manifests of at least 4 megabytes. A manifest is held in memory whole.
      maxSize: sizeBetween('64KiB', '64MiB').prefault('4MiB').describe('size of a manifest'),
      sparse: z
        .enum(['off', 'indexes', 'everything'])
        .prefault('off')
        .describe('indexes: an index may name images that are not here; everything: an image may also lack layers'),
    })
    .prefault({})
    .describe('manifests'),
  blobs: z
    .strictObject({
      maxSize: sizeBetween('1MiB', '1024TiB').optional().describe('size of a blob; any if not given'),
    })
    .prefault({})
    .describe('blobs'),
});

/** What {@link registryOptions} parses to. */
export type RegistryOptions = z.infer<typeof registryOptions>;

/** How uploads that nobody finishes go away. In YAML under `storage`, where one looks for them. */
export const uploadOptions = z.strictObject({
  expireAfter: durationBetween('1m', '365d').prefault('24h').describe('how long an upload may stand still'),
  sweep: cron.prefault('*/10 * * * *').describe('when expired uploads are removed, in cron fields'),
});

/** What {@link uploadOptions} parses to. */
export type UploadOptions = z.infer<typeof uploadOptions>;
