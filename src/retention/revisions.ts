import { PULL_COARSENESS_MS, type RevisionFact } from './facts.ts';
import type { Protections } from './protections.ts';
import { type Verdict, dateText, inUseText, keep, spanText } from './reasons.ts';
import { type Rule, untaggedRule, youngestKept } from './rules.ts';
import type { JudgedTag } from './tag-words.ts';

/** A revision of a tag that is there, and what becomes of it. */
export interface JudgedRevision {
  readonly revision: RevisionFact;
  readonly verdict: Verdict;
  /** Whether what it points at lives on its account. */
  readonly holds: boolean;
}

/** What revisions are judged by. */
export interface RevisionSurroundings {
  readonly now: number;
  readonly tags: ReadonlyMap<string, JudgedTag>;
  /** Those for the repository, in the order in which they are asked. */
  readonly rules: readonly Rule[];
  readonly protections: Protections;
}

/** Judges what tags pointed at before. What a tag points at now is the first of its revisions and is never judged here. */
export function judgeRevisions(
  revisions: readonly RevisionFact[],
  surroundings: RevisionSurroundings,
): JudgedRevision[] {
  const untaggedAfter = untaggedRule(surroundings.rules)?.words.deleteUntaggedAfter ?? 0;
  const judged: JudgedRevision[] = [];
  let place = 0;
  let before: string | undefined;
  // Of each tag the newest first.
  const sorted = revisions.toSorted((one, other) =>
    one.tag === other.tag ? other.revision - one.revision : one.tag < other.tag ? -1 : 1,
  );
  for (const revision of sorted) {
    place = revision.tag === before ? place + 1 : 1;
    before = revision.tag;
    judged.push(judge(revision, place, untaggedAfter, surroundings));
  }
  return judged;
}

/** @param place 1 for what the tag pointed at just before */
function judge(
  revision: RevisionFact,
  place: number,
  untaggedAfter: number,
  surroundings: RevisionSurroundings,
): JudgedRevision {
  const of = surroundings.tags.get(revision.tag);
  const stays = (reason: string): JudgedRevision => ({ revision, verdict: keep(reason), holds: false });
  // One of cosign's tags: no rule selects it.
  if (of === undefined) return stays('no rule speaks of revisions of this tag');
  if (of.verdict.fate === 'delete') return stays('its tag goes, and can be restored');
  const { rule } = of;
  const limit = rule?.words.keepTagRevisions;
  if (rule === undefined || limit === undefined) return stays('no rule speaks of revisions of this tag');
  const held = heldBy(revision, place, rule, surroundings);
  if (held !== undefined) return { revision, verdict: keep(held), holds: true };
  const dates = `set ${dateText(revision.since)}, ended ${dateText(revision.until)}`;
  // It says since when nothing leads to the manifest: forgotten sooner, that would seem longer ago than it is.
  if (surroundings.now - revision.until < untaggedAfter) {
    const span = spanText(untaggedAfter);
    return { revision, verdict: keep(`${rule.label}: ended ${dateText(revision.until)}, within ${span}`), holds: true };
  }
  const reason = `${rule.label}: not one of the ${limit} revisions that are kept, ${dates}`;
  return { revision, verdict: { fate: 'delete', reason }, holds: false };
}

function heldBy(
  revision: RevisionFact,
  place: number,
  rule: Rule,
  { now, protections }: RevisionSurroundings,
): string | undefined {
  const { keepTagRevisions = 0, keepPulledWithin } = rule.words;
  const used = protections.usedDigests.get(revision.digest);
  if (used !== undefined) return inUseText(used);
  if (place < keepTagRevisions) return `${rule.label}: one of the ${keepTagRevisions} revisions that are kept`;
  const youngest = youngestKept(rule);
  if (now - revision.since < youngest) {
    return `${rule.label}: set ${dateText(revision.since)}, less than ${spanText(youngest)} ago`;
  }
  const pulledAt = protections.digestPulledAt(revision.digest);
  if (keepPulledWithin === undefined || pulledAt === undefined) return undefined;
  if (now - pulledAt - PULL_COARSENESS_MS >= keepPulledWithin) return undefined;
  return `${rule.label}: pulled ${dateText(pulledAt)}, within ${spanText(keepPulledWithin)}`;
}
