import { findBytes, repositoriesWithBlob } from '#metadata/blobs.ts';
import { manifestsNaming, repositoriesWithManifest } from '#metadata/manifests.ts';
import { type RemovedManifest, removedBefore, removedBeing, removedNamers, removedTargets } from '#metadata/removed.ts';
import { dueBlobs, dueLinks } from '#metadata/reviews.ts';
import type { Sql } from '#metadata/sql.ts';
import type { Digest } from '#oci/digest.ts';
import type { CollectContext, CollectReport } from './collect.ts';

// A preview is for people: what lies beyond is there in the run itself.
const LOOKED_AT_MAX = 1_000_000;
const MANY = 1000;

/**
 * What a run would give back now. Reads only, and takes no lock: what happens meanwhile may make the run give back more
 * or less. What goes because its subject is gone is not counted; it stays restorable anyway.
 */
export async function previewCollection(
  { metadata, clock, graces }: CollectContext,
  { undoWindowMs }: { undoWindowMs: number },
): Promise<CollectReport> {
  const now = clock();
  const forgotten = await removedBefore(metadata, now - undoWindowMs, LOOKED_AT_MAX);
  const isForgotten = setOf(forgotten);
  const links = new Map<string, { repository: string; digest: Digest }>();
  const bytes = new Set<Digest>((await dueBlobs(metadata, now, LOOKED_AT_MAX)).map(({ digest }) => digest));
  for (const link of await dueLinks(metadata, now, LOOKED_AT_MAX)) links.set(keyOf(link), link);
  for (const { repository, digest, removedAt } of forgotten) {
    bytes.add(digest);
    if (removedAt + graces.blobMs > now) continue;
    for (const target of await removedTargets(metadata, repository, digest, 'blob')) {
      links.set(keyOf({ repository, digest: target }), { repository, digest: target });
    }
  }
  const unlinked = new Set<string>();
  for (const link of links.values()) {
    if (await isNamed(metadata, link, isForgotten)) continue;
    unlinked.add(keyOf(link));
    bytes.add(link.digest);
  }
  const unused: number[] = [];
  for (const digest of bytes) {
    const sizeBytes = await sizeOfUnused(metadata, digest, { unlinked, isForgotten });
    if (sizeBytes !== undefined) unused.push(sizeBytes);
  }
  return {
    forgottenManifests: forgotten.length,
    removedReferrers: 0,
    unlinkedBlobs: unlinked.size,
    removedObjects: unused.length,
    freedBytes: unused.reduce((sum, sizeBytes) => sum + sizeBytes, 0),
  };
}

type IsForgotten = (manifest: { repository: string; digest: Digest }) => boolean;

function setOf(forgotten: readonly RemovedManifest[]): IsForgotten {
  const keys = new Set(forgotten.map(keyOf));
  return (manifest) => keys.has(keyOf(manifest));
}

function keyOf({ repository, digest }: { repository: string; digest: Digest }): string {
  return `${repository}@${digest}`;
}

async function isNamed(
  metadata: Sql,
  { repository, digest }: { repository: string; digest: Digest },
  isForgotten: IsForgotten,
): Promise<boolean> {
  if ((await manifestsNaming(metadata, repository, { kind: 'blob', digest }, 1)).length > 0) return true;
  const namers = await removedNamers(metadata, digest, MANY);
  return namers.some((namer) => namer.repository === repository && !isForgotten(namer));
}

async function sizeOfUnused(
  metadata: Sql,
  digest: Digest,
  { unlinked, isForgotten }: { unlinked: ReadonlySet<string>; isForgotten: IsForgotten },
): Promise<number | undefined> {
  const readers = await repositoriesWithBlob(metadata, digest, MANY);
  if (readers.some((repository) => !unlinked.has(keyOf({ repository, digest })))) return undefined;
  if ((await repositoriesWithManifest(metadata, digest, 1)).length > 0) return undefined;
  const restorable = [
    ...(await removedBeing(metadata, digest, MANY)),
    ...(await removedNamers(metadata, digest, MANY)),
  ];
  if (restorable.some((manifest) => !isForgotten(manifest))) return undefined;
  return (await findBytes(metadata, digest))?.sizeBytes;
}
