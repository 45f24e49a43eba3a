import { isBlobLocation } from '#metadata/blobs.ts';
import type { Sql } from '#metadata/sql.ts';
import { isPartLocation } from '#metadata/uploads.ts';
import type { CollectContext } from './collect.ts';

/** An object in storage that no fact speaks of. */
export interface Orphan {
  readonly location: string;
  readonly sizeBytes: number;
}

export interface OrphanOptions {
  readonly dryRun: boolean;
  /** What is younger is kept: its fact may be on its way. */
  readonly minimumAgeMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Walks all of the storage for objects that no fact speaks of: what a crash between bytes and fact leaves. Safe beside
 * running servers; the only part of collection whose work grows with what lives.
 */
export async function collectOrphans(context: CollectContext, options: OrphanOptions): Promise<Orphan[]> {
  return [
    ...(await orphansUnder('blobs/', isBlobLocation, context, options)),
    ...(await orphansUnder('uploads/', isPartLocation, context, options)),
  ];
}

async function orphansUnder(
  prefix: string,
  isKnown: (metadata: Sql, location: string) => Promise<boolean>,
  { metadata, store, clock }: CollectContext,
  { dryRun, minimumAgeMs, signal }: OrphanOptions,
): Promise<Orphan[]> {
  const orphans: Orphan[] = [];
  for await (const location of store.list(prefix)) {
    signal?.throwIfAborted();
    if (await isKnown(metadata, location)) continue;
    const stat = await store.stat(location);
    if (stat === undefined || clock() - stat.modified.getTime() < minimumAgeMs) continue;
    // Asked again: its fact may have come between the two looks.
    if (await isKnown(metadata, location)) continue;
    if (!dryRun) await store.delete(location);
    orphans.push({ location, sizeBytes: stat.sizeBytes });
  }
  return orphans;
}
