/*
 * Carries items of a plan out. Each is looked at again in the transaction that removes it, against the rows as they are
 * now and not as they were planned: what is tagged, named by an index, or belongs to something that is here is never
 * removed, whatever the plan says.
 */
import { heldTagsAt } from '#metadata/held-tags.ts';
import { isInUse } from '#metadata/in-use.ts';
import { manifestsNaming } from '#metadata/manifests.ts';
import type { PlanItemRow, PlanRow } from '#metadata/prune-plans.ts';
import { wasPulledSince } from '#metadata/pulls.ts';
import { findPlannedManifest, findSubject, findTagRow, wasTaggedSince } from '#metadata/retention-facts.ts';
import type { Sql } from '#metadata/sql.ts';
import { deleteRevision, findRevision } from '#metadata/tag-revisions.ts';
import { findTag, tagsAt } from '#metadata/tags.ts';
import { subjectOfTag } from '#oci/referrer-tag.ts';
import { removeManifest } from '#registry/removal.ts';
import { type Act, endTag } from '#registry/tags.ts';

/** What became of an item. `reason` says why it was skipped. */
export type Outcome =
  | { readonly kind: 'deleted' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'skipped'; readonly reason: string };

const DELETED: Outcome = { kind: 'deleted' };
const GONE: Outcome = { kind: 'gone' };

/** An outcome as it is stored and shown. */
export function outcomeText(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'deleted':
      return 'deleted';
    case 'gone':
      return 'was gone already';
    case 'skipped':
      return `skipped: ${outcome.reason}`;
  }
}

/** Call it inside a transaction. */
export async function carryOut(metadata: Sql, plan: PlanRow, item: PlanItemRow, act: Act): Promise<Outcome> {
  const changed = await changeSince(metadata, plan, item, act.now);
  if (changed !== undefined) return { kind: 'skipped', reason: changed };
  switch (item.item) {
    case 'tag':
      return await pruneTag(metadata, plan, item, act);
    case 'revision':
      return await pruneRevision(metadata, item);
    case 'manifest':
      return await pruneManifest(metadata, plan, item, act);
  }
}

/** What keeps anything, whatever it is. */
async function changeSince(
  metadata: Sql,
  plan: PlanRow,
  { item, repository, name, digest }: PlanItemRow,
  now: number,
): Promise<string | undefined> {
  // That a tag is in use or pulled says nothing of what it pointed at before.
  const what = { repository, tag: item === 'tag' ? name : '', digest };
  if (await isInUse(metadata, what, now)) return 'it is in use';
  if ((await heldTagsAt(metadata, repository, digest)).length > 0) return 'a tag is held until it is signed';
  if (await wasPulledSince(metadata, what, plan.madeAt)) return 'it was pulled since';
  return undefined;
}

async function pruneTag(metadata: Sql, plan: PlanRow, item: PlanItemRow, act: Act): Promise<Outcome> {
  const { repository, name, digest } = item;
  const tag = await findTagRow(metadata, repository, name);
  if (tag === undefined) return GONE;
  if (tag.digest !== digest || tag.setAt >= plan.madeAt) return skipped('the tag was set since');
  const subject = subjectOfTag(name);
  if (subject !== undefined && (await findSubject(metadata, repository, subject)) !== undefined) {
    return skipped('what it belongs to is still here');
  }
  await endTag(metadata, { repository, name, why: 'pruned' }, act);
  return DELETED;
}

async function pruneRevision(metadata: Sql, { repository, name, revision, digest }: PlanItemRow): Promise<Outcome> {
  const found = await findRevision(metadata, repository, name, revision);
  if (found === undefined || found.digest !== digest) return GONE;
  if (found.until === null) return skipped('it is what the tag points at');
  // The last of them is what the tag is restored from.
  if ((await findTag(metadata, repository, name)) === undefined) return skipped('its tag went since');
  await deleteRevision(metadata, repository, name, revision);
  return DELETED;
}

async function pruneManifest(metadata: Sql, plan: PlanRow, item: PlanItemRow, act: Act): Promise<Outcome> {
  const { repository, digest } = item;
  const manifest = await findPlannedManifest(metadata, repository, digest);
  if (manifest === undefined) return GONE;
  const { subject, pushedAt } = manifest;
  if (pushedAt >= plan.madeAt) return skipped('it was pushed since');
  const [tag] = await tagsAt(metadata, repository, digest);
  if (tag !== undefined) return skipped(`tag ${tag} points at it`);
  if (await wasTaggedSince(metadata, repository, digest, plan.madeAt)) return skipped('it was tagged since');
  const [index] = await manifestsNaming(metadata, repository, { kind: 'manifest', digest }, 1);
  if (index !== undefined) return skipped(`${index} names it`);
  if (subject !== null && (await findSubject(metadata, repository, subject)) !== undefined) {
    return skipped('what it belongs to is still here');
  }
  await removeManifest(metadata, { repository, digest, why: 'pruned', removal: plan.id }, act);
  return DELETED;
}

function skipped(reason: string): Outcome {
  return { kind: 'skipped', reason };
}
