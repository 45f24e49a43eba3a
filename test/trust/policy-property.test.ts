import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judgeFindings } from '#trust/policy.ts';
import { type RequirementOptions, partsOf } from '#trust/requirement.ts';
import type { Root } from '#trust/root.ts';
import type { Finding } from '#trust/testimony.ts';
import { REPOSITORY, aPolicy, aRoot, signedBy } from './findings.ts';

const NAMES = ['r0', 'r1', 'r2', 'r3'];
const ROOTS: ReadonlyMap<string, Root> = new Map(NAMES.map((name) => [name, aRoot(name)]));

interface Signed {
  readonly person: number;
  readonly root: string;
  readonly goodUntil: number | undefined;
}

const { requirement } = fc.letrec<{ requirement: RequirementOptions; several: RequirementOptions[] }>((tie) => ({
  several: fc.array(tie('requirement'), { minLength: 1, maxLength: 3 }),
  requirement: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    fc.record({ root: fc.constantFrom(...NAMES), threshold: fc.constantFrom(undefined, undefined, 1, 2, 3) }),
    fc.record({ any: tie('several') }),
    fc.record({ all: tie('several') }),
    fc.record({ threshold: fc.integer({ min: 1, max: 3 }), of: tie('several') }),
  ),
}));

const signatures = fc.array(
  fc.record({
    person: fc.integer({ min: 0, max: 4 }),
    root: fc.constantFrom(...NAMES),
    goodUntil: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
  }),
  { maxLength: 9 },
);

/** Every set of people, as bits, whose signatures are just what a requirement was met with; not only the small ones. */
function waysOf(requirement: RequirementOptions, signed: readonly Signed[]): Set<number> {
  if ('root' in requirement) {
    const people = new Set(signed.filter(({ root }) => root === requirement.root).map(({ person }) => 1 << person));
    const sums = [...people].reduce<number[]>((sets, bit) => [...sets, ...sets.map((set) => set | bit)], [0]);
    return new Set(sums.filter((set) => bitsIn(set) === (requirement.threshold ?? 1)));
  }
  const parts = 'any' in requirement ? requirement.any : 'all' in requirement ? requirement.all : requirement.of;
  const ways = parts.map((part) => waysOf(part, signed));
  if ('any' in requirement) return new Set(ways.flatMap((sets) => [...sets]));
  const chosen = 'all' in requirement ? [ways] : choices(ways, requirement.threshold);
  return new Set(chosen.flatMap((members) => [...unions(members, !('all' in requirement))]));
}

function choices<T>(items: readonly T[], count: number): T[][] {
  if (count === 0) return [[]];
  return items.flatMap((item, index) => choices(items.slice(index + 1), count - 1).map((rest) => [item, ...rest]));
}

function unions(members: readonly ReadonlySet<number>[], isDisjoint: boolean): Set<number> {
  return members.reduce<Set<number>>(
    (sets, ways) => {
      const pairs = [...sets].flatMap((set) => [...ways].map((way) => [set, way] as const));
      return new Set(pairs.filter(([set, way]) => !isDisjoint || (set & way) === 0).map(([set, way]) => set | way));
    },
    new Set([0]),
  );
}

function bitsIn(set: number): number {
  return set.toString(2).replaceAll('0', '').length;
}

const findingsOf = (signed: readonly Signed[]): Finding[] =>
  signed.map(({ person, root, goodUntil }) => signedBy(`p${person}`, root, { goodUntil }));

const judge = (require: RequirementOptions, findings: readonly Finding[]) =>
  judgeFindings(aPolicy(require, {}, ROOTS), REPOSITORY, findings);

describe('for every requirement', () => {
  test('it is satisfied just when trying everything out says so', () => {
    let satisfied = 0;
    let runs = 0;
    fc.assert(
      fc.property(requirement, signatures, (require, signed) => {
        const want = waysOf(require, signed).size > 0;
        runs += 1;
        if (want) satisfied += 1;
        expect(judge(require, findingsOf(signed)).isSatisfied).toBe(want);
      }),
      { numRuns: 1500 },
    );
    // Were nearly all of them the same, this would show nothing.
    expect(satisfied / runs).toBeGreaterThan(0.15);
    expect(satisfied / runs).toBeLessThan(0.85);
  });

  test('it lasts until the last moment at which trying everything out says so', () => {
    fc.assert(
      fc.property(requirement, signatures, (require, signed) => {
        const lasting = (moment: number) =>
          waysOf(
            require,
            signed.filter(({ goodUntil }) => (goodUntil ?? Infinity) >= moment),
          ).size > 0;
        const want = lasting(Infinity) ? undefined : [5, 4, 3, 2, 1].find(lasting);
        expect(judge(require, findingsOf(signed)).goodUntil).toBe(want);
      }),
      { numRuns: 700 },
    );
  });

  test('it is the same in whatever order signatures come', () => {
    fc.assert(
      fc.property(requirement, signatures, (require, signed) => {
        const { isSatisfied, goodUntil, signers } = judge(require, findingsOf(signed));
        const again = judge(require, findingsOf(signed.toReversed()));
        expect({ ...again, signers: again.signers.toSorted() }).toMatchObject({
          isSatisfied,
          goodUntil,
          signers: signers.toSorted(),
        });
      }),
    );
  });

  test('it is satisfied once new people have signed for what is missing, and then nothing is', () => {
    fc.assert(
      fc.property(requirement, signatures, (require, signed) => {
        fc.pre(isReachable(require));
        const findings = findingsOf(signed);
        let outcome = judge(require, findings);
        for (let round = 0; round < 30 && !outcome.isSatisfied; round += 1) {
          expect(outcome.missing.length).toBeGreaterThan(0);
          for (const [index, { root }] of outcome.missing.entries())
            findings.push(signedBy(`new${round}.${index}`, root));
          outcome = judge(require, findings);
        }
        expect(outcome).toMatchObject({ isSatisfied: true, missing: [] });
      }),
      { numRuns: 500 },
    );
  });
});

/** Whether no threshold is larger than its members are many: the configuration refuses those. */
function isReachable(requirement: RequirementOptions): boolean {
  if ('of' in requirement && requirement.threshold > requirement.of.length) return false;
  return partsOf(requirement).every(isReachable);
}
