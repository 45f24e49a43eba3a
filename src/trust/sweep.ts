/*
 * After a policy or a root has changed: puts everything on the list that was judged under another version. What follows
 * from that, the judge finds out; until then verdicts of the old version count for nothing where pulls are looked at.
 */
import { recordEvent } from '#metadata/events.ts';
import { dropHeldTag, heldTagsAfter, lapsedTags } from '#metadata/held-tags.ts';
import type { Sql } from '#metadata/sql.ts';
import { forgetVerdicts, repositoryPoliciesAfter, reviewRepository, showWithheld } from '#metadata/verdicts.ts';
import { publishTag } from '#registry/tags.ts';
import type { Policies } from './policies.ts';
import { type Policy, isActive } from './policy.ts';
import { GATE } from './verdict.ts';

export interface SweepContext {
  readonly metadata: Sql;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly policies: () => Policies;
}

const PAGE = 500;
const HELD_PAGE = 1000;

/** Returns how many repositories are under another version than when they were last looked at. */
export async function sweep(context: SweepContext, signal?: AbortSignal): Promise<number> {
  const { metadata } = context;
  let count = 0;
  for (let after = ''; ; ) {
    const page = await repositoryPoliciesAfter(metadata, after, PAGE);
    for (const { repository, policy: known } of page) {
      signal?.throwIfAborted();
      const policy = context.policies().policyFor(repository);
      const wanted = policy !== undefined && isActive(policy) ? policy : undefined;
      if ((wanted?.version ?? null) === known) continue;
      await metadata.transaction((inside) => change(inside, { repository, policy: wanted }, context.clock()));
      count += 1;
    }
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return count;
    after = last.repository;
  }
}

async function change(
  metadata: Sql,
  { repository, policy }: { repository: string; policy: Policy | undefined },
  now: number,
): Promise<void> {
  const isGated = policy?.options.mode === 'hold' || policy?.options.mode === 'strict';
  if (!isGated) await publishAll(metadata, repository, now);
  if (policy === undefined) {
    await forgetVerdicts(metadata, repository);
    return;
  }
  if (!isGated) await showWithheld(metadata, repository);
  await reviewRepository(metadata, repository, policy.version, now);
}

/** There is no gate any more for a tag to be held by. */
async function publishAll(metadata: Sql, repository: string, now: number): Promise<void> {
  const from = { repository, after: { repository: '', name: '' } };
  for (;;) {
    const page = await heldTagsAfter(metadata, from, HELD_PAGE);
    for (const held of page) {
      await publishTag(metadata, held, 'no policy holds it any more', { origin: GATE, now });
    }
    if (page.length < HELD_PAGE) return;
  }
}

/** Gives up tags that were held for too long. What they pointed at before stays; returns how many. */
export async function lapse({ metadata, clock }: Pick<SweepContext, 'metadata' | 'clock'>): Promise<number> {
  let count = 0;
  for (;;) {
    const lapsed = await metadata.transaction(async (inside) => {
      const now = clock();
      const page = await lapsedTags(inside, now, PAGE);
      for (const { repository, name, digest, since } of page) {
        await dropHeldTag(inside, repository, name);
        const reason = `nobody trusted signed it since ${new Date(since).toISOString()}`;
        await recordEvent(inside, GATE, { kind: 'tag.lapse', repository, reference: name, digest, reason }, now);
      }
      return page.length;
    });
    count += lapsed;
    if (lapsed < PAGE) return count;
  }
}
