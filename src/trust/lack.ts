import type { RequirementOptions, StatementOptions } from './requirement.ts';
import type { Root } from './root.ts';
import { wordsOf } from './statement.ts';
import { type Counted, heldTogether, holds } from './support.ts';

/** What is missing for a requirement to hold. */
export interface Lack {
  /** As an end of the sentence "it needs". */
  readonly words: string;
  /** How many signatures more, at least. */
  readonly cost: number;
  /** The statements that more signatures would help, each once and in words of its own. */
  readonly statements: readonly { readonly statement: StatementOptions; readonly words: string }[];
}

/** What there is so far. */
export interface Standing {
  readonly counted: Counted;
  readonly roots: ReadonlyMap<string, Root>;
}

// A sentence with more alternatives is read by nobody.
const ALTERNATIVES_MAX = 5;

/** What would make a requirement hold that does not yet; of several ways those that take the fewest signatures. */
export function lackOf(requirement: RequirementOptions, standing: Standing): Lack {
  if ('root' in requirement) return lackOfStatement(requirement, standing);
  if ('any' in requirement) return cheapest(requirement.any.map((part) => lackOf(part, standing)));
  if ('all' in requirement) {
    const unmet = requirement.all.filter((part) => !holds(part, standing.counted));
    return together(unmet.map((part) => lackOf(part, standing)));
  }
  return lackOfThreshold(requirement, standing);
}

function lackOfStatement(statement: StatementOptions, { counted, roots }: Standing): Lack {
  const there = counted.get(statement)?.size ?? 0;
  const cost = Math.max(1, (statement.threshold ?? 1) - there);
  const words = wordsOf(statement, roots.get(statement.root), cost);
  return {
    words: there === 0 || cost > 1 ? words : `${words} by another signer`,
    cost,
    statements: [{ statement, words }],
  };
}

function lackOfThreshold(
  requirement: { readonly threshold: number; readonly of: readonly RequirementOptions[] },
  standing: Standing,
): Lack {
  const { threshold, of } = requirement;
  const needed = Math.max(1, threshold - heldTogether(requirement, standing.counted));
  const unmet = of.filter((part) => !holds(part, standing.counted));
  const hasEnough = unmet.length >= needed;
  // Where one signer meets several of them, others have to sign, for whichever of them, from the beginning.
  const lacks = hasEnough
    ? unmet.map((part) => lackOf(part, standing))
    : of.map((part) => lackOf(part, { ...standing, counted: new Map() }));
  const costs = lacks.map(({ cost }) => cost).toSorted((one, other) => one - other);
  const cost = costs.slice(0, needed).reduce((sum, one) => sum + one, 0);
  if (hasEnough && lacks.length === needed) return { ...together(lacks), cost };
  const words = `${needed} of these${hasEnough ? '' : ' by others'}: ${alternatives(lacks, '; ')}`;
  return { words, cost, statements: statementsIn(lacks) };
}

function cheapest(lacks: readonly Lack[]): Lack {
  const cost = Math.min(...lacks.map((lack) => lack.cost));
  const chosen = lacks.filter((lack) => lack.cost === cost);
  return { words: alternatives(chosen, ', or '), cost, statements: statementsIn(chosen) };
}

function together(lacks: readonly Lack[]): Lack {
  const cost = lacks.reduce((sum, lack) => sum + lack.cost, 0);
  return { words: lacks.map(({ words }) => words).join(', and '), cost, statements: statementsIn(lacks) };
}

function alternatives(lacks: readonly Lack[], separator: string): string {
  const shown = lacks.slice(0, ALTERNATIVES_MAX).map(({ words }) => words);
  const rest = lacks.length - shown.length;
  return [...shown, ...(rest > 0 ? [`one of ${rest} more`] : [])].join(separator);
}

function statementsIn(lacks: readonly Lack[]): Lack['statements'] {
  return lacks.flatMap(({ statements }) => statements);
}
