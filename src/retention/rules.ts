import { type Glob, bySpecificity, compileGlob } from '#base/glob.ts';
import type { RuleOptions } from './rule-options.ts';

/** A rule, ready to be asked. */
export interface Rule {
  /** As reasons name it: its place in the file, and its pattern. */
  readonly label: string;
  readonly repositories: Glob;
  readonly tags: Glob;
  readonly keepTags: readonly Glob[];
  readonly words: RuleOptions;
}

// OpenShift's default for `oc adm prune images`.
const REVISION_KEEP_YOUNGER_THAN_MS = 60 * 60_000;

/** The rules in the order in which they are asked: the most specific pattern of repositories first, then as written. */
export function compileRules(options: readonly RuleOptions[]): readonly Rule[] {
  return options
    .map((words, index) => ({
      label: `rule ${index + 1} (${words.repositories})`,
      repositories: compileGlob(words.repositories),
      tags: compileGlob(words.tags),
      keepTags: (words.keepTags ?? []).map(compileGlob),
      words,
    }))
    .toSorted((one, other) => bySpecificity(one.repositories, other.repositories));
}

/** The rules for a repository, in the order in which they are asked. */
export function rulesFor(rules: readonly Rule[], repository: string): readonly Rule[] {
  return rules.filter((rule) => rule.repositories.matches(repository));
}

/** The first rule that has a word on manifests without a tag; which tags it selects does not matter to those. */
export function untaggedRule(rules: readonly Rule[]): Rule | undefined {
  return rules.find(({ words }) => words.deleteUntaggedAfter !== undefined);
}

/** Whether any word of the rule could delete a tag. `keepYoungerThan` beside `keepTagRevisions` is about revisions. */
export function canDeleteTags({ words }: Rule): boolean {
  return (
    words.keepMostRecent !== undefined ||
    words.keepPulledWithin !== undefined ||
    words.keepSigned === true ||
    words.deleteUnsignedAfter !== undefined ||
    words.overSizeLimit !== undefined ||
    (words.keepYoungerThan !== undefined && words.keepTagRevisions === undefined)
  );
}

/** How long revisions and manifests without a tag are kept whatever else is said, in milliseconds. */
export function youngestKept({ words }: Rule): number {
  return words.keepYoungerThan ?? (words.keepTagRevisions === undefined ? 0 : REVISION_KEEP_YOUNGER_THAN_MS);
}

/** Whether any rule has a word for which sizes must be known. */
export function asksForSizes(rules: readonly Rule[]): boolean {
  return rules.some(({ words }) => words.overSizeLimit !== undefined);
}

/** Patterns that fitted nothing, in words. `met` holds those that fitted something. */
export function patternWarnings(rules: readonly Rule[], met: ReadonlySet<Glob>): string[] {
  return rules.flatMap((rule) => {
    if (!met.has(rule.repositories)) return [`${rule.label} fits no repository`];
    const tags = rule.words.tags;
    if (!met.has(rule.tags)) {
      return tags === '*' || tags === '**' ? [] : [`${rule.label}: tags ${tags} selects no tag that is left for it`];
    }
    return rule.keepTags
      .filter((glob) => !met.has(glob))
      .map(({ pattern }) => `${rule.label}: keepTags ${pattern} fits no tag`);
  });
}
