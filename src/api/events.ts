import { z } from 'zod';
import type { Operation } from './operation.ts';
import { moment, name, repository } from './values.ts';

const event = z.strictObject({
  id: z.int().describe('rises with every event'),
  at: moment,
  kind: z.string(),
  actor: z.string(),
  address: z.string(),
  requestId: z.string(),
  repository: z.string().optional(),
  reference: z.string().optional(),
  digest: z.string().optional(),
  outcome: z.enum(['done', 'refused']),
  reason: z.string().optional(),
  detail: z.unknown().optional(),
  count: z.int().describe('how many alike ones this stands for'),
});

/** One event of the audit trail. */
export type AuditEvent = z.output<typeof event>;

/** Who did what. */
export const eventOperations = {
  listEvents: {
    method: 'GET',
    path: '/api/v1/events',
    summary: 'The audit trail, the newest first.',
    tag: 'audit',
    requires: { permission: 'grant', on: 'repository-or-system' },
    input: z.strictObject({
      since: moment.optional().describe('only events from then on'),
      until: moment.optional().describe('only events before then'),
      repository: repository.optional(),
      actor: name.optional(),
      kind: z.string().min(1).max(64).optional().describe('such as manifest.push'),
      outcome: z.enum(['done', 'refused']).optional(),
      before: z.coerce.number().int().min(1).optional().describe('only events with lower ids: next of the page before'),
      limit: z.coerce.number().int().min(1).max(1000).optional().describe('100 unless given'),
    }),
    output: z.strictObject({
      events: z.array(event),
      next: z.int().optional().describe('before of the next page; left out on the last one'),
    }),
    status: 200,
  },
} as const satisfies Record<string, Operation>;
