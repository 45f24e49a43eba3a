/*
 * What becomes of tags. The first rule that selects a tag decides: what one of its keep words holds stays, and so does
 * what its delete words do not fit; the rest goes.
 */
import type { Glob } from '#base/glob.ts';
import { compareVersions, parseVersion } from '#base/semver.ts';
import { approximateSize, formatSize } from '#base/size.ts';
import type { Digest } from '#oci/digest.ts';
import { PULL_COARSENESS_MS, type TagFact } from './facts.ts';
import type { Protections } from './protections.ts';
import { type Verdict, dateText, inUseText, keep, spanText } from './reasons.ts';
import { type Rule, canDeleteTags } from './rules.ts';

/** What the words look at beside the tag itself. */
export interface TagSurroundings {
  readonly now: number;
  readonly protections: Protections;
  readonly verified: ReadonlySet<Digest> | undefined;
  /** Bytes of all that the manifest leads to below it; undefined when any of it is not known. */
  readonly sizeOf: (digest: Digest) => number | undefined;
  /** Takes the patterns that fitted something. */
  readonly met: Set<Glob>;
}

/** A tag, what decides on it, and how. */
export interface JudgedTag {
  readonly tag: TagFact;
  /** Undefined: no rule speaks of it. */
  readonly rule: Rule | undefined;
  readonly verdict: Verdict;
}

/** @param rules those for the repository, in the order in which they are asked */
export function judgeTags(
  tags: readonly TagFact[],
  rules: readonly Rule[],
  surroundings: TagSurroundings,
): Map<string, JudgedTag> {
  const selected = new Map<Rule, TagFact[]>();
  const ruleOf = new Map<TagFact, Rule>();
  for (const tag of tags) {
    const rule = rules.find((one) => one.tags.matches(tag.name));
    if (rule === undefined) continue;
    surroundings.met.add(rule.tags);
    ruleOf.set(tag, rule);
    const list = selected.get(rule);
    if (list === undefined) selected.set(rule, [tag]);
    else list.push(tag);
  }
  const recent = new Set([...selected].flatMap(([rule, of]) => mostRecent(rule, of)));
  return new Map(
    tags.map((tag) => {
      const rule = ruleOf.get(tag);
      return [tag.name, { tag, rule, verdict: judge(tag, rule, recent.has(tag), surroundings) }];
    }),
  );
}

/** The tags that `keepMostRecent` holds; of two that are alike the first by name. */
function mostRecent({ words }: Rule, tags: readonly TagFact[]): TagFact[] {
  if (words.keepMostRecent === undefined) return [];
  const byPush = (one: TagFact, other: TagFact): number => other.setAt - one.setAt || (one.name < other.name ? -1 : 1);
  if (words.orderBy !== 'semver') return tags.toSorted(byPush).slice(0, words.keepMostRecent);
  return tags
    .map((tag) => ({ tag, version: parseVersion(tag.name) }))
    .toSorted((one, other) => {
      if (one.version === undefined || other.version === undefined) {
        // What is no version comes after all that are: it is the first to go.
        return Number(one.version === undefined) - Number(other.version === undefined) || byPush(one.tag, other.tag);
      }
      return compareVersions(other.version, one.version) || byPush(one.tag, other.tag);
    })
    .slice(0, words.keepMostRecent)
    .map(({ tag }) => tag);
}

function judge(tag: TagFact, rule: Rule | undefined, isRecent: boolean, surroundings: TagSurroundings): Verdict {
  const used = surroundings.protections.usersOf(tag);
  if (used !== undefined) return keep(inUseText(used));
  if (rule === undefined) return keep('no rule speaks of it');
  const held = heldBy(tag, rule, isRecent, surroundings);
  if (held !== undefined) return keep(`${rule.label}: ${held}`);
  if (!canDeleteTags(rule)) return keep(`${rule.label}: has no word that deletes a tag`);
  const { fits, text } = deleteWords(tag, rule, surroundings);
  if (!fits) return keep(`${rule.label}: ${text}`);
  return {
    fate: 'delete',
    // Put into words when it is written down, a batch at a time: nothing else is done while a plan is made.
    get reason() {
      return `${rule.label}: ${deletionText(tag, rule, text, surroundings)}`;
    },
  };
}

/** @param fitting which delete word the tag fits; empty when its rule has none */
function deletionText(tag: TagFact, rule: Rule, fitting: string, { protections }: TagSurroundings): string {
  const pulledAt = protections.tagPulledAt(tag);
  const pulled = pulledAt === undefined ? 'never pulled' : `pulled ${dateText(pulledAt)}`;
  const words = keepWords(rule);
  const unheld = words === '' ? '' : `not held by ${words}`;
  return [fitting, unheld, `set ${dateText(tag.setAt)}`, pulled].filter((part) => part !== '').join(', ');
}

/** What holds a tag, in words; undefined when nothing does. */
function heldBy(
  tag: TagFact,
  { words, keepTags }: Rule,
  isRecent: boolean,
  { now, protections, verified, met }: TagSurroundings,
): string | undefined {
  const { keepYoungerThan, keepPulledWithin, keepMostRecent, orderBy = 'pushed' } = words;
  const named = keepTags.filter((glob) => glob.matches(tag.name));
  for (const glob of named) met.add(glob);
  const [name] = named;
  if (name !== undefined) return `keepTags ${name.pattern}`;
  if (isRecent) return `among the ${keepMostRecent} most recent by ${orderBy}`;
  if (keepYoungerThan !== undefined && now - tag.setAt < keepYoungerThan) {
    return `set ${dateText(tag.setAt)}, less than ${spanText(keepYoungerThan)} ago`;
  }
  if (keepPulledWithin !== undefined) {
    const pulledAt = protections.tagPulledAt(tag);
    if (pulledAt !== undefined && now - pulledAt - PULL_COARSENESS_MS < keepPulledWithin) {
      return `pulled ${dateText(pulledAt)}, within ${spanText(keepPulledWithin)}`;
    }
    // What nobody can have pulled yet counts as pulled when it was pushed.
    if (now - tag.setAt < keepPulledWithin) {
      return `set ${dateText(tag.setAt)}, which counts as a pull within ${spanText(keepPulledWithin)}`;
    }
  }
  if (words.keepSigned === true && verified === undefined) return 'keepSigned, and no policy asks for signatures here';
  if (words.keepSigned === true && verified?.has(tag.digest) === true)
    return 'it satisfies its policy, or is not judged yet';
  return undefined;
}

/** Whether a tag that nothing holds fits one of the delete words of its rule, if it has any; and why, or why not. */
function deleteWords(
  tag: TagFact,
  { words: { deleteUnsignedAfter, overSizeLimit } }: Rule,
  { now, verified, sizeOf }: TagSurroundings,
): { fits: boolean; text: string } {
  const misfits: string[] = [];
  if (overSizeLimit !== undefined) {
    const bytes = sizeOf(tag.digest);
    if (bytes !== undefined && bytes > overSizeLimit) {
      return { fits: true, text: `${approximateSize(bytes)} is over ${formatSize(overSizeLimit)}` };
    }
    misfits.push(bytes === undefined ? 'its size is not known' : `not over ${formatSize(overSizeLimit)}`);
  }
  if (deleteUnsignedAfter !== undefined) {
    const isOld = now - tag.setAt >= deleteUnsignedAfter;
    if (verified !== undefined && !verified.has(tag.digest) && isOld) {
      return { fits: true, text: `without what its policy asks for more than ${spanText(deleteUnsignedAfter)}` };
    }
    if (verified === undefined) misfits.push('no policy asks for signatures here');
    else
      misfits.push(
        isOld ? 'it satisfies its policy, or is not judged yet' : `not unsigned for ${spanText(deleteUnsignedAfter)}`,
      );
  }
  return { fits: misfits.length === 0, text: misfits.join(', ') };
}

function keepWords({ words }: Rule): string {
  const { keepMostRecent, orderBy = 'pushed', keepYoungerThan, keepPulledWithin } = words;
  return [
    keepMostRecent === undefined ? '' : `keepMostRecent ${keepMostRecent} by ${orderBy}`,
    keepYoungerThan === undefined ? '' : `keepYoungerThan ${spanText(keepYoungerThan)}`,
    keepPulledWithin === undefined ? '' : `keepPulledWithin ${spanText(keepPulledWithin)}`,
    words.keepTags === undefined ? '' : 'keepTags',
    words.keepSigned === true ? 'keepSigned' : '',
  ]
    .filter((text) => text !== '')
    .join(', ');
}
