/*
 * Turns an examination into rows: the verdict, what follows from it for what the manifest names and what is attached to
 * it, and tags that may move now. All of it in one transaction, so that nobody sees a tag without what it leads to.
 */
import { recordEvent } from '#metadata/events.ts';
import { heldTagsAt } from '#metadata/held-tags.ts';
import { manifestsNaming, namedBy } from '#metadata/manifests.ts';
import type { Sql } from '#metadata/sql.ts';
import {
  FOR_EVER,
  type VerdictRow,
  findVerdict,
  reviewVerdict,
  verdictsVia,
  voidVerdict,
  writeVerdict,
} from '#metadata/verdicts.ts';
import type { Digest } from '#oci/digest.ts';
import { publishTag } from '#registry/tags.ts';
import { evidenceText } from './evidence.ts';
import type { Examination } from './examination.ts';
import type { Policy } from './policy.ts';

/** Who publishes tags: nobody in person. */
export const GATE = { actor: 'system:gate', address: '', requestId: '' } as const;

// As many clocks differ that are kept right.
const SKEW_MS = 60_000;
// No index nests deeper in earnest, and none names more.
const DEPTH_MAX = 8;
const DESCENDANTS_MAX = 10_000;
const PARENTS_MAX = 1000;

/** What an examination that is to be written has to know of the verdict before it. */
export interface Listed {
  /** How often it had become void, or was written. */
  readonly changes: number;
  readonly judgeAt: number | null;
}

/** A manifest that was examined. */
export interface Judgement {
  readonly repository: string;
  readonly digest: Digest;
  readonly policy: Policy;
  readonly examination: Examination;
  /** How it stood in the list when the examination began. */
  readonly listed: Listed;
}

/** How a manifest stands, and through what. */
export interface Standing {
  readonly isSatisfied: boolean;
  readonly via: Digest | null;
  readonly isWithheld: boolean;
  readonly goodUntil: number;
  readonly summary: string;
}

/** Whether what was found still holds under this policy. Made in the future, by a clock that went wrong, it does not. */
export function isCurrent(row: VerdictRow, policy: Policy, now: number): boolean {
  return row.policy === policy.version && row.goodUntil > now && (row.judgedAt ?? 0) <= now + SKEW_MS;
}

/** Whether a manifest satisfies the policy now. */
function isSatisfiedNow(row: VerdictRow, policy: Policy, now: number): boolean {
  return row.isSatisfied === 1 && isCurrent(row, policy, now);
}

/** Whether a manifest satisfies the policy now, or somebody released it. */
export function passes(row: VerdictRow | undefined, policy: Policy, now: number): boolean {
  return row !== undefined && (row.releasedAt !== null || isSatisfiedNow(row, policy, now));
}

/**
 * How a manifest stands by its own signatures, else by an index that names it, else by the image it is attached to. A
 * signed child says nothing of the index around it.
 */
export async function standingOf(metadata: Sql, judgement: Judgement, now: number): Promise<Standing> {
  const { repository, digest, policy, examination } = judgement;
  const { isSatisfied, summary, goodUntil = FOR_EVER } = examination.outcome;
  const before = await findVerdict(metadata, repository, digest);
  const isWithheld = before?.isWithheld === 1 && before.releasedAt === null;
  if (isSatisfied) return { isSatisfied, via: null, isWithheld: false, goodUntil, summary };
  const index = policy.options.covers === 'children' ? await satisfiedIndex(metadata, judgement, now) : undefined;
  if (index !== undefined) {
    const words = `covered by ${index.digest}, which names it: ${index.summary}`;
    return { isSatisfied: true, via: index.digest, isWithheld: false, goodUntil: index.goodUntil, summary: words };
  }
  const image = await attachedTo(metadata, repository, before);
  if (image === undefined) return { isSatisfied, via: null, isWithheld, goodUntil: FOR_EVER, summary };
  const isGood = isSatisfiedNow(image, policy, now);
  const words = `attached to ${image.digest}, and seen by whoever sees that`;
  return {
    isSatisfied: isGood,
    via: image.digest,
    isWithheld: !isGood && image.isWithheld === 1,
    goodUntil: isGood ? image.goodUntil : FOR_EVER,
    summary: words,
  };
}

async function satisfiedIndex(
  metadata: Sql,
  { repository, digest, policy }: Judgement,
  now: number,
): Promise<VerdictRow | undefined> {
  const indexes = await manifestsNaming(metadata, repository, { kind: 'manifest', digest }, PARENTS_MAX);
  for (const index of indexes) {
    const row = await findVerdict(metadata, repository, index);
    if (row !== undefined && isSatisfiedNow(row, policy, now)) return row;
  }
  return undefined;
}

/** Only an examination of that very image made this one out to be about it, and neither can change. */
async function attachedTo(
  metadata: Sql,
  repository: string,
  before: VerdictRow | undefined,
): Promise<VerdictRow | undefined> {
  if (before === undefined || before.via === null) return undefined;
  const named = await manifestsNaming(metadata, repository, { kind: 'manifest', digest: before.digest }, PARENTS_MAX);
  return named.includes(before.via) ? undefined : await findVerdict(metadata, repository, before.via);
}

/**
 * Writes a verdict and what follows from it.
 *
 * @param judgeAgainMs after how long it is to be looked at again
 * @returns false when the verdict became void or was written since the examination began: nothing is written, and it is to
 *   be repeated
 */
export async function writeJudgement(
  metadata: Sql,
  judgement: Judgement,
  { now, judgeAgainMs }: { now: number; judgeAgainMs: number },
): Promise<boolean> {
  const { repository, digest, policy, examination } = judgement;
  const before = await findVerdict(metadata, repository, digest);
  if ((before?.changes ?? 0) !== judgement.listed.changes) return false;
  const standing = await standingOf(metadata, judgement, now);
  const verdicts = new Verdicts(metadata, { repository, policy, now, judgeAt: now + judgeAgainMs });
  // What came since is looked at next: it can only add. So whoever attaches without end holds up no verdict.
  const isMoreToSee = cameSince(before?.judgeAt ?? null, judgement, now);
  await verdicts.judge(digest, standing, evidenceText(examination.seen));
  if (isMoreToSee) await reviewVerdict(metadata, repository, digest, now);
  if (before?.isSatisfied === 1 && before.via === null && !standing.isSatisfied) {
    const event = { kind: 'image.block', repository, digest, reason: standing.summary } as const;
    await recordEvent(metadata, GATE, event, now);
  }
  const followers = new Set<Digest>(examination.attachments);
  await verdicts.attach(digest, standing, followers);
  if (standing.isSatisfied && policy.options.covers === 'children') {
    for (const descendant of await verdicts.cover(digest, standing)) followers.add(descendant);
  }
  // Whatever stood through this one and was not reached has to find something else to stand on.
  for (const other of await verdictsVia(metadata, repository, digest)) {
    if (!followers.has(other)) await voidVerdict(metadata, repository, other, now);
  }
  return true;
}

/** Whether something came since the examination began: that made it due, at another moment than it was. */
function cameSince(judgeAt: number | null, { listed }: Judgement, now: number): boolean {
  return judgeAt !== null && judgeAt !== listed.judgeAt && judgeAt < now + SKEW_MS;
}

/** How a manifest stands in the list that has this verdict, or none. */
export function listedAs(row: VerdictRow | undefined): Listed {
  return { changes: row?.changes ?? 0, judgeAt: row?.judgeAt ?? null };
}

/** Writes the verdicts of one judgement. */
class Verdicts {
  readonly #metadata: Sql;
  readonly #frame: { repository: string; policy: Policy; now: number; judgeAt: number };

  constructor(metadata: Sql, frame: { repository: string; policy: Policy; now: number; judgeAt: number }) {
    this.#metadata = metadata;
    this.#frame = frame;
  }

  /** What was examined itself is looked at again one day. */
  async judge(digest: Digest, standing: Standing, evidence: string): Promise<void> {
    const judgeAt = Math.min(this.#frame.judgeAt, standing.goodUntil);
    await this.#write(digest, standing, { evidence, judgeAt });
  }

  /** What stands through another is looked at with that, unless it stands on its own or nothing has changed. */
  async #follow(digest: Digest, standing: Standing): Promise<void> {
    const { repository, policy, now } = this.#frame;
    const row = await findVerdict(this.#metadata, repository, digest);
    if (row !== undefined && row.via === null && isSatisfiedNow(row, policy, now)) return;
    // What waits to be judged itself still does: it may have come to stand on its own.
    const judgeAt = row !== undefined && row.judgeAt !== null && row.judgeAt <= now ? row.judgeAt : null;
    if (row === undefined || row.judgeAt !== judgeAt || !isSame(row, standing, policy)) {
      await this.#write(digest, standing, { evidence: null, judgeAt });
    }
  }

  /** With it, tags move that waited for it. */
  async #write(
    digest: Digest,
    standing: Standing,
    rest: { readonly evidence: string | null; readonly judgeAt: number | null },
  ): Promise<void> {
    const { repository, policy, now } = this.#frame;
    const row = { repository, digest, ...standing, policy: policy.version, judgedAt: now };
    await writeVerdict(this.#metadata, { ...row, ...rest });
    if (!standing.isSatisfied) return;
    for (const held of await heldTagsAt(this.#metadata, repository, digest)) {
      await publishTag(this.#metadata, held, standing.summary, { origin: GATE, now });
    }
  }

  /** Signatures and attestations are seen by whoever sees what they are about. */
  async attach(
    via: Digest,
    { isSatisfied, isWithheld, goodUntil }: Standing,
    attached: Iterable<Digest>,
  ): Promise<void> {
    const summary = `attached to ${via}, and seen by whoever sees that`;
    for (const digest of attached) {
      await this.#follow(digest, { isSatisfied, isWithheld, goodUntil, via, summary });
    }
  }

  /** What a satisfied index names, at any depth. Returns all that stands through it now. */
  async cover(index: Digest, { goodUntil, summary }: Standing): Promise<ReadonlySet<Digest>> {
    const { repository } = this.#frame;
    const reached = new Set<Digest>();
    let level = await namedBy(this.#metadata, repository, index);
    for (let depth = 0; depth < DEPTH_MAX && level.length > 0; depth += 1) {
      const next: Digest[] = [];
      for (const digest of level) {
        if (reached.has(digest) || digest === index || reached.size >= DESCENDANTS_MAX) continue;
        reached.add(digest);
        next.push(...(await namedBy(this.#metadata, repository, digest)));
        const words = `covered by ${index}, which names it: ${summary}`;
        await this.#follow(digest, { isSatisfied: true, isWithheld: false, goodUntil, via: index, summary: words });
      }
      level = next;
    }
    return reached;
  }
}

function isSame(row: VerdictRow, standing: Standing, policy: Policy): boolean {
  return (
    row.policy === policy.version &&
    row.via === standing.via &&
    row.goodUntil === standing.goodUntil &&
    (row.isSatisfied === 1) === standing.isSatisfied &&
    (row.isWithheld === 1) === standing.isWithheld
  );
}
