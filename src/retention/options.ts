import { z } from 'zod';
import { cron } from '#base/cron.ts';
import { durationBetween } from '#base/duration.ts';
import { pruneOptions } from './rule-options.ts';

/** How bytes that nothing uses are given back. */
const collectionOptions = z.strictObject({
  schedule: cron.prefault('* * * * *').describe('when what died is given back, in cron fields'),
  blobGrace: durationBetween('1s', '30d')
    .prefault('1h')
    .describe('how long a client that was told of a blob can rely on it'),
  referrerGrace: durationBetween('1s', '365d')
    .prefault('24h')
    .describe('how long something may wait for the manifest it belongs to'),
  orphans: cron
    .prefault('40 4 * * 0')
    .describe('when all of the storage is walked for what a crash left, in cron fields'),
});

/** What is kept, and for how long what is not kept can be restored. */
export const retentionOptions = z.strictObject({
  undoWindow: durationBetween('0s', '3650d')
    .prefault('7d')
    .describe('how long what was deleted or pruned can be restored'),
  ...pruneOptions,
  collection: collectionOptions.prefault({}).describe('giving back bytes'),
});

/** What {@link retentionOptions} parses to. */
export type RetentionOptions = z.infer<typeof retentionOptions>;
