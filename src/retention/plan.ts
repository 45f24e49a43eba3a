/*
 * What becomes of everything in a repository: a function of rows, rules and a clock. It reads nothing and changes
 * nothing, so the same rows give the same plan.
 */
import type { Glob } from '#base/glob.ts';
import type { Digest } from '#oci/digest.ts';
import type { RepositoryFacts, TagFact } from './facts.ts';
import { type Web, weave } from './liveness.ts';
import { protectionsOf } from './protections.ts';
import type { Verdict } from './reasons.ts';
import { type JudgedRevision, judgeRevisions } from './revisions.ts';
import { type Rule, rulesFor } from './rules.ts';
import { sizesIn } from './sizes.ts';
import { type JudgedTag, judgeTags } from './tag-words.ts';
import { judgeManifests } from './untagged.ts';

/** One thing, its fate and the reason for it. */
export interface PlanItem extends Verdict {
  readonly item: 'tag' | 'revision' | 'manifest';
  /** The tag; empty for manifests. */
  readonly name: string;
  /** 0 for what is no revision. */
  readonly revision: number;
  readonly digest: Digest;
}

/** What becomes of a repository. */
export interface RepositoryPlan {
  /** Tags there are, without cosign's, and how many of them go. */
  readonly tags: number;
  readonly deletedTags: number;
  /** Patterns of the rules that fitted something here. */
  readonly met: ReadonlySet<Glob>;
  /**
   * In the order in which they are to be carried out: tags, revisions, then manifests, each before what hangs on it.
   * Can be walked once.
   */
  readonly items: Iterable<PlanItem>;
}

/** @param now milliseconds since the epoch */
export function planRepository(facts: RepositoryFacts, allRules: readonly Rule[], now: number): RepositoryPlan {
  const rules = rulesFor(allRules, facts.repository);
  const web = weave(facts);
  const protections = protectionsOf(facts, web, now);
  const met = new Set<Glob>(rules.map(({ repositories }) => repositories));
  const { verified } = facts;
  const tags = judgeTags(web.tags, rules, { now, protections, verified, sizeOf: sizesIn(web, facts.sizes), met });
  const revisions = judgeRevisions(facts.revisions, { now, tags, rules, protections });
  const verdictOf = judgeManifests({ now, web, tags, revisions, releases: facts.releases, rules, protections });
  let deletedTags = 0;
  for (const { verdict } of tags.values()) if (verdict.fate === 'delete') deletedTags += 1;
  return { tags: tags.size, deletedTags, met, items: itemsOf(web, { tags, revisions, verdictOf }) };
}

interface Judgement {
  readonly tags: ReadonlyMap<string, JudgedTag>;
  readonly revisions: readonly JudgedRevision[];
  readonly verdictOf: (digest: Digest) => Verdict;
}

function* itemsOf(web: Web, { tags, revisions, verdictOf }: Judgement): Generator<PlanItem> {
  for (const { tag, verdict } of tags.values()) yield itemOfTag(tag, verdict);
  for (const { revision, verdict } of revisions) {
    const { tag: name, revision: number, digest } = revision;
    yield { item: 'revision', name, revision: number, digest, ...verdict };
  }
  for (const list of web.cosignTags.values()) {
    for (const tag of list) {
      if (!web.manifests.has(tag.subject)) {
        const reason = 'what it belongs to is not here: collection looks after it';
        yield itemOfTag(tag, { fate: 'keep', reason });
      }
    }
  }
  yield* manifestsInOrder(web, verdictOf);
}

/**
 * Those that stay first, then those that go: an index before what it names, and what something belongs to before that,
 * so that nothing is ever without what it needs.
 */
function* manifestsInOrder(web: Web, verdictOf: (digest: Digest) => Verdict): Generator<PlanItem> {
  const before = new Map<Digest, number>();
  const going = new Map<Digest, Verdict>();
  for (const digest of web.manifests.keys()) {
    const verdict = verdictOf(digest);
    if (verdict.fate === 'delete') going.set(digest, verdict);
    else yield* withCosignTags(web, digest, verdict);
  }
  for (const digest of going.keys()) {
    for (const { to } of web.steps.get(digest) ?? []) before.set(to, (before.get(to) ?? 0) + 1);
  }
  const waiting = [...going.keys()].filter((digest) => !before.has(digest));
  for (let digest = waiting.pop(); digest !== undefined; digest = waiting.pop()) {
    const verdict = going.get(digest);
    if (verdict === undefined) continue;
    going.delete(digest);
    yield* withCosignTags(web, digest, verdict);
    for (const { to } of web.steps.get(digest) ?? []) {
      const left = (before.get(to) ?? 0) - 1;
      before.set(to, left);
      if (left === 0) waiting.push(to);
    }
  }
  // One of cosign's tags on an index over its own subject: neither can go first.
  const reason = 'part of a ring of manifests that need each other: delete them by hand';
  for (const digest of going.keys()) yield* withCosignTags(web, digest, { fate: 'keep', reason });
}

/** A manifest, and what becomes of cosign's tags for it: they go right after it. */
function* withCosignTags(web: Web, digest: Digest, verdict: Verdict): Generator<PlanItem> {
  yield { item: 'manifest', name: '', revision: 0, digest, ...verdict };
  const reason = verdict.fate === 'keep' ? `belongs to ${digest}, which stays` : `belongs to ${digest}, which goes`;
  for (const tag of web.cosignTags.get(digest) ?? []) yield itemOfTag(tag, { fate: verdict.fate, reason });
}

function itemOfTag({ name, digest }: TagFact, verdict: Verdict): PlanItem {
  return { item: 'tag', name, revision: 0, digest, ...verdict };
}
