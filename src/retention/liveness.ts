/*
 * What leads to what. Liveness flows one way, and never back:
 *
 *   tag ──▶ manifest ──▶ children of an index, at any depth
 *                   ──▶ what has it as its subject
 *                   ──▶ what cosign's tags for it point at
 */

import type { Digest } from '#oci/digest.ts';
import { subjectOfTag } from '#oci/referrer-tag.ts';
import type { ManifestFact, RepositoryFacts, TagFact } from './facts.ts';

/** A step from a manifest to what lives because it does. */
export interface Step {
  readonly to: Digest;
  readonly how: 'child' | 'referrer';
}

/** One of cosign's tags, and the manifest it belongs to. */
export interface CosignTag extends TagFact {
  readonly subject: Digest;
}

/** The manifests of a repository and what leads to them. */
export interface Web {
  readonly manifests: ReadonlyMap<Digest, ManifestFact>;
  readonly steps: ReadonlyMap<Digest, readonly Step[]>;
  /** Indexes that name a manifest. */
  readonly indexes: ReadonlyMap<Digest, readonly Digest[]>;
  /** Tags that are tags, and not cosign's. */
  readonly tags: readonly TagFact[];
  readonly cosignTags: ReadonlyMap<Digest, readonly CosignTag[]>;
  /** What belongs to a manifest that is not here. */
  readonly dangling: ReadonlySet<Digest>;
}

export function weave(facts: RepositoryFacts): Web {
  const manifests = new Map(facts.manifests.map((manifest) => [manifest.digest, manifest]));
  const steps = new Map<Digest, Step[]>();
  const indexes = new Map<Digest, Digest[]>();
  const cosignTags = new Map<Digest, CosignTag[]>();
  const dangling = new Set<Digest>();
  const tags: TagFact[] = [];
  const belongs = (to: Digest, subject: Digest): void => {
    if (manifests.has(subject)) add(steps, subject, { to, how: 'referrer' });
    else dangling.add(to);
  };
  for (const { index, child } of facts.children) {
    if (!manifests.has(child)) continue;
    add(steps, index, { to: child, how: 'child' });
    add(indexes, child, index);
  }
  for (const { digest, subject } of facts.manifests) if (subject !== null) belongs(digest, subject);
  for (const tag of facts.tags) {
    const subject = subjectOfTag(tag.name);
    if (subject === undefined) {
      tags.push(tag);
      continue;
    }
    belongs(tag.digest, subject);
    add(cosignTags, subject, { ...tag, subject });
  }
  return { manifests, steps, indexes, tags, cosignTags, dangling };
}

function add<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/** Why something lives: a reason of its own, or a manifest that does. */
export type Cause = { readonly own: string } | { readonly by: Digest; readonly how: Step['how'] };

/** Marks what the roots lead to as living, beside what already does; the first cause of each stays. */
export function spread(web: Web, roots: Iterable<readonly [Digest, string]>, living: Map<Digest, Cause>): void {
  const waiting: Digest[] = [];
  for (const [digest, own] of roots) {
    if (living.has(digest) || !web.manifests.has(digest)) continue;
    living.set(digest, { own });
    waiting.push(digest);
  }
  for (let digest = waiting.pop(); digest !== undefined; digest = waiting.pop()) {
    for (const { to, how } of web.steps.get(digest) ?? []) {
      if (living.has(to)) continue;
      living.set(to, { by: digest, how });
      waiting.push(to);
    }
  }
}

/** A cause in words. */
export function causeText(cause: Cause): string {
  if ('own' in cause) return cause.own;
  return cause.how === 'child' ? `named by ${cause.by}, which stays` : `belongs to ${cause.by}, which stays`;
}

/** Gives manifests, and every index over them at any depth, the greatest of the values they and those below have. */
export function liftToIndexes<Value>(
  web: Web,
  values: ReadonlyMap<Digest, Value>,
  compare: (one: Value, other: Value) => number,
): Map<Digest, Value> {
  const lifted = new Map<Digest, Value>();
  // The greatest first: whoever has a value already has a greater one.
  for (const [root, value] of [...values].toSorted(([, one], [, other]) => compare(other, one))) {
    const waiting = [root];
    for (let digest = waiting.pop(); digest !== undefined; digest = waiting.pop()) {
      if (lifted.has(digest)) continue;
      lifted.set(digest, value);
      waiting.push(...(web.indexes.get(digest) ?? []));
    }
  }
  return lifted;
}

/**
 * Since when nothing leads to the manifests that do not live: the last push of, or loss of a tag on, a manifest or
 * anything that led to it. What lost its tag yesterday takes everything that hung on it along no sooner than itself.
 */
export function deadSince(
  web: Web,
  living: ReadonlyMap<Digest, unknown>,
  lastLedTo: (manifest: ManifestFact) => number,
): Map<Digest, number> {
  const own: [Digest, number][] = [];
  for (const manifest of web.manifests.values()) {
    if (!living.has(manifest.digest)) own.push([manifest.digest, lastLedTo(manifest)]);
  }
  const since = new Map<Digest, number>();
  for (const [root, moment] of own.toSorted(([, one], [, other]) => other - one)) {
    const waiting = [root];
    for (let digest = waiting.pop(); digest !== undefined; digest = waiting.pop()) {
      if (since.has(digest) || living.has(digest)) continue;
      since.set(digest, moment);
      for (const { to } of web.steps.get(digest) ?? []) waiting.push(to);
    }
  }
  return since;
}
