import type { ShownSignature, TrustExplanation } from '#api/trust.ts';
import type { Explanation } from './engine.ts';
import type { SeenSignature } from './examination.ts';
import { hintsFor } from './hints.ts';
import type { Policy } from './policy.ts';
import { shortfallOf } from './shortfall.ts';
import { CHECKS, type Testimony } from './testimony.ts';

/** What an explanation is about and for whom. */
export interface Audience {
  readonly repository: string;
  readonly tag: string | undefined;
  /** Name and port of this registry, where it knows them. */
  readonly host: string | undefined;
  /** Whether they see what is held and withheld. */
  readonly isInsider: boolean;
}

/**
 * An explanation as the API writes it. Whoever only pulls is told of no tag that waits, no attachment that is not shown,
 * and not who released it and why.
 */
export function shownExplanation(found: Explanation, { repository, tag, host, isInsider }: Audience): TrustExplanation {
  const { digest, policy, verdict, release } = found;
  const waiting = found.held.find(({ name }) => name === tag) ?? found.held[0];
  const subject = { repository, digest, tag: waiting?.name, host, roots: policy?.roots };
  return {
    repository,
    digest,
    tag: tag ?? null,
    state: stateOf(found, tag),
    pointsAt: found.pointsAt ?? null,
    policy: policy === undefined ? null : shownPolicy(policy),
    verdict: verdict === undefined ? null : shownVerdict(verdict),
    held: isInsider ? found.held.map(shownWaiting) : [],
    signatures: found.signatures
      .filter(({ isAboutSubject }) => isInsider || isAboutSubject)
      .map((signature) => shownSignature(signature, policy, repository)),
    release: release === undefined || !isInsider ? null : { ...release, at: momentOf(release.at) },
    missing: found.missing.map((one) => ({ words: one.words, commands: hintsFor(one, subject) })),
  };
}

function stateOf({ held, isVisible, isWithheld }: Explanation, tag: string | undefined): TrustExplanation['state'] {
  if (isVisible) return 'visible';
  if (held.some(({ name }) => tag === undefined || name === tag)) return 'held';
  return isWithheld ? 'withheld' : 'blocked';
}

function shownPolicy({ label, options: { mode, pull, level } }: Policy): TrustExplanation['policy'] {
  return { label, mode, pull, level };
}

function shownVerdict(verdict: NonNullable<Explanation['verdict']>): TrustExplanation['verdict'] {
  const { isSatisfied, summary, via, judgedAt, goodUntil, isCurrent } = verdict;
  return {
    satisfied: isSatisfied,
    summary,
    via: via ?? null,
    judgedAt: momentOf(judgedAt),
    goodUntil: goodUntil === undefined ? null : momentOf(goodUntil),
    current: isCurrent,
  };
}

function shownWaiting({ name, since, by, lapsesAt }: Explanation['held'][number]): TrustExplanation['held'][number] {
  return { tag: name, since: momentOf(since), by, lapsesAt: momentOf(lapsesAt) };
}

function shownSignature(
  { format, source, manifest, isAboutSubject, problem, testimonies }: SeenSignature,
  policy: Policy | undefined,
  repository: string,
): ShownSignature {
  return {
    format,
    source,
    manifest: manifest ?? null,
    isAboutSubject,
    problem: problem ?? null,
    testimonies: testimonies.map((one) => shownTestimony(one, policy, repository)),
  };
}

function shownTestimony(
  testimony: Testimony,
  policy: Policy | undefined,
  repository: string,
): ShownSignature['testimonies'][number] {
  const { root, signer, checks, predicateType } = testimony;
  const why = policy === undefined ? 'no policy asks for it' : shortfallOf(testimony, policy, repository);
  return {
    root,
    signer: signer.name,
    counts: why === undefined,
    why: why ?? null,
    predicateType: predicateType ?? null,
    checks: CHECKS.map((check) => ({ check, outcome: checks[check].outcome, why: checks[check].why })),
  };
}

/** A moment as the API writes it. */
function momentOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
