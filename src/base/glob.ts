/*
 * Patterns for names, anchored at both ends:
 *
 *   *      any run of characters but /       ?      one character but /
 *   **     any run of characters             {a,b}  one of these; not within one another
 *
 * Every other character stands for itself. Matching takes at most as many steps as pattern and text have characters,
 * multiplied: there is no text and no pattern that makes it slow.
 */

/** A pattern, ready to be asked many times. */
export interface Glob {
  readonly pattern: string;
  /** Whether the whole text fits. */
  matches(text: string): boolean;
  /** How much the pattern says for certain: see {@link bySpecificity}. */
  readonly specificity: Specificity;
}

interface Specificity {
  /** Characters before the first wildcard. */
  readonly prefix: number;
  readonly isLiteral: boolean;
  /** Characters that stand for themselves, anywhere. */
  readonly literals: number;
  readonly doubleStars: number;
}

// The longest name there is has 255 characters; a pattern for several of them stays below this.
const LENGTH_MAX = 1024;
// Each brace multiplies them.
const ALTERNATIVES_MAX = 256;

/** What is wrong with a pattern, or undefined. */
export function globProblem(pattern: string): string | undefined {
  if (pattern === '') return 'expected a pattern, found nothing';
  if (pattern.length > LENGTH_MAX) return `expected a pattern of at most ${LENGTH_MAX} characters`;
  const strange = /[\\[\]]/.exec(pattern)?.[0];
  if (strange !== undefined) return `expected * ** ? or {a,b} as wildcards, found ${strange}`;
  if (!/^[^{}]*(?:\{[^{}]*\}[^{}]*)*$/.test(pattern)) return 'expected each { with its }, and none within another';
  return alternativesOf(pattern) === undefined ? `expected braces with at most ${ALTERNATIVES_MAX} choices` : undefined;
}

/** @throws {Error} naming what {@link globProblem} finds */
export function compileGlob(pattern: string): Glob {
  const problem = globProblem(pattern);
  const alternatives = alternativesOf(pattern);
  if (problem !== undefined || alternatives === undefined) throw new Error(`${problem} in ${JSON.stringify(pattern)}`);
  const matchers = alternatives.map(matcherOf);
  const [only] = matchers;
  return {
    pattern,
    specificity: specificityOf(pattern, alternatives),
    matches: matchers.length === 1 && only !== undefined ? only : (text) => matchers.some((matches) => matches(text)),
  };
}

/**
 * Whether the whole text fits a pattern in which `*` and `**` alone are wildcards: for texts in which ? and braces are
 * characters like any other, such as what an issuer says in a claim.
 */
export function fitsStars(pattern: string, text: string): boolean {
  return fits(tokensOf(pattern), text);
}

/**
 * Sorts the pattern that says more to the front: more characters before its first wildcard, then no wildcard at all,
 * then more characters that stand for themselves, then fewer `**`.
 */
export function bySpecificity({ specificity: one }: Glob, { specificity: other }: Glob): number {
  return (
    other.prefix - one.prefix ||
    Number(other.isLiteral) - Number(one.isLiteral) ||
    other.literals - one.literals ||
    one.doubleStars - other.doubleStars
  );
}

function specificityOf(pattern: string, alternatives: readonly string[]): Specificity {
  const wildcard = pattern.search(/[*?{]/);
  return {
    prefix: wildcard === -1 ? pattern.length : wildcard,
    isLiteral: wildcard === -1,
    literals: Math.min(...alternatives.map((one) => one.replaceAll(/[*?]/g, '').length)),
    doubleStars: pattern.match(/\*\*+/g)?.length ?? 0,
  };
}

/** The pattern without braces, once for each choice; undefined when there are too many. */
function alternativesOf(pattern: string): string[] | undefined {
  let alternatives = [''];
  for (const part of pattern.split(/(\{[^{}]*\})/)) {
    const choices = part.startsWith('{') ? part.slice(1, -1).split(',') : [part];
    if (alternatives.length * choices.length > ALTERNATIVES_MAX) return undefined;
    alternatives = alternatives.flatMap((before) => choices.map((choice) => before + choice));
  }
  return alternatives;
}

function matcherOf(pattern: string): (text: string) => boolean {
  const wildcard = pattern.search(/[*?]/);
  if (wildcard === -1) return (text) => text === pattern;
  const prefix = pattern.slice(0, wildcard);
  const tokens = tokensOf(pattern.slice(wildcard), '?');
  const [only] = tokens;
  // The two forms nearly every pattern has.
  if (tokens.length === 1 && only === ANY_RUN) return (text) => text.startsWith(prefix);
  if (tokens.length === 1 && only === RUN_WITHIN) {
    return (text) => text.startsWith(prefix) && !text.includes('/', prefix.length);
  }
  return (text) => text.startsWith(prefix) && fits(tokens, text.slice(prefix.length));
}

/** What fits one place of a pattern: one character, or a run of such characters. */
interface Token {
  readonly isRun: boolean;
  readonly takes: (character: string) => boolean;
}

const ANY_RUN: Token = { isRun: true, takes: () => true };
const RUN_WITHIN: Token = { isRun: true, takes: isWithin };
const ONE_WITHIN: Token = { isRun: false, takes: isWithin };

function isWithin(character: string): boolean {
  return character !== '/';
}

/** @param one - the character that stands for any other; undefined: there is none such */
function tokensOf(pattern: string, one?: '?'): Token[] {
  return (pattern.match(/\*\*+|[\s\S]/g) ?? []).map((part) => {
    if (part.startsWith('**')) return ANY_RUN;
    if (part === '*') return RUN_WITHIN;
    return part === one ? ONE_WITHIN : { isRun: false, takes: (character) => character === part };
  });
}

/** Follows every way the tokens can fit at once, one token after the other. */
function fits(tokens: readonly Token[], text: string): boolean {
  // ends[n]: what was read of the pattern so far can fit the first n characters.
  let ends = new Uint8Array(text.length + 1);
  ends[0] = 1;
  for (const { isRun, takes } of tokens) {
    const next = new Uint8Array(text.length + 1);
    if (isRun) next[0] = ends[0] ?? 0;
    for (let end = 1; end <= text.length; end += 1) {
      const isTaken = takes(text.charAt(end - 1));
      if (isRun) next[end] = ends[end] === 1 || (isTaken && next[end - 1] === 1) ? 1 : 0;
      else if (isTaken && ends[end - 1] === 1) next[end] = 1;
    }
    ends = next;
  }
  return ends[text.length] === 1;
}
