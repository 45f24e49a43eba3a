import { z } from 'zod';
import type { Operation } from './operation.ts';
import { digest, moment, repository, tag } from './values.ts';

const revision = z.strictObject({
  revision: z.int().describe('counts from 1'),
  digest,
  since: moment,
  setBy: z.string(),
  setWhy: z.enum(['push', 'rollback', 'restore']),
  until: moment.nullable().describe('null while the tag points at it'),
  endedBy: z.string().nullable(),
  endedWhy: z.enum(['moved', 'deleted', 'pruned']).nullable(),
});

/** What a tag pointed at, since when, until when, by whom and why. */
export type Revision = z.output<typeof revision>;

const broughtBack = z.strictObject({
  repository,
  digest,
  manifests: z.array(digest).describe('manifests that had been removed and are here again'),
  tags: z.array(tag).describe('tags that point at the digest now'),
  held: z.array(tag).describe('tags that will once somebody trusted has signed it'),
});

/** What was, and bringing it back. */
export const tagOperations = {
  tagHistory: {
    method: 'GET',
    path: '/api/v1/tags/history',
    summary: 'What a tag pointed at, the newest first; also of a tag that is gone.',
    tag: 'tags',
    requires: { permission: 'pull', on: 'repository', unseen: 'nothing' },
    input: z.strictObject({
      repository,
      tag,
      before: z.coerce.number().int().min(1).optional().describe('only earlier revisions: next of the page before'),
      limit: z.coerce.number().int().min(1).max(1000).optional().describe('100 unless given'),
    }),
    output: z.strictObject({
      revisions: z.array(revision),
      next: z.int().optional().describe('before of the next page; left out on the last one'),
    }),
    status: 200,
  },
  rollBackTag: {
    method: 'POST',
    path: '/api/v1/tags/rollback',
    summary: 'Points a tag at what it pointed at in an earlier revision, brought back if it was removed.',
    tag: 'tags',
    requires: { permission: 'push', on: 'repository', unseen: 'nothing' },
    input: z.strictObject({ repository, tag, revision: z.int().min(1) }),
    output: broughtBack,
    status: 200,
  },
  restore: {
    method: 'POST',
    path: '/api/v1/restore',
    summary: 'Brings back a tag, or a manifest with the tags it went with; with its children and its signatures.',
    tag: 'tags',
    requires: { permission: 'push', on: 'repository', unseen: 'nothing' },
    input: z
      .strictObject({ repository, tag: tag.optional(), digest: digest.optional() })
      .refine((input) => (input.tag === undefined) !== (input.digest === undefined), {
        error: 'expected a tag or a digest, and not both',
      }),
    output: broughtBack,
    status: 200,
  },
} as const satisfies Record<string, Operation>;
