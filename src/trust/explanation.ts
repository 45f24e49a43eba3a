import { findTagWithHeld, heldTagsAt } from '#metadata/held-tags.ts';
import { findManifest } from '#metadata/manifests.ts';
import { findTag } from '#metadata/tags.ts';
import { type EvidenceRow, FOR_EVER, type VerdictRow, findEvidence, findVerdict } from '#metadata/verdicts.ts';
import type { Digest } from '#oci/digest.ts';
import type { ExplainedVerdict, Explanation, Question, Release } from './engine.ts';
import { type ShownSignature, readEvidence } from './evidence.ts';
import type { SeenSignature } from './examination.ts';
import type { GateContext } from './gate.ts';
import { type Policy, judgeFindings } from './policy.ts';
import { isCurrent } from './verdict.ts';

/** What explaining works with. */
export interface ExplanationContext extends Pick<GateContext, 'metadata' | 'clock' | 'policies'> {
  /** Whether those who only pull see a manifest now. */
  readonly isVisible: (repository: string, digest: Digest) => Promise<boolean>;
}

/** See {@link TrustEngine.explain}. Asking who sees it may judge it, so that is asked first. */
export async function explain(context: ExplanationContext, question: Question): Promise<Explanation | undefined> {
  const { metadata, clock } = context;
  const { repository, reference } = question;
  const digest = await digestOf(context, question);
  if (digest === undefined || (await findManifest(metadata, repository, digest)) === undefined) return undefined;
  const isVisible = await context.isVisible(repository, digest);
  const policy = context.policies().policyFor(repository);
  const row = await findVerdict(metadata, repository, digest);
  const evidence = await findEvidence(metadata, repository, digest);
  const signatures = readEvidence(evidence?.evidence ?? null).signatures.map(shown);
  const held = await heldTagsAt(metadata, repository, digest);
  return {
    digest,
    pointsAt: reference.tag === undefined ? undefined : await findTag(metadata, repository, reference.tag),
    isVisible,
    isWithheld: row?.isWithheld === 1,
    policy,
    verdict: verdictOf(row, policy, clock()),
    held: held.map(({ name, since, by, lapsesAt }) => ({ name, since, by, lapsesAt })),
    signatures,
    release: releaseOf(evidence),
    missing:
      policy === undefined || row === undefined || row.judgedAt === null || row.isSatisfied === 1
        ? []
        : judgeFindings(policy, repository, signatures).missing,
  };
}

async function digestOf(
  { metadata }: ExplanationContext,
  { repository, reference, withHeld }: Question,
): Promise<Digest | undefined> {
  if (reference.tag === undefined) return reference.digest;
  return withHeld
    ? await findTagWithHeld(metadata, repository, reference.tag)
    : await findTag(metadata, repository, reference.tag);
}

function verdictOf(row: VerdictRow | undefined, policy: Policy | undefined, now: number): ExplainedVerdict | undefined {
  if (row === undefined || row.judgedAt === null) return undefined;
  return {
    isSatisfied: row.isSatisfied === 1,
    summary: row.summary,
    via: row.via ?? undefined,
    judgedAt: row.judgedAt,
    goodUntil: row.goodUntil === FOR_EVER ? undefined : row.goodUntil,
    isCurrent: policy !== undefined && isCurrent(row, policy, now),
  };
}

function releaseOf(row: EvidenceRow | undefined): Release | undefined {
  if (row === undefined || row.releasedAt === null) return undefined;
  return { at: row.releasedAt, by: row.releasedBy ?? '', reason: row.releaseReason ?? '' };
}

function shown({ manifest, problem, testimonies, ...rest }: ShownSignature): SeenSignature {
  return {
    ...rest,
    manifest,
    problem,
    testimonies: testimonies.map(({ predicateType, reference, goodUntil, ...one }) => ({
      ...one,
      predicateType,
      reference,
      goodUntil,
    })),
  };
}
