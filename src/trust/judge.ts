/*
 * Judges what is on the list: what came or went just now at once, the rest a little at a time. Any process may judge
 * anything at any moment; whoever comes second finds nothing due, or that something changed, and writes nothing.
 */
import { Turnstile } from '#base/turnstile.ts';
import { findManifest } from '#metadata/manifests.ts';
import type { Sql } from '#metadata/sql.ts';
import { deferVerdict, deleteVerdict, dueVerdicts, findVerdict } from '#metadata/verdicts.ts';
import type { Digest } from '#oci/digest.ts';
import type { BlobStore } from '#storage/driver.ts';
import { examine } from './examination.ts';
import type { SignatureFormat, Subject } from './format.ts';
import type { Policies } from './policies.ts';
import { type Policy, isActive } from './policy.ts';
import { openShelf } from './shelf.ts';
import { type Judgement, type Listed, listedAs, writeJudgement } from './verdict.ts';

/** What judging works with. */
export interface JudgeContext {
  readonly metadata: Sql;
  readonly store: BlobStore;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly formats: () => Promise<readonly SignatureFormat[]>;
  /** What is asked of which repositories now. */
  readonly policies: () => Policies;
  readonly judgeAgainMs: () => number;
  /** Told what nobody waits to hear. */
  readonly onError: (error: unknown) => void;
}

/** One manifest of a repository. */
export interface Place {
  readonly repository: string;
  readonly digest: Digest;
}

export interface Judge {
  /** Judges a manifest now and writes the verdict, whether it is due or not. */
  judge(place: Place): Promise<void>;
  /** Looks at a manifest that is not a fact yet, and writes nothing. */
  look(subject: Subject, policy: Policy): Promise<Judgement>;
  /** Judges those of them that are due, soon. Returns at once. */
  wake(places: readonly Place[]): void;
  /** Whether anything is due. */
  isDue(): Promise<boolean>;
  /** Judges all that is due, and what becomes due by that; returns how many were judged. */
  drain(signal?: AbortSignal): Promise<number>;
  /** Waits for what {@link wake} began. */
  settled(): Promise<void>;
}

// Each reads a few small files and verifies a few signatures: more at once would only wait for the same two cores.
const AT_ONCE = 8;
// Few enough that a push waits milliseconds for its turn to write, many enough that the disk's fsync is shared.
const BATCH = 64;
const TRIES = 5;
// The registry itself could not be read: looked at again when that may have passed.
const DEFER_MS = 60_000;

export function openJudge(context: JudgeContext): Judge {
  const { metadata, clock, onError } = context;
  const turnstile = new Turnstile(AT_ONCE);
  const running = new Map<string, Promise<void>>();
  const background = new Set<Promise<void>>();

  const judge = ({ repository, digest }: Place): Promise<void> => {
    const key = `${repository}@${digest}`;
    const known = running.get(key);
    if (known !== undefined) return known;
    const run = turnstile
      .run(() => judgeUntilWritten(context, { repository, digest }))
      .finally(() => running.delete(key));
    running.set(key, run);
    return run;
  };

  const judgeIfDue = async (place: Place): Promise<void> => {
    const row = await findVerdict(metadata, place.repository, place.digest);
    if (row !== undefined && row.judgeAt !== null && row.judgeAt <= clock()) await judge(place);
  };

  const drainAll = async (signal?: AbortSignal): Promise<number> => {
    let count = 0;
    for (;;) {
      signal?.throwIfAborted();
      const due = await dueVerdicts(metadata, clock(), BATCH);
      if (due.length === 0) return count;
      await judgeTogether(context, due);
      count += due.length;
    }
  };

  // One at a time: whatever becomes due while it runs, it sees.
  let draining: Promise<number> | undefined;
  const drain = (signal?: AbortSignal): Promise<number> =>
    (draining ??= drainAll(signal).finally(() => {
      draining = undefined;
    }));

  const wake = async (places: readonly Place[]): Promise<void> => {
    for (const place of places) await judgeIfDue(place);
    // What stood through one of them may have to be judged now.
    await drain();
  };

  return {
    judge,
    look: (subject, policy) => look(context, subject, { policy, listed: listedAs(undefined) }),
    wake(places) {
      const run = wake(places).catch(onError);
      background.add(run);
      void run.finally(() => background.delete(run));
    },
    isDue: async () => (await dueVerdicts(metadata, clock(), 1)).length > 0,
    drain,
    async settled() {
      while (background.size > 0) await Promise.all(background);
    },
  };
}

async function look(
  context: JudgeContext,
  subject: Subject,
  { policy, listed }: { policy: Policy; listed: Listed },
): Promise<Judgement> {
  const { repository, digest } = subject;
  const { clock } = context;
  const options = { formats: await context.formats(), policy, at: clock() };
  const examination = await examine(subject, openShelf(context, repository), options);
  return { repository, digest, policy, examination, listed };
}

/** A manifest that is gone, or of a repository without a policy, needs no verdict any more. */
async function prepare(context: JudgeContext, { repository, digest }: Place): Promise<Judgement | undefined> {
  const { metadata } = context;
  const policy = context.policies().policyFor(repository);
  const row = await findVerdict(metadata, repository, digest);
  const manifest = await findManifest(metadata, repository, digest);
  if (manifest === undefined || policy === undefined || !isActive(policy)) return undefined;
  return await look(context, { repository, ...manifest }, { policy, listed: listedAs(row) });
}

async function judgeUntilWritten(context: JudgeContext, place: Place): Promise<void> {
  const { metadata } = context;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const judgement = await prepare(context, place);
    if (await metadata.transaction((inside) => write(context, inside, { place, judgement }))) return;
  }
}

interface Prepared {
  readonly place: Place;
  readonly judgement: Judgement | undefined;
}

async function write(
  { clock, judgeAgainMs, policies }: JudgeContext,
  inside: Sql,
  { place: { repository, digest }, judgement }: Prepared,
): Promise<boolean> {
  if (judgement === undefined) {
    // Looked at again: it may have come since.
    const isHere = (await findManifest(inside, repository, digest)) !== undefined;
    const policy = policies().policyFor(repository);
    if (isHere && policy !== undefined && isActive(policy)) return false;
    await deleteVerdict(inside, repository, digest);
    return true;
  }
  return await writeJudgement(inside, judgement, { now: clock(), judgeAgainMs: judgeAgainMs() });
}

/** Writes the verdicts of many in one transaction; what changed meanwhile stays due. */
async function judgeTogether(context: JudgeContext, places: readonly Place[]): Promise<void> {
  const { metadata, clock, onError } = context;
  const turnstile = new Turnstile(AT_ONCE);
  const failed: Place[] = [];
  const prepared = await Promise.all(
    places.map((place) =>
      turnstile.run(async (): Promise<Prepared | undefined> => {
        try {
          return { place, judgement: await prepare(context, place) };
        } catch (error) {
          onError(error);
          failed.push(place);
          return undefined;
        }
      }),
    ),
  );
  await metadata.transaction(async (inside) => {
    for (const one of prepared) if (one !== undefined) await write(context, inside, one);
    for (const { repository, digest } of failed) {
      await deferVerdict(inside, { repository, digest, judgeAt: clock() + DEFER_MS });
    }
  });
}
