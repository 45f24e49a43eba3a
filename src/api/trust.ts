import { z } from 'zod';
import type { Operation } from './operation.ts';
import { digest, moment, repository, tag } from './values.ts';

const ON_REPOSITORY = { on: 'repository', unseen: 'nothing' } as const;
const SYSTEM = { permission: 'system', on: 'system' } as const;

const count = z.int().min(0);

const position = z
  .string()
  .max(384)
  .regex(/^[^:]+:[^:]+$/, 'expected a repository and a tag, such as team-a/app:1.4');

const paging = {
  after: position.optional().describe('only what comes after this tag: next of the page before'),
  limit: z.coerce.number().int().min(1).max(1000).optional().describe('100 unless given'),
};

const image = { repository, tag: tag.optional(), digest: digest.optional() };

/** A tag or a digest, as in `restore`. */
function oneOf(input: { readonly tag?: string | undefined; readonly digest?: string | undefined }): boolean {
  return (input.tag === undefined) !== (input.digest === undefined);
}

const ONE_OF = { error: 'expected a tag or a digest, and not both' };

const policy = z.strictObject({
  label: z.string().describe('which of the policies, such as policy 1 (team-a/**)'),
  mode: z.enum(['off', 'audit', 'hold', 'strict']),
  pull: z.enum(['open', 'enforce']),
  level: z.enum(['strict', 'permissive', 'audit', 'skip']),
});

const verdict = z.strictObject({
  satisfied: z.boolean(),
  summary: z.string().describe('why, in a sentence'),
  via: digest.nullable().describe('through this index, or this image it is attached to; null: on its own'),
  judgedAt: moment,
  goodUntil: moment.nullable().describe('when what it rests on ends; null: never, or it is not satisfied'),
  current: z.boolean().describe('false: policy or signatures changed since, and it will be judged anew'),
});

const held = z.strictObject({ tag, since: moment, by: z.string(), lapsesAt: moment });

const check = z.strictObject({
  check: z.enum(['integrity', 'authenticity', 'timestamp', 'expiry', 'revocation']),
  outcome: z.enum(['pass', 'fail', 'none']).describe('none: there was nothing to look at'),
  why: z.string(),
});

const testimony = z.strictObject({
  root: z.string().describe('name of the root it was held against'),
  signer: z.string(),
  counts: z.boolean().describe('whether the policy takes it'),
  why: z.string().nullable().describe('why it does not count; null when it does'),
  predicateType: z.string().nullable().describe('of an attestation; null for a plain signature'),
  checks: z.array(check),
});

const signature = z.strictObject({
  format: z.string(),
  source: z.string().describe('where it was found'),
  manifest: digest.nullable().describe('the manifest it came in; null for what came in none'),
  isAboutSubject: z.boolean().describe('whether it says anything of this manifest'),
  problem: z.string().nullable().describe('why nothing can be made of it'),
  testimonies: z.array(testimony),
});

/** A signature with what it is worth. */
export type ShownSignature = z.output<typeof signature>;

const missing = z.strictObject({
  words: z.string().describe('what would do'),
  commands: z
    .array(z.string())
    .describe('what to type to bring it, each an alternative; HOST stands for this registry where it has no publicUrl'),
});

const explanation = z.strictObject({
  repository,
  digest,
  tag: tag.nullable().describe('the tag that was asked about'),
  state: z
    .enum(['visible', 'held', 'withheld', 'blocked'])
    .describe(
      'what those who only pull have of it: held: a tag waits for it; withheld: it was never seen and no tag waits; blocked: its pulls are refused',
    ),
  pointsAt: digest
    .nullable()
    .describe('what the tag points at for everybody; null: nothing, or a digest was asked for'),
  policy: policy.nullable().describe('null: none speaks of the repository'),
  verdict: verdict.nullable().describe('null: it was not judged yet, or need not be'),
  held: z.array(held).describe('the tags that wait for it'),
  signatures: z.array(signature),
  release: z.strictObject({ at: moment, by: z.string(), reason: z.string() }).nullable(),
  missing: z.array(missing).describe('what would satisfy the policy, each of these or, as the summary says, some'),
});

/** Why a manifest is seen, or is not. */
export type TrustExplanation = z.output<typeof explanation>;

const heldTag = z.strictObject({
  repository,
  tag,
  digest,
  since: moment,
  by: z.string(),
  lapsesAt: moment,
  summary: z.string().describe('what is missing'),
});

/** A tag that waits. */
export type HeldTag = z.output<typeof heldTag>;

const previewItem = z.strictObject({
  repository,
  tag,
  digest,
  now: z.enum(['visible', 'held', 'blocked']),
  fate: z
    .enum(['pass', 'warn', 'hold', 'refuse', 'block'])
    .describe('hold and refuse: what a push of it meets; what is there already stays. block: no pull'),
  summary: z.string(),
});

/** A tag of today under an intended policy. */
export type PreviewedTag = z.output<typeof previewItem>;

/** What the gate holds, why, and what would open it. */
export const trustOperations = {
  trustExplain: {
    method: 'GET',
    path: '/api/v1/trust/explain',
    summary: 'Why an image is seen, held or blocked: who has signed, what counts, and what would satisfy the policy.',
    tag: 'trust',
    requires: { permission: 'pull', ...ON_REPOSITORY },
    input: z.strictObject(image).refine(oneOf, ONE_OF),
    output: explanation,
    status: 200,
  },
  trustVerify: {
    method: 'POST',
    path: '/api/v1/trust/verify',
    summary: 'Judges an image anew, now, and explains what came of it.',
    tag: 'trust',
    requires: { permission: 'attach', ...ON_REPOSITORY },
    takesLong: true,
    input: z.strictObject(image).refine(oneOf, ONE_OF),
    output: explanation,
    status: 200,
  },
  trustHeld: {
    method: 'GET',
    path: '/api/v1/trust/held',
    summary: 'The tags that wait for a signature, of a repository or of all.',
    tag: 'trust',
    requires: { permission: 'attach', on: 'repository-or-system' },
    input: z.strictObject({ repository: repository.optional(), ...paging }),
    output: z.strictObject({
      held: z.array(heldTag),
      next: z.string().optional().describe('after of the next page; left out on the last one'),
    }),
    status: 200,
  },
  trustRelease: {
    method: 'POST',
    path: '/api/v1/trust/release',
    summary: 'Lets an image pass whatever its policy says, and publishes the tags that wait for it.',
    tag: 'trust',
    requires: SYSTEM,
    input: z
      .strictObject({
        ...image,
        reason: z.string().trim().min(1).max(1000).describe('why; it stays in the audit trail'),
      })
      .refine(oneOf, ONE_OF),
    output: z.strictObject({ repository, digest, tags: z.array(tag).describe('those that were published') }),
    status: 200,
  },
  trustPreview: {
    method: 'POST',
    path: '/api/v1/trust/preview',
    summary: "What intended policies would hold, refuse or block of today's tags; changes nothing.",
    tag: 'trust',
    requires: SYSTEM,
    takesLong: true,
    input: z.strictObject({
      trust: z
        .record(z.string(), z.unknown())
        .describe('the section trust of a configuration file, as JSON; its roots are those of the server'),
      repositories: z.string().min(1).max(1024).optional().describe('a pattern such as team-a/**; all when left out'),
      limit: z.int().min(1).max(10_000).optional().describe('of items; 100 unless given'),
    }),
    output: z.strictObject({
      repositories: count.describe('how many were looked at that have tags'),
      tags: z.strictObject({
        free: count.describe('nothing is asked of them'),
        pass: count,
        warn: count,
        hold: count,
        refuse: count,
        block: count,
      }),
      items: z.array(previewItem).describe('the first of those that do not pass, by repository and tag'),
      omitted: count.describe('how many more do not pass'),
    }),
    status: 200,
  },
} as const satisfies Record<string, Operation>;
