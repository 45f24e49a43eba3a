import { createHash } from 'node:crypto';
import { type Lack, lackOf } from './lack.ts';
import type { PolicyOptions } from './options.ts';
import { type RequirementOptions, type StatementOptions, statementsOf } from './requirement.ts';
import type { Root } from './root.ts';
import { type Person, peopleOf } from './signers.ts';
import { type Circumstances, fits, isSound } from './statement.ts';
import { type Counted, holds } from './support.ts';
import type { Finding, Testimony } from './testimony.ts';

/** Raised whenever the same findings could be judged differently: stored verdicts are then looked at again. */
const JUDGEMENT_VERSION = 1;

/** What is asked of some repositories, together with whom it trusts. */
export interface Policy {
  /** Changes with every word of the policy and every byte of its roots, and with {@link JUDGEMENT_VERSION}. Hex. */
  readonly version: string;
  /** As people are told: `policy 1 (team-a/**)`, counted from one. */
  readonly label: string;
  readonly options: PolicyOptions;
  /** Those its requirement names, as far as there are such. */
  readonly roots: readonly Root[];
}

/** What the signatures of one manifest amount to under a policy. */
export interface Outcome {
  readonly isSatisfied: boolean;
  /** One sentence for people: who vouches, or what is missing. */
  readonly summary: string;
  /** Names of the distinct signers that count, whether or not they are enough. */
  readonly signers: readonly string[];
  /**
   * Earliest moment at which what it rests on may lapse, milliseconds since the epoch; undefined: never, or it is not
   * satisfied. Where there are several ways to satisfy it, the one that lasts longest counts.
   */
  readonly goodUntil: number | undefined;
  /** Statements that nobody meets yet; where one of several suffices, those that take least. Empty when satisfied. */
  readonly missing: readonly Missing[];
}

/** A statement that nobody meets yet. */
export interface Missing {
  /** What would do, as an end of the sentence "it needs". */
  readonly words: string;
  /** Name of the root. */
  readonly root: string;
  readonly kind: Root['kind'];
  readonly statement: StatementOptions;
}

/** Whether the policy asks anything of pushes or of pulls. */
export function isActive({ options: { mode, pull } }: Policy): boolean {
  return mode !== 'off' || pull === 'enforce';
}

/** A policy and the roots it names, out of those there are. */
export function makePolicy(options: PolicyOptions, label: string, all: ReadonlyMap<string, Root>): Policy {
  const names = new Set(options.require === undefined ? [] : statementsOf(options.require).map(({ root }) => root));
  const roots = [...names].flatMap((name) => all.get(name) ?? []);
  const made = roots.map(({ name, kind, version, problem }) => [name, kind, version, problem ?? null]);
  const version = createHash('sha256')
    .update(JSON.stringify([JUDGEMENT_VERSION, canonical(options), made]))
    .digest('hex');
  return { version, label, options, roots };
}

/** Keys in one order, so that the same words in another order are the same policy. */
export function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return entries.toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([key, item]) => [key, canonical(item)]);
}

/**
 * Findings in which no moment limits anything that has passed: what lapsed by then is a check that fails by now. Where that
 * is only logged the signature counts all the same, and not until yesterday.
 *
 * @param at the moment they were found, milliseconds since the epoch
 */
export function withoutPast(findings: readonly Finding[], at: number): Finding[] {
  const present = ({ goodUntil, ...testimony }: Testimony): Testimony => ({
    ...testimony,
    goodUntil: goodUntil === undefined || goodUntil <= at ? undefined : goodUntil,
  });
  return findings.map((finding) => ({ ...finding, testimonies: finding.testimonies.map(present) }));
}

/** Decides what findings are worth. Reads no clock: what has expired is in the findings. */
export function judgeFindings(policy: Policy, repository: string, findings: readonly Finding[]): Outcome {
  const { options } = policy;
  if (options.require === undefined) return withoutRequirement(options);
  if (options.level === 'skip') return satisfied('nothing is looked at: the level is skip', [], undefined);
  const roots = new Map(policy.roots.map((root) => [root.name, root]));
  const hearing = hear(options.require, { options, roots, repository }, findings);
  const names = namesOf(hearing);
  if (holds(options.require, countedOf(hearing))) {
    return satisfied(`${listed(names)} ${names.length === 1 ? 'vouches' : 'vouch'} for it`, names, lapseOf(hearing));
  }
  const lack = lackOf(options.require, { counted: countedOf(hearing), roots });
  const soFar = names.length === 0 ? '' : `; so far ${listed(names)} signed`;
  return {
    isSatisfied: false,
    summary: `it needs ${lack.words}${soFar}`,
    signers: names,
    goodUntil: undefined,
    missing: missingOf(lack, roots),
  };
}

function withoutRequirement({ mode, pull }: PolicyOptions): Outcome {
  if (mode === 'off' && pull === 'open') return satisfied('nothing is asked of it', [], undefined);
  // The configuration refuses this; were it to come here, nothing asked must not mean that anything passes.
  const summary = 'its policy says nothing of who has to sign';
  return { isSatisfied: false, summary, signers: [], goodUntil: undefined, missing: [] };
}

function satisfied(summary: string, signers: readonly string[], goodUntil: number | undefined): Outcome {
  return { isSatisfied: true, summary, signers, goodUntil, missing: [] };
}

/** A testimony that counts for a statement, and by whom it is. */
interface Vote {
  readonly statement: StatementOptions;
  readonly person: number;
  readonly goodUntil: number | undefined;
}

interface Hearing {
  readonly requirement: RequirementOptions;
  readonly people: readonly Person[];
  readonly votes: readonly Vote[];
}

function hear(requirement: RequirementOptions, circumstances: Circumstances, findings: readonly Finding[]): Hearing {
  const { roots } = circumstances;
  const known = findings.flatMap(({ testimonies }) => testimonies).filter(({ root }) => roots.has(root));
  const sound = known.filter((testimony) => isSound(testimony, circumstances));
  // Whoever is known under several names is one signer, also where an old signature is all that shows it. Only what is
  // true of somebody joins them: a forged certificate with the name of one and the key of another must not.
  const people = peopleOf([...new Set([...sound, ...known.filter(isGenuine)])].map(({ signer }) => signer));
  const personOf = (testimony: Testimony): number =>
    people.findIndex(({ ids }) => testimony.signer.ids.some((id) => ids.has(id)));
  const votes = statementsOf(requirement).flatMap((statement) => {
    const root = roots.get(statement.root);
    if (root === undefined) return [];
    const fitting = sound.filter((testimony) => fits(statement, testimony, root));
    return fitting.map((testimony) => ({ statement, person: personOf(testimony), goodUntil: testimony.goodUntil }));
  });
  return { requirement, people, votes: votes.filter(({ person }) => person !== -1) };
}

function isGenuine({ checks }: Testimony): boolean {
  return checks.integrity.outcome === 'pass' && checks.authenticity.outcome === 'pass';
}

function countedOf({ requirement, votes }: Hearing): Counted {
  const counted = new Map(statementsOf(requirement).map((statement) => [statement, new Set<number>()]));
  for (const { statement, person } of votes) counted.get(statement)?.add(person);
  return counted;
}

function namesOf({ people, votes }: Hearing): string[] {
  const counting = new Set(votes.map(({ person }) => person));
  return people.flatMap(({ name }, index) => (counting.has(index) ? [name] : []));
}

/** The latest moment until which those whose testimony lasts until then are enough. */
function lapseOf(hearing: Hearing): number | undefined {
  const lastingTo = (moment: number): boolean => {
    const votes = hearing.votes.filter(({ goodUntil }) => (goodUntil ?? Infinity) >= moment);
    return holds(hearing.requirement, countedOf({ ...hearing, votes }));
  };
  if (lastingTo(Infinity)) return undefined;
  const moments = [...new Set(hearing.votes.flatMap(({ goodUntil }) => goodUntil ?? []))].toSorted((a, b) => a - b);
  // All of them are enough for the first moment; fewer and fewer remain for the later ones.
  let [low, high] = [0, moments.length];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (lastingTo(moments[middle] ?? Infinity)) low = middle;
    else high = middle;
  }
  return moments[low];
}

function missingOf(lack: Lack, roots: ReadonlyMap<string, Root>): Missing[] {
  return lack.statements.flatMap(({ statement, words }) => {
    const root = roots.get(statement.root);
    return root === undefined ? [] : [{ words, root: root.name, kind: root.kind, statement }];
  });
}

// More names than these are in the evidence.
const NAMES_MAX = 5;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_MAX);
  const rest = names.length - shown.length;
  if (rest > 0) return `${shown.join(', ')} and ${rest} more`;
  return shown.length < 2 ? shown.join() : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1) ?? ''}`;
}
