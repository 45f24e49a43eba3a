import type { RequirementOptions, StatementOptions } from './requirement.ts';

/** For each statement the numbers of those who count for it. */
export type Counted = ReadonlyMap<StatementOptions, ReadonlySet<number>>;

/*
 * A support is a set of people whose signatures are enough for a requirement. People who count for the very same
 * statements can stand in for one another, so that a support is how many it takes of each such class: `any` has the
 * supports of its parts, `all` the larger number of each class, since its parts may share people, and a threshold the
 * sum, since its parts may not. Of two supports one of which contains the other only the smaller is of use.
 */
type Support = readonly number[];

interface Crowd {
  /** How many people are in each class. */
  readonly sizes: readonly number[];
  /** The classes that count for a statement. */
  readonly classes: ReadonlyMap<StatementOptions, readonly number[]>;
  /** How many more pairs of supports may be looked at. */
  steps: number;
}

// Far more than the requirements that people write have. Beyond that a way may be missed, never one invented.
const SUPPORTS_MAX = 128;
const STEPS_MAX = 10_000;

/** Whether a requirement holds. A threshold is reached by different people only. */
export function holds(requirement: RequirementOptions, counted: Counted): boolean {
  if ('root' in requirement) return (counted.get(requirement)?.size ?? 0) >= (requirement.threshold ?? 1);
  if ('any' in requirement) return requirement.any.some((part) => holds(part, counted));
  if ('all' in requirement) return requirement.all.every((part) => holds(part, counted));
  return heldTogether(requirement, counted) === requirement.threshold;
}

type Threshold = Extract<RequirementOptions, { readonly of: unknown }>;

/** How many of the members hold by different people, at most the threshold. */
export function heldTogether({ threshold, of }: Threshold, counted: Counted): number {
  const alone = of.map((part) => whoAlone(part, counted));
  const everybody = alone.filter((people) => people !== undefined);
  // Whom one person is enough for each: that is a matching, which is found however many there are.
  if (everybody.length === alone.length) return Math.min(threshold, matched(everybody));
  return reachedBy({ threshold, of }, crowdOf(counted)).findLastIndex((supports) => supports.length > 0);
}

/** Those of whom each is enough; undefined when it may take more than one. */
function whoAlone(requirement: RequirementOptions, counted: Counted): ReadonlySet<number> | undefined {
  if ('root' in requirement)
    return (requirement.threshold ?? 1) === 1 ? (counted.get(requirement) ?? new Set()) : undefined;
  if (!('any' in requirement)) return undefined;
  const parts = requirement.any.map((part) => whoAlone(part, counted));
  const known = parts.filter((part) => part !== undefined);
  return known.length === parts.length ? new Set(known.flatMap((part) => [...part])) : undefined;
}

/** How many can have somebody of their own: augmenting paths, one after the other. */
function matched(members: readonly ReadonlySet<number>[]): number {
  const memberOf = new Map<number, number>();
  const place = (member: number, seen: Set<number>): boolean => {
    for (const person of members[member] ?? []) {
      if (seen.has(person)) continue;
      seen.add(person);
      const other = memberOf.get(person);
      if (other !== undefined && !place(other, seen)) continue;
      memberOf.set(person, member);
      return true;
    }
    return false;
  };
  return members.filter((_, member) => place(member, new Set())).length;
}

function crowdOf(counted: Counted): Crowd {
  const statementsOf = new Map<number, number[]>();
  for (const [index, people] of [...counted.values()].entries()) {
    for (const person of people) statementsOf.set(person, [...(statementsOf.get(person) ?? []), index]);
  }
  const sizes = new Map<string, number>();
  for (const statements of statementsOf.values()) {
    const key = statements.join();
    sizes.set(key, (sizes.get(key) ?? 0) + 1);
  }
  const keys = [...sizes.keys()].map((key) => key.split(',').map(Number));
  const classes = [...counted.keys()].map((statement, index): [StatementOptions, number[]] => [
    statement,
    keys.flatMap((key, number) => (key.includes(index) ? [number] : [])),
  ]);
  return { sizes: [...sizes.values()], classes: new Map(classes), steps: STEPS_MAX };
}

function supportsOf(requirement: RequirementOptions, crowd: Crowd): Support[] {
  if ('root' in requirement) return supportsOfStatement(requirement, crowd);
  if ('any' in requirement) {
    const supports: Support[] = [];
    for (const part of requirement.any) {
      for (const support of supportsOf(part, crowd)) keep(supports, support);
    }
    return supports;
  }
  if ('all' in requirement) {
    let supports: Support[] = [nobody(crowd)];
    for (const part of requirement.all) supports = joined([supports, supportsOf(part, crowd)], Math.max, crowd);
    return supports;
  }
  return reachedBy(requirement, crowd)[requirement.threshold] ?? [];
}

function nobody({ sizes }: Crowd): Support {
  return sizes.map(() => 0);
}

function supportsOfStatement(statement: StatementOptions, crowd: Crowd): Support[] {
  let supports: Support[] = [nobody(crowd)];
  const each = (crowd.classes.get(statement) ?? []).map((one) =>
    crowd.sizes.map((_, index) => (index === one ? 1 : 0)),
  );
  for (let count = 0; count < (statement.threshold ?? 1); count += 1) supports = joined([supports, each], add, crowd);
  return supports;
}

/** The supports of none of the members, of one, and so on to the threshold. */
function reachedBy({ threshold, of }: Threshold, crowd: Crowd): Support[][] {
  const reached: Support[][] = [[nobody(crowd)], ...Array.from({ length: threshold }, () => [])];
  for (const member of of) {
    const supports = supportsOf(member, crowd);
    for (let count = threshold; count > 0; count -= 1) {
      const more = joined([reached[count - 1] ?? [], supports], add, crowd);
      for (const support of more) keep(reached[count] ?? [], support);
    }
  }
  return reached;
}

function add(one: number, other: number): number {
  return one + other;
}

/** Every support of one side together with every one of the other, as far as there are enough people. */
function joined(
  [ones, others]: readonly [readonly Support[], readonly Support[]],
  join: (one: number, other: number) => number,
  crowd: Crowd,
): Support[] {
  const supports: Support[] = [];
  for (const one of ones) {
    for (const other of others) {
      if (crowd.steps <= 0) return supports;
      crowd.steps -= 1;
      const both = one.map((count, index) => join(count, other[index] ?? 0));
      if (both.every((count, index) => count <= (crowd.sizes[index] ?? 0))) keep(supports, both);
    }
  }
  return supports;
}

/** Adds a support unless one that is there is enough already; takes out those it makes needless. */
function keep(supports: Support[], support: Support): void {
  const contains = (large: Support, small: Support): boolean =>
    small.every((count, index) => count <= (large[index] ?? 0));
  if (supports.some((other) => contains(support, other))) return;
  const useful = supports.filter((other) => !contains(other, support));
  if (useful.length === SUPPORTS_MAX) return;
  supports.splice(0, supports.length, ...useful, support);
}
