import { type BlobRow, forgetUnusedBlob, isBlobLocation, unusedBlobs } from '#metadata/blobs.ts';
import type { Sql } from '#metadata/sql.ts';
import { isPartLocation } from '#metadata/uploads.ts';
import type { BlobStore } from '#storage/driver.ts';

/** An object that collection removed, or would. */
export interface Collected {
  readonly digest?: string;
  readonly location: string;
  readonly sizeBytes: number;
}

export interface CollectReport {
  readonly dryRun: boolean;
  readonly removed: readonly Collected[];
  readonly freedBytes: number;
}

export interface CollectOptions {
  readonly dryRun: boolean;
  /** What is younger is kept: it may be on its way to becoming a fact. */
  readonly minimumAgeMs: number;
  readonly signal?: AbortSignal;
}

interface Surroundings {
  readonly metadata: Sql;
  readonly store: BlobStore;
  readonly clock: () => number;
}

const BATCH = 500;

/**
 * Gives back the space of bytes that no repository uses, and of objects that no fact speaks of (what a crash leaves).
 * Safe beside running servers: a fact is forgotten only in a transaction that sees nobody using it, and an object is
 * removed only by its key, which is never used again (see `registry/bytes.ts`).
 */
export async function collect(surroundings: Surroundings, options: CollectOptions): Promise<CollectReport> {
  const removed = [
    ...(await collectUnused(surroundings, options)),
    ...(await collectOrphans(surroundings, options, 'blobs/', isBlobLocation)),
    ...(await collectOrphans(surroundings, options, 'uploads/', isPartLocation)),
  ];
  const freedBytes = removed.reduce((sum, object) => sum + object.sizeBytes, 0);
  return { dryRun: options.dryRun, removed, freedBytes };
}

async function collectUnused(
  surroundings: Surroundings,
  { dryRun, minimumAgeMs, signal }: CollectOptions,
): Promise<Collected[]> {
  const removed: Collected[] = [];
  const before = surroundings.clock() - minimumAgeMs;
  for (let after = ''; ; ) {
    const batch = await unusedBlobs(surroundings.metadata, { before, after }, BATCH);
    for (const blob of batch) {
      signal?.throwIfAborted();
      if (dryRun || (await removeUnused(surroundings, blob))) removed.push(blob);
    }
    const last = batch.at(-1);
    if (last === undefined) return removed;
    after = last.digest;
  }
}

/** Forgets the fact, then the bytes: a crash in between leaves an orphan, never a fact without bytes. */
async function removeUnused({ metadata, store }: Surroundings, blob: BlobRow): Promise<boolean> {
  const forgotten = await metadata.transaction((inside) => forgetUnusedBlob(inside, blob));
  if (forgotten) await store.delete(blob.location);
  return forgotten;
}

async function collectOrphans(
  { metadata, store, clock }: Surroundings,
  { dryRun, minimumAgeMs, signal }: CollectOptions,
  prefix: string,
  isKnown: (metadata: Sql, location: string) => Promise<boolean>,
): Promise<Collected[]> {
  const removed: Collected[] = [];
  for await (const location of store.list(prefix)) {
    signal?.throwIfAborted();
    if (await isKnown(metadata, location)) continue;
    const stat = await store.stat(location);
    if (stat === undefined || clock() - stat.modified.getTime() < minimumAgeMs) continue;
    // Asked again: its fact may have come between the two looks.
    if (await isKnown(metadata, location)) continue;
    if (!dryRun) await store.delete(location);
    removed.push({ location, sizeBytes: stat.sizeBytes });
  }
  return removed;
}
