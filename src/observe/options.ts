import { z } from 'zod';

/** What is logged. */
export const logOptions = z.strictObject({
  level: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .prefault('info')
    .describe('the least important thing worth a line'),
});

/** What {@link logOptions} parses to. */
export type LogOptions = z.infer<typeof logOptions>;
