import { heldTagsAfter, lapsedTags } from '#metadata/held-tags.ts';
import type { Sql } from '#metadata/sql.ts';
import { findVerdict, notUnsatisfiedAfter } from '#metadata/verdicts.ts';
import type { Digest } from '#oci/digest.ts';
import type { Gate } from '#registry/gate.ts';
import type { BlobStore } from '#storage/driver.ts';
import type { TrustEngine } from './engine.ts';
import { explain } from './explanation.ts';
import type { SignatureFormat } from './format.ts';
import { loadFormats } from './formats.ts';
import { openTrustGate } from './gate.ts';
import { type Judge, type JudgeContext, openJudge } from './judge.ts';
import { type LivePolicies, type Report, openLivePolicies } from './live-policies.ts';
import { loadRoots } from './load-roots.ts';
import type { TrustOptions } from './options.ts';
import { compilePolicies } from './policies.ts';
import { isActive } from './policy.ts';
import { releaseManifest } from './release.ts';
import { lapse, sweep } from './sweep.ts';
import { tryOut } from './trial.ts';

export interface TrustContext {
  readonly metadata: Sql;
  readonly store: BlobStore;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly options: TrustOptions;
  /** What clients call this registry; undefined: not settled. */
  readonly host: string | undefined;
  /** Reads the options again; absent where nothing lives long enough for them to change. */
  readonly read?: (() => Promise<TrustOptions>) | undefined;
}

/** Who is trusted to vouch for what, and what became of it. */
export interface Trust {
  readonly gate: Gate;
  readonly judge: Judge;
  /** What people ask, and what they do by hand. */
  readonly engine: TrustEngine;
  /** Manifests that are not known to be unsigned; undefined where no policy asks for signatures. */
  notUnsignedIn(repository: string): Promise<ReadonlySet<Digest> | undefined>;
  /** Whether anything waits to be judged, or to lapse. */
  isDue(): Promise<boolean>;
  /** Judges what is due, and gives up what was held for too long; says how many of each. */
  work(signal: AbortSignal): Promise<{ readonly judged: number; readonly lapsed: number }>;
  /** Takes a changed configuration or root, if there is one, and has judged again what depends on it. */
  reload(): Promise<void>;
  /** Looks now and then whether configuration and roots have changed, until closed. */
  watch(report: Report): { close(): void };
}

const PAGE = 2000;

/** @throws {Error} a root that cannot be used, in words that say which and what to do */
export async function openTrust(context: TrustContext): Promise<Trust> {
  const { metadata, clock, options, read } = context;
  // Commands hear of what is wrong by what is thrown; a server also has to tell of what nobody waits for.
  let told: Report | undefined;
  const report: Report = {
    info: (words, detail) => told?.info(words, detail),
    error: (words, error) => told?.error(words, error),
  };
  const live = await openLivePolicies({ options, read, clock, report });
  const policies = () => live.current();
  const onError = (error: unknown): void => report.error('cannot judge', error);
  let formats: Promise<readonly SignatureFormat[]> | undefined;
  const judging = {
    ...context,
    formats: () => (formats ??= loadFormats()),
    policies,
    judgeAgainMs: () => live.options().judgeAgainEvery,
    onError,
  };
  const judge = openJudge(judging);
  const sweepAndJudge = async (): Promise<void> => {
    const changed = await sweep({ metadata, clock, policies });
    if (changed === 0) return;
    report.info('policies changed', { repositories: changed });
    await judge.drain();
  };
  const reload = async (): Promise<void> => {
    if (await live.reload()) await sweepAndJudge();
  };
  const start = async (): Promise<void> => {
    await sweepAndJudge();
    // What a server left that was killed: somebody signed it, and waits.
    await judge.drain();
  };
  const gate = openTrustGate({ ...judging, judge });
  return {
    gate,
    judge,
    engine: engineOf({ ...judging, judge, gate, live }),
    notUnsignedIn: (repository) => notUnsignedIn(context, live, repository),
    isDue: async () => (await judge.isDue()) || (await isLapsed(metadata, clock())),
    work: async (signal) => ({ judged: await judge.drain(signal), lapsed: await lapse({ metadata, clock }) }),
    reload,
    watch(to) {
      told = to;
      // Now, and not while the first signature waits for them.
      if (policies().all.some(isActive)) void judging.formats().catch(onError);
      void start().catch(onError);
      const timer = setInterval(() => void reload().catch(onError), live.checkEveryMs).unref();
      return { close: () => clearInterval(timer) };
    },
  };
}

async function isLapsed(metadata: Sql, now: number): Promise<boolean> {
  return (await lapsedTags(metadata, now, 1)).length > 0;
}

async function notUnsignedIn(
  { metadata }: TrustContext,
  live: LivePolicies,
  repository: string,
): Promise<ReadonlySet<Digest> | undefined> {
  const policy = live.current().policyFor(repository);
  if (policy === undefined || !isActive(policy)) return undefined;
  const found = new Set<Digest>();
  for (let after = ''; ; ) {
    const page = await notUnsatisfiedAfter(metadata, { repository, policy: policy.version, after }, PAGE);
    for (const { digest } of page) found.add(digest);
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return found;
    after = last.digest;
  }
}

function engineOf(
  context: JudgeContext & { readonly judge: Judge; readonly gate: Gate; readonly live: LivePolicies },
): TrustEngine {
  const { metadata, clock, judge, gate, live } = context;
  const isVisible = async (repository: string, digest: Digest): Promise<boolean> =>
    (await gate.sightOf(repository, digest)).isVisible;
  return {
    options: () => live.options(),
    explain: (question) => explain({ ...context, isVisible }, question),
    verify: (repository, digest) => judge.judge({ repository, digest }),
    async held({ repository, after }, limit) {
      const page = await heldTagsAfter(metadata, { repository, after }, limit);
      return await Promise.all(
        page.map(async ({ why: _why, ...tag }) => {
          const row = await findVerdict(metadata, tag.repository, tag.digest);
          return { ...tag, summary: row?.summary ?? '' };
        }),
      );
    },
    release: (order, origin) =>
      metadata.transaction((inside) => releaseManifest(inside, order, { origin, now: clock() })),
    async *preview(options, filter) {
      const roots = await loadRoots(options, { before: live.current().roots });
      yield* tryOut({ ...context, isVisible }, compilePolicies(options, roots), filter);
    },
  };
}
