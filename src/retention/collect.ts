/*
 * Giving back what nothing uses. Each step takes from a queue what may have died, looks at it in a transaction in which
 * nobody else can change it, and passes on what that lets die. No step walks over what lives.
 *
 *   removed manifests ──undo window over──▶ forgotten, with tags that pointed at nothing else ──▶ their links, their bytes
 *   subjects          ──not there─────────▶ what belongs to them is removed
 *   links             ──no manifest names the blob──▶ unlinked ──▶ its bytes
 *   bytes             ──nothing uses them──▶ forgotten ──▶ the object
 *   objects           ──▶ removed from storage, by a key that is never used again (registry/bytes.ts)
 *
 * A crash between any two of them leaves the rest in a queue.
 */
import { setTimeout } from 'node:timers/promises';
import { forgetUnusedBlob, unlinkBlob } from '#metadata/blobs.ts';
import { type DiscardedObject, discardObjects, discardedObjects, forgetDiscarded } from '#metadata/discarded.ts';
import type { Origin } from '#metadata/events.ts';
import { findManifest, manifestsNaming, manifestsWithSubject } from '#metadata/manifests.ts';
import { findRemoved, forgetRemoved, removedBefore, removedNaming } from '#metadata/removed.ts';
import {
  dueBlobs,
  dueLinks,
  dueSubjects,
  endBlobReview,
  endLinkReview,
  endSubjectReview,
  reviewBlob,
  reviewRemovedLinks,
} from '#metadata/reviews.ts';
import { deleteSimpleSignatures } from '#metadata/simple-signatures.ts';
import type { Sql } from '#metadata/sql.ts';
import { forgetHistories } from '#metadata/tag-revisions.ts';
import { tagsAt } from '#metadata/tags.ts';
import type { Digest } from '#oci/digest.ts';
import { referrerTagsOf } from '#oci/referrer-tag.ts';
import { removeManifest } from '#registry/removal.ts';
import { endTag } from '#registry/tags.ts';
import type { BlobStore } from '#storage/driver.ts';

/** What a run came to. */
export interface CollectReport {
  /** Manifests that can no longer be restored. */
  readonly forgottenManifests: number;
  /** Manifests whose subject did not come, or went. */
  readonly removedReferrers: number;
  readonly unlinkedBlobs: number;
  readonly removedObjects: number;
  readonly freedBytes: number;
}

export interface CollectOptions {
  readonly undoWindowMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Told after each batch. */
  readonly onProgress?: ((report: CollectReport) => void) | undefined;
}

export interface CollectContext {
  readonly metadata: Sql;
  readonly store: BlobStore;
  readonly clock: () => number;
  /** For how long a client that was told of a blob can rely on it, milliseconds. */
  readonly graces: { readonly blobMs: number };
}

// A batch holds the database for one to five milliseconds, which is what a push may have to wait; the disk's fsync is
// still shared by many. With more removals at once, pushes wait for the file system and for a thread.
const BATCH = 50;
// Removing holds the database only to strike objects off.
const OBJECTS_BATCH = 200;
const REMOVALS_AT_ONCE = 4;
const COLLECTOR: Origin = { actor: 'system:collector', address: '', requestId: '' };

/** Whether a run would find anything to look at. Reads only. */
export async function isCollectionDue(
  { metadata, clock }: CollectContext,
  { undoWindowMs }: Pick<CollectOptions, 'undoWindowMs'>,
): Promise<boolean> {
  const now = clock();
  const first = await Promise.all([
    removedBefore(metadata, now - undoWindowMs, 1),
    dueSubjects(metadata, now, 1),
    dueLinks(metadata, now, 1),
    dueBlobs(metadata, now, 1),
    discardedObjects(metadata, 1),
  ]);
  return first.some((rows) => rows.length > 0);
}

/** Runs until nothing is due, or the signal says stop. Safe beside running servers, and beside itself. */
export async function collect(context: CollectContext, options: CollectOptions): Promise<CollectReport> {
  const report = { forgottenManifests: 0, removedReferrers: 0, unlinkedBlobs: 0, removedObjects: 0, freedBytes: 0 };
  const exhaust = async (step: () => Promise<boolean>): Promise<void> => {
    for (let began = performance.now(); await step(); began = performance.now()) {
      options.onProgress?.({ ...report });
      options.signal?.throwIfAborted();
      // Half of the time is left to those whom somebody waits for.
      await setTimeout(performance.now() - began);
    }
  };
  await exhaust(async () => {
    const count = await forgetRemovedManifests(context, options.undoWindowMs);
    report.forgottenManifests += count;
    return count > 0;
  });
  await exhaust(async () => {
    const { looked, removed } = await removeReferrers(context);
    report.removedReferrers += removed;
    return looked > 0;
  });
  await exhaust(async () => {
    const { looked, unlinked } = await unlinkUnnamed(context);
    report.unlinkedBlobs += unlinked;
    return looked > 0;
  });
  await exhaust(async () => (await forgetUnused(context)) > 0);
  await exhaust(async () => {
    const removed = await removeObjects(context);
    report.removedObjects += removed.length;
    report.freedBytes += removed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    return removed.length > 0;
  });
  return report;
}

async function forgetRemovedManifests(context: CollectContext, undoWindowMs: number): Promise<number> {
  const { metadata, clock, graces } = context;
  return await metadata.transaction(async (inside) => {
    const now = clock();
    const removed = await removedBefore(inside, now - undoWindowMs, BATCH);
    for (const { repository, digest, removedAt } of removed) {
      // While it was there nobody noted who was told of its blobs: the last may have been told as it was removed.
      await reviewRemovedLinks(inside, repository, digest, Math.max(now, removedAt + graces.blobMs));
      await forgetRemoved(inside, repository, digest);
      await forgetHistories(inside, repository, digest);
      await deleteSimpleSignatures(inside, repository, digest);
      await reviewBlob(inside, digest, now);
    }
    return removed.length;
  });
}

async function removeReferrers({ metadata, clock }: CollectContext): Promise<{ looked: number; removed: number }> {
  return await metadata.transaction(async (inside) => {
    const now = clock();
    const due = await dueSubjects(inside, now, BATCH);
    let removed = 0;
    for (const { repository, subject } of due) {
      await endSubjectReview(inside, repository, subject);
      if ((await findManifest(inside, repository, subject)) !== undefined) continue;
      removed += await removeBelongings(inside, repository, subject, now);
      // What can be restored comes back with its signatures; of what is not even there, nobody asks for them.
      if ((await findRemoved(inside, repository, subject)) !== undefined) continue;
      await deleteSimpleSignatures(inside, repository, subject);
    }
    return { looked: due.length, removed };
  });
}

/** What belonged to a manifest that is gone goes in the same act, so that it comes back with it. */
async function removeBelongings(metadata: Sql, repository: string, subject: Digest, now: number): Promise<number> {
  const act = { origin: COLLECTOR, now };
  const removal = (await findRemoved(metadata, repository, subject))?.removal;
  const belongings = new Set<Digest>();
  // The index of what is attached first: as long as it is there it names the rest.
  for (const name of referrerTagsOf(subject)) {
    const digest = await endTag(metadata, { repository, name, why: 'pruned' }, act);
    if (digest !== undefined) belongings.add(digest);
  }
  for (const digest of await manifestsWithSubject(metadata, repository, subject)) belongings.add(digest);
  let count = 0;
  for (const digest of belongings) {
    if (await livesByItself(metadata, repository, digest)) continue;
    if (await removeManifest(metadata, { repository, digest, why: 'pruned', removal }, act)) count += 1;
  }
  return count;
}

/** A tag, or an index that names it, keeps a manifest whatever its subject. */
async function livesByItself(metadata: Sql, repository: string, digest: Digest): Promise<boolean> {
  if ((await tagsAt(metadata, repository, digest)).length > 0) return true;
  return (await manifestsNaming(metadata, repository, { kind: 'manifest', digest }, 1)).length > 0;
}

async function unlinkUnnamed({ metadata, clock }: CollectContext): Promise<{ looked: number; unlinked: number }> {
  return await metadata.transaction(async (inside) => {
    const now = clock();
    const due = await dueLinks(inside, now, BATCH);
    let unlinked = 0;
    for (const review of due) {
      const { repository, digest } = review;
      if (!(await endLinkReview(inside, review))) continue;
      const target = { kind: 'blob', digest } as const;
      if ((await manifestsNaming(inside, repository, target, 1)).length > 0) continue;
      if (await removedNaming(inside, repository, digest)) continue;
      if (!(await unlinkBlob(inside, repository, digest))) continue;
      await reviewBlob(inside, digest, now);
      unlinked += 1;
    }
    return { looked: due.length, unlinked };
  });
}

async function forgetUnused({ metadata, clock }: CollectContext): Promise<number> {
  return await metadata.transaction(async (inside) => {
    const due = await dueBlobs(inside, clock(), BATCH);
    const discarded: DiscardedObject[] = [];
    for (const { digest } of due) {
      await endBlobReview(inside, digest);
      const blob = await forgetUnusedBlob(inside, digest);
      if (blob !== undefined) discarded.push(blob);
    }
    await discardObjects(inside, discarded);
    return due.length;
  });
}

/** Forgotten first, removed after: a crash in between leaves an object on the list, never a fact without bytes. */
async function removeObjects({ metadata, store }: CollectContext): Promise<DiscardedObject[]> {
  const objects = await discardedObjects(metadata, OBJECTS_BATCH);
  for (let start = 0; start < objects.length; start += REMOVALS_AT_ONCE) {
    await Promise.all(objects.slice(start, start + REMOVALS_AT_ONCE).map(({ location }) => store.delete(location)));
  }
  const locations = objects.map(({ location }) => location);
  if (locations.length > 0) await metadata.transaction((inside) => forgetDiscarded(inside, locations));
  return objects;
}
