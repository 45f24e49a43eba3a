/*
 * What registry/gate.ts asks. A move passes when its manifest satisfies the policy at that very moment, by the rows of the
 * same transaction; nothing is verified in a request, but for a push to a strict repository, and for a pull that comes
 * before the judge does.
 */
import type { Sql } from '#metadata/sql.ts';
import { findTag } from '#metadata/tags.ts';
import {
  blobGoodUntil,
  findVerdict,
  hasSpeakers,
  insertVerdict,
  isBlobShown,
  noteRepositoryPolicy,
  reviewVerdict,
  unjudgedNaming,
} from '#metadata/verdicts.ts';
import type { Digest } from '#oci/digest.ts';
import { RegistryError } from '#oci/errors.ts';
import { referrerTagsOf, subjectOfTag } from '#oci/referrer-tag.ts';
import type { Approach, Arrival, Gate, Ruling, Sight, TagMove } from '#registry/gate.ts';
import { hintsFor } from './hints.ts';
import type { Judge, JudgeContext } from './judge.ts';
import { type Outcome, type Policy, isActive, judgeFindings } from './policy.ts';
import { isCurrent, listedAs, passes, standingOf, writeJudgement } from './verdict.ts';

export interface GateContext
  extends Pick<JudgeContext, 'metadata' | 'clock' | 'policies' | 'judgeAgainMs' | 'onError'> {
  readonly judge: Judge;
  /** What clients call this registry, for the commands we tell them; undefined: not settled. */
  readonly host: string | undefined;
}

// A blob is named by a few manifests; of a base layer some are seen already.
const NAMERS_JUDGED_AT_ONCE = 20;

export function openTrustGate(context: GateContext): Gate {
  const { policies, judge } = context;
  const policyOf = (repository: string): Policy | undefined => {
    const policy = policies().policyFor(repository);
    return policy !== undefined && isActive(policy) ? policy : undefined;
  };
  return {
    guards: (repository) => policyOf(repository) !== undefined,

    async consider(approach) {
      const policy = policyOf(approach.repository);
      const isTagged = approach.tags.some((tag) => subjectOfTag(tag) === undefined);
      if (policy?.options.mode === 'strict' && isTagged) await requireSatisfied(context, policy, approach);
    },

    async rule(metadata, move, now) {
      const policy = policyOf(move.repository);
      return policy === undefined ? 'pass' : await rule(context, metadata, { policy, move, now });
    },

    async arrived(metadata, arrival, now) {
      const { repository, subjects } = arrival;
      const policy = policyOf(repository);
      if (policy === undefined) return;
      for (const digest of subjects) await reviewVerdict(metadata, repository, digest, now);
      await noteRepositoryPolicy(metadata, repository, policy.version);
      await enlist(context, metadata, { policy, arrival, now });
    },

    wake(repository, digests) {
      if (policyOf(repository) !== undefined) judge.wake(digests.map((digest) => ({ repository, digest })));
    },

    async sightOf(repository, digest) {
      const policy = policyOf(repository);
      return policy === undefined ? { isVisible: true } : await sightOf(context, policy, { repository, digest });
    },

    async showsBlob(repository, digest) {
      const policy = policyOf(repository);
      if (policy === undefined) return true;
      if (policy.options.pull === 'open') return await isBlobShown(context.metadata, repository, digest);
      return await showsEnforced(context, policy, { repository, digest });
    },
  };
}

async function rule(
  context: Pick<GateContext, 'host'>,
  metadata: Sql,
  { policy, move, now }: { policy: Policy; move: TagMove; now: number },
): Promise<Ruling> {
  const { repository, name, digest } = move;
  const { mode, holdFor } = policy.options;
  // Where clients look for signatures: nobody sees more through it than what is attached to what they see.
  if (mode === 'off' || mode === 'audit' || subjectOfTag(name) !== undefined) return 'pass';
  const row = await findVerdict(metadata, repository, digest);
  if (passes(row, policy, now)) return 'pass';
  // Of what comes back its signatures come back with it, and are judged after that.
  if (mode === 'strict' && move.why === 'push')
    throw refusal(context, policy, { move, outcome: unsigned(policy, repository) });
  if ((await findTag(metadata, repository, name)) === digest) return 'pass';
  // A verdict that lapsed, or was made by a clock that went wrong, says nothing: it may well pass.
  if (row !== undefined && !isCurrent(row, policy, now)) {
    await reviewVerdict(metadata, repository, digest, now);
  }
  const why = row?.summary || unsigned(policy, repository).summary;
  return { hold: { lapsesAt: now + holdFor, why } };
}

/** @throws {RegistryError} DENIED */
async function requireSatisfied(context: GateContext, policy: Policy, approach: Approach): Promise<void> {
  const { metadata, clock, judge, judgeAgainMs } = context;
  const { repository, digest } = approach;
  const row = await findVerdict(metadata, repository, digest);
  if (passes(row, policy, clock())) return;
  const judgement = { ...(await judge.look(approach, policy)), listed: listedAs(row) };
  const { isSatisfied } = await standingOf(metadata, judgement, clock());
  if (!isSatisfied) {
    const [name = ''] = approach.tags;
    const move = { repository, name, digest, why: 'push' } as const;
    throw refusal(context, policy, { move, outcome: judgement.examination.outcome });
  }
  await metadata.transaction((inside) =>
    writeJudgement(inside, judgement, { now: clock(), judgeAgainMs: judgeAgainMs() }),
  );
}

function refusal(
  { host }: Pick<GateContext, 'host'>,
  policy: Policy,
  { move, outcome }: { move: TagMove; outcome: Outcome },
): RegistryError {
  const { repository, name, digest } = move;
  const signed = { repository, digest, host, roots: policy.roots };
  const commands = outcome.missing.flatMap((missing) => hintsFor(missing, signed));
  // In the message too: docker shows nothing else.
  const sign = commands[0] === undefined ? 'sign that' : `sign that (${commands[0]})`;
  const how = `push it by its digest, ${sign}, then push the tag`;
  const message = `${repository}:${name} needs a signature first: ${outcome.summary}; ${how}`;
  return new RegistryError('DENIED', message, {
    detail: { policy: policy.label, digest, missing: outcome.missing.map(({ words }) => words), sign: commands },
  });
}

/** Puts a manifest that came on the list. One that nothing speaks for need not be looked at for that to be known. */
async function enlist(
  { judgeAgainMs }: GateContext,
  metadata: Sql,
  { policy, arrival, now }: { policy: Policy; arrival: Arrival; now: number },
): Promise<void> {
  const { repository, digest, wasHere } = arrival;
  const outcome = unsigned(policy, repository);
  const tags = referrerTagsOf(digest);
  const mustLook = outcome.isSatisfied || (await hasSpeakers(metadata, { repository, digest, tags }));
  const isWithheld = !wasHere && (policy.options.mode === 'hold' || policy.options.mode === 'strict');
  const verdict = mustLook
    ? { policy: '', summary: '', judgedAt: null, judgeAt: now }
    : { policy: policy.version, summary: outcome.summary, judgedAt: now, judgeAt: now + judgeAgainMs() };
  await insertVerdict(metadata, { repository, digest, isWithheld, ...verdict });
}

/** What the policy says of a manifest nobody has signed. */
function unsigned(policy: Policy, repository: string): Outcome {
  return judgeFindings(policy, repository, []);
}

async function sightOf(
  context: GateContext,
  policy: Policy,
  place: { repository: string; digest: Digest },
): Promise<Sight> {
  const { metadata, clock } = context;
  const { mode, pull } = policy.options;
  const look = () => findVerdict(metadata, place.repository, place.digest);
  let row = await look();
  const mustKnow = pull === 'enforce' || mode === 'audit';
  if (mustKnow && (row === undefined || (row.releasedAt === null && !isCurrent(row, policy, clock())))) {
    await judgeNow(context, place);
    row = await look();
  }
  const isGood = passes(row, policy, clock());
  const isVisible = pull === 'enforce' ? isGood : row?.isWithheld !== 1;
  if (isGood || (mode !== 'audit' && isVisible)) return { isVisible };
  return { isVisible, warning: row?.summary || 'it could not be judged' };
}

async function showsEnforced(
  context: GateContext,
  policy: Policy,
  { repository, digest: blob }: { repository: string; digest: Digest },
): Promise<boolean> {
  const { metadata, clock } = context;
  const isGood = async (): Promise<boolean> =>
    ((await blobGoodUntil(metadata, repository, blob, policy.version)) ?? 0) > clock();
  if (await isGood()) return true;
  const namers = await unjudgedNaming(metadata, { repository, blob, policy: policy.version }, NAMERS_JUDGED_AT_ONCE);
  for (const digest of namers) await judgeNow(context, { repository, digest });
  return namers.length > 0 && (await isGood());
}

/** What cannot be judged is not seen, and whoever asked hears no more than that. */
async function judgeNow({ judge, onError }: GateContext, place: { repository: string; digest: Digest }): Promise<void> {
  try {
    await judge.judge(place);
  } catch (error) {
    onError(error);
  }
}
