import { randomUUID } from 'node:crypto';
import { recordEvent } from '#metadata/events.ts';
import { dropHeldTag, heldTagsAt } from '#metadata/held-tags.ts';
import { findSubjectOf, manifestsNaming } from '#metadata/manifests.ts';
import { type Removal, setAside } from '#metadata/removed.ts';
import { reviewSubject } from '#metadata/reviews.ts';
import type { Sql } from '#metadata/sql.ts';
import { tagsAt } from '#metadata/tags.ts';
import { deleteVerdict, voidVerdict } from '#metadata/verdicts.ts';
import type { Digest } from '#oci/digest.ts';
import { RegistryError } from '#oci/errors.ts';
import { type Act, endTag } from './tags.ts';

/** A manifest that is to go. */
export interface ManifestRemoval {
  readonly repository: string;
  readonly digest: Digest;
  readonly why: 'deleted' | 'pruned';
  /** Marks what goes together and comes back together; an act of its own unless given. */
  readonly removal?: string | undefined;
}

/**
 * Takes a manifest away with every tag on it, to where it can be restored from. What has it as its subject follows when
 * its time is up, unless the manifest is back by then.
 *
 * @returns false when there is no such manifest
 * @throws {RegistryError} UNSUPPORTED (conflict) while an index of the repository names the manifest
 */
export async function removeManifest(metadata: Sql, manifest: ManifestRemoval, act: Act): Promise<boolean> {
  const { repository, digest, why } = manifest;
  const { origin, now } = act;
  const subject = await findSubjectOf(metadata, repository, digest);
  if (subject === undefined) return false;
  await requireUnnamed(metadata, repository, digest);
  for (const name of await tagsAt(metadata, repository, digest)) await endTag(metadata, { repository, name, why }, act);
  for (const { name } of await heldTagsAt(metadata, repository, digest)) await dropHeldTag(metadata, repository, name);
  // What stood through it has to find something else; and it may have been what somebody vouched with.
  await voidVerdict(metadata, repository, digest, now);
  await deleteVerdict(metadata, repository, digest);
  if (subject !== null) await voidVerdict(metadata, repository, subject, now);
  const removal: Removal = { id: manifest.removal ?? randomUUID(), by: origin.actor, why };
  await setAside(metadata, repository, digest, { removal, now });
  await reviewSubject(metadata, repository, digest, now);
  await recordEvent(metadata, origin, { kind: 'manifest.delete', repository, digest, detail: { why } }, now);
  return true;
}

async function requireUnnamed(metadata: Sql, repository: string, digest: Digest): Promise<void> {
  const indexes = await manifestsNaming(metadata, repository, { kind: 'manifest', digest }, 10);
  if (indexes.length === 0) return;
  throw new RegistryError('UNSUPPORTED', 'indexes of this repository still name the manifest: delete them first', {
    reason: 'conflict',
    detail: { digest, indexes },
  });
}
