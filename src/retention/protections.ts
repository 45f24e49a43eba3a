import type { Digest } from '#oci/digest.ts';
import type { InUseFact, RepositoryFacts, TagFact } from './facts.ts';
import { type Web, liftToIndexes } from './liveness.ts';

/** What was pulled when, and what something runs. */
export interface Protections {
  /** What uses a tag: by its name, or by the digest of what it leads to. */
  usersOf(tag: TagFact): InUseFact | undefined;
  /** Manifests in use by their digest, and the indexes over them. */
  readonly usedDigests: ReadonlyMap<Digest, InUseFact>;
  /** When a tag was last pulled: by its name, or what it leads to by its digest. Undefined when it never was. */
  tagPulledAt(tag: TagFact): number | undefined;
  digestPulledAt(digest: Digest): number | undefined;
}

/** Uses that have ended by `now` protect nothing. */
export function protectionsOf(facts: RepositoryFacts, web: Web, now: number): Protections {
  const usedTags = new Map<string, InUseFact>();
  const used = new Map<Digest, InUseFact>();
  for (const use of facts.inUse) {
    if (use.expiresAt <= now) continue;
    if (use.tag !== '') usedTags.set(use.tag, use);
    if (use.digest !== '') used.set(use.digest, use);
  }
  const usedDigests = liftToIndexes(web, used, (one, other) => one.expiresAt - other.expiresAt);

  const tagPulls = new Map<string, number>();
  const digestPulls = new Map<Digest, number>();
  for (const { tag, digest, lastAt } of facts.pulls) {
    if (tag !== '') raise(tagPulls, tag, lastAt);
    raise(digestPulls, digest, lastAt);
  }
  const pulls = liftToIndexes(web, digestPulls, (one, other) => one - other);

  return {
    usersOf: ({ name, digest }) => usedTags.get(name) ?? usedDigests.get(digest),
    usedDigests,
    tagPulledAt({ name, digest }) {
      const [byName, byDigest] = [tagPulls.get(name), pulls.get(digest)];
      if (byName === undefined || byDigest === undefined) return byName ?? byDigest;
      return Math.max(byName, byDigest);
    },
    digestPulledAt: (digest) => pulls.get(digest),
  };
}

function raise<Key>(values: Map<Key, number>, key: Key, value: number): void {
  values.set(key, Math.max(values.get(key) ?? value, value));
}
