import { z } from 'zod';
import type { Operation } from './operation.ts';
import { digest, moment, repository, tag } from './values.ts';

const SYSTEM = { permission: 'system', on: 'system' } as const;

const id = z.string().min(1).max(64).describe('id of a plan');
const count = z.int().min(0);
const fates = z.strictObject({ keep: count, delete: count });
const fate = z.enum(['keep', 'delete']);

const stop = z.strictObject({
  repository: z.string().nullable().describe('null: of the registry as a whole'),
  tags: count,
  deletedTags: count,
  reason: z.string(),
});

const plan = z.strictObject({
  id,
  madeAt: moment,
  madeBy: z.string(),
  status: z
    .enum(['making', 'planned', 'stopped', 'done'])
    .describe('making: not complete yet, or never; stopped: by the brake; done: carried out'),
  goodUntil: moment.describe('until when it can be carried out'),
  confirmedAt: moment.nullable(),
  confirmedBy: z.string().nullable(),
  repositories: z.array(z.string()).nullable().describe('the patterns it is limited to; null for every repository'),
  planned: count.describe('repositories some rule speaks of; what no rule speaks of is kept and not in the plan'),
  tags: fates,
  revisions: fates,
  manifests: fates,
  warnings: z.array(z.string()).describe('patterns that fit nothing'),
  stops: z.array(stop).describe('what the brake says, at most twenty; none: it lets the plan pass'),
});

/** A plan of pruning in numbers. */
export type PrunePlan = z.output<typeof plan>;

const item = z.strictObject({
  position: z.int().describe('counts from 1 through the plan, in the order in which it is carried out'),
  repository,
  item: z.enum(['tag', 'revision', 'manifest']),
  tag: tag.optional().describe('left out for manifests'),
  revision: z.int().optional().describe('of the tag; only for revisions'),
  digest,
  fate,
  reason: z.string(),
  outcome: z.string().nullable().describe('what became of it; null until it was carried out'),
});

/** One thing in a plan, its fate and the reason for it. */
export type PruneItem = z.output<typeof item>;

const paging = {
  after: z.coerce.number().int().min(0).optional().describe('only items after this position: next of the page before'),
  limit: z.coerce.number().int().min(1).max(1000).optional().describe('100 unless given'),
};

/** What the rules would delete, and deleting it. */
export const pruneOperations = {
  planPruning: {
    method: 'POST',
    path: '/api/v1/prune/plans',
    summary: 'Makes a plan of what the rules would delete, and keeps it; deletes nothing.',
    tag: 'retention',
    requires: SYSTEM,
    takesLong: true,
    input: z.strictObject({
      repositories: z
        .array(z.string().min(1).max(1024))
        .min(1)
        .max(100)
        .optional()
        .describe('patterns such as team-a/**; every repository when left out'),
    }),
    output: plan,
    status: 201,
  },
  listPlans: {
    method: 'GET',
    path: '/api/v1/prune/plans',
    summary: 'The plans that are kept, the newest first.',
    tag: 'retention',
    requires: SYSTEM,
    input: z.strictObject({}),
    output: z.strictObject({ plans: z.array(plan) }),
    status: 200,
  },
  showPlan: {
    method: 'GET',
    path: '/api/v1/prune/plans/{plan}',
    summary: 'A plan with its items, each with its fate, the one reason for it and what became of it.',
    tag: 'retention',
    requires: SYSTEM,
    input: z.strictObject({ plan: id, repository: repository.optional(), fate: fate.optional(), ...paging }),
    output: z.strictObject({
      plan,
      items: z.array(item),
      next: z.int().optional().describe('after of the next page; left out on the last one'),
    }),
    status: 200,
  },
  confirmPlan: {
    method: 'POST',
    path: '/api/v1/prune/plans/{plan}/confirm',
    summary: 'Carries out that very plan, skipping what has changed since; nothing at all where the brake stops it.',
    tag: 'retention',
    requires: SYSTEM,
    takesLong: true,
    input: z.strictObject({ plan: id, overrideBrake: z.boolean().optional().describe('lets it pass all the same') }),
    output: z.strictObject({
      plan: id,
      stops: z.array(stop).describe('why nothing was done; none: the plan was carried out'),
      tags: count.describe('how many were deleted'),
      revisions: count,
      manifests: count,
      skipped: count.describe('what has changed since the plan was made, and stays'),
      gone: count.describe('what somebody else had removed by then'),
    }),
    status: 200,
  },
  collectionStatus: {
    method: 'GET',
    path: '/api/v1/collection',
    summary: 'How much collection of bytes that nothing uses has before it.',
    tag: 'retention',
    requires: SYSTEM,
    input: z.strictObject({}),
    output: z.strictObject({
      due: count.describe('candidates that are to be looked at now'),
      waiting: count.describe('candidates whose grace is not over'),
      oldestDueSince: moment.nullable().describe('since when the oldest that is due is; null when none is'),
    }),
    status: 200,
  },
} as const satisfies Record<string, Operation>;
