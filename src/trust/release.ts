import { type Origin, recordEvent } from '#metadata/events.ts';
import { heldTagsAt } from '#metadata/held-tags.ts';
import { namedBy } from '#metadata/manifests.ts';
import type { Sql } from '#metadata/sql.ts';
import { releaseVerdict, verdictsVia } from '#metadata/verdicts.ts';
import type { Digest } from '#oci/digest.ts';
import { publishTag } from '#registry/tags.ts';

/** A manifest that is to pass whatever its policy says. */
export interface ReleaseOrder {
  readonly repository: string;
  readonly digest: Digest;
  readonly reason: string;
}

// No index nests deeper in earnest, and none names more.
const REACH_MAX = 10_000;

/**
 * Lets a manifest pass with what it names and what is attached to it: an image that is seen is of no use without its
 * platforms. Call it in a transaction; returns the names of tags that were published by that.
 */
export async function releaseManifest(
  metadata: Sql,
  { repository, digest, reason }: ReleaseOrder,
  { origin, now }: { origin: Origin; now: number },
): Promise<readonly string[]> {
  for (const one of await reachedFrom(metadata, repository, digest)) {
    await releaseVerdict(metadata, { repository, digest: one, by: origin.actor, reason }, now);
  }
  const held = await heldTagsAt(metadata, repository, digest);
  const names = held.map(({ name }) => name);
  const event = {
    kind: 'tag.release',
    repository,
    reference: names[0],
    digest,
    reason,
    detail: { tags: names },
  } as const;
  await recordEvent(metadata, origin, event, now);
  for (const tag of held) await publishTag(metadata, tag, `released: ${reason}`, { origin, now });
  return names;
}

async function reachedFrom(metadata: Sql, repository: string, root: Digest): Promise<ReadonlySet<Digest>> {
  const reached = new Set<Digest>([root]);
  // A set is walked in the order of its growth.
  for (const digest of reached) {
    const further = [
      ...(await namedBy(metadata, repository, digest)),
      ...(await verdictsVia(metadata, repository, digest)),
    ];
    for (const one of further) if (reached.size < REACH_MAX) reached.add(one);
  }
  return reached;
}
