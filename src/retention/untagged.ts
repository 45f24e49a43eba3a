import type { Digest } from '#oci/digest.ts';
import { type ManifestFact, PULL_COARSENESS_MS, type ReleaseFact } from './facts.ts';
import { type Cause, type Web, causeText, deadSince, spread } from './liveness.ts';
import type { Protections } from './protections.ts';
import { type Verdict, dateText, inUseText, keep, spanText } from './reasons.ts';
import type { JudgedRevision } from './revisions.ts';
import { type Rule, untaggedRule, youngestKept } from './rules.ts';
import type { JudgedTag } from './tag-words.ts';

/** What manifests are judged by. */
export interface ManifestSurroundings {
  readonly now: number;
  readonly web: Web;
  readonly tags: ReadonlyMap<string, JudgedTag>;
  readonly revisions: readonly JudgedRevision[];
  readonly releases: readonly ReleaseFact[];
  /** Those for the repository, in the order in which they are asked. */
  readonly rules: readonly Rule[];
  readonly protections: Protections;
}

/** Says of any manifest what becomes of it. Whatever hangs on one that stays, stays. */
export function judgeManifests(surroundings: ManifestSurroundings): (digest: Digest) => Verdict {
  const { web } = surroundings;
  const living = new Map<Digest, Cause>();
  spread(web, rootsOf(surroundings), living);
  const since = deadSince(web, living, lastLedTo(surroundings));

  const dying = new Map<Digest, string>();
  const staying: [Digest, string][] = [];
  const rule = untaggedRule(surroundings.rules);
  for (const [digest, moment] of since) {
    const { fate, reason } = judgeDead(digest, moment, rule, surroundings);
    if (fate === 'delete') dying.set(digest, reason);
    else staying.push([digest, reason]);
  }
  // One that stays for now, with its children and signatures, is as whole as one with a tag.
  spread(web, staying, living);
  return (digest) => {
    const cause = living.get(digest);
    if (cause !== undefined) return keep(causeText(cause));
    return { fate: 'delete', reason: dying.get(digest) ?? '' };
  };
}

function* rootsOf({ tags, revisions, protections }: ManifestSurroundings): Generator<readonly [Digest, string]> {
  for (const { tag, verdict } of tags.values()) {
    if (verdict.fate === 'keep') yield [tag.digest, `tag ${tag.name} points at it`];
  }
  for (const { revision, holds } of revisions) {
    if (holds) yield [revision.digest, `revision ${revision.revision} of ${revision.tag} is kept`];
  }
  for (const [digest, use] of protections.usedDigests) yield [digest, inUseText(use)];
}

/** A tag that goes in this very plan led to its manifest until now. */
function lastLedTo({ now, tags, releases }: ManifestSurroundings): (manifest: ManifestFact) => number {
  const released = new Map(releases.map(({ digest, at }) => [digest, at]));
  for (const { tag, verdict } of tags.values()) if (verdict.fate === 'delete') released.set(tag.digest, now);
  return ({ digest, pushedAt }) => Math.max(pushedAt, released.get(digest) ?? pushedAt);
}

function judgeDead(
  digest: Digest,
  since: number,
  rule: Rule | undefined,
  { now, web, protections }: ManifestSurroundings,
): Verdict {
  if (web.dangling.has(digest)) return keep('what it belongs to is not here: collection looks after it');
  const { deleteUntaggedAfter, keepPulledWithin } = rule?.words ?? {};
  if (rule === undefined || deleteUntaggedAfter === undefined) {
    return keep('no rule speaks of manifests without a tag');
  }
  const pushedAt = web.manifests.get(digest)?.pushedAt ?? now;
  const youngest = youngestKept(rule);
  if (now - pushedAt < youngest) {
    return keep(`${rule.label}: pushed ${dateText(pushedAt)}, less than ${spanText(youngest)} ago`);
  }
  const pulledAt = protections.digestPulledAt(digest);
  if (keepPulledWithin !== undefined && pulledAt !== undefined) {
    if (now - pulledAt - PULL_COARSENESS_MS < keepPulledWithin) {
      return keep(`${rule.label}: pulled ${dateText(pulledAt)}, within ${spanText(keepPulledWithin)}`);
    }
  }
  const span = spanText(deleteUntaggedAfter);
  if (now - since < deleteUntaggedAfter) {
    return keep(`${rule.label}: no tag leads to it since ${dateText(since)}, less than ${span}`);
  }
  const reason = `${rule.label}: no tag leads to it since ${dateText(since)}, more than ${span}`;
  return { fate: 'delete', reason };
}
