import { z } from 'zod';
import { durationBetween } from '#base/duration.ts';
import type { Operation } from './operation.ts';
import { moment } from './values.ts';

const SYSTEM = { permission: 'system', on: 'system' } as const;

const source = z.string().min(1).max(64).describe('whose list it is, such as a cluster');
const MAX_AGE = durationBetween('1m', '365d');

/** What clusters run, which keeps it. */
export const inUseOperations = {
  importInUse: {
    method: 'POST',
    path: '/api/v1/in-use',
    summary: 'Takes a list of what is in use, in the place of what the same source said before.',
    tag: 'retention',
    requires: SYSTEM,
    input: z.strictObject({
      list: z.string().describe('image references, one a line'),
      source: source.optional().describe('whose list it is, such as a cluster; `default` when left out'),
      maxAge: z
        .string()
        .refine((text) => MAX_AGE.safeParse(text).success, {
          error: ({ input }) => `expected a duration from 1m to 365d, such as 48h, found ${JSON.stringify(input)}`,
        })
        .optional()
        .describe('for how long it protects, a duration from 1m to 365d; 48h when left out'),
    }),
    output: z.strictObject({
      source,
      references: z.int().describe('how many different ones protect now'),
      malformedLines: z.int().describe('how many lines protect nothing'),
      malformed: z
        .array(z.strictObject({ line: z.int(), text: z.string(), problem: z.string() }))
        .describe('the first hundred of them'),
      expiresAt: moment.describe('until when it protects'),
    }),
    status: 200,
  },
  listInUse: {
    method: 'GET',
    path: '/api/v1/in-use',
    summary: 'Whose lists protect something now.',
    tag: 'retention',
    requires: SYSTEM,
    input: z.strictObject({}),
    output: z.strictObject({
      sources: z.array(z.strictObject({ source, references: z.int(), expiresAt: moment })),
    }),
    status: 200,
  },
} as const satisfies Record<string, Operation>;
