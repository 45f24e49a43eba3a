/*
 * What an intended policy would make of today's catalogue. Judges, and writes nothing.
 */
import { compileGlob } from '#base/glob.ts';
import { findHeldTag, findTagWithHeld, tagNamesWithHeld } from '#metadata/held-tags.ts';
import { findManifest, manifestsNaming } from '#metadata/manifests.ts';
import { repositoryNames } from '#metadata/repositories.ts';
import { findVerdict } from '#metadata/verdicts.ts';
import type { Digest } from '#oci/digest.ts';
import { subjectOfTag } from '#oci/referrer-tag.ts';
import type { Fate, PreviewFilter, PreviewItem } from './engine.ts';
import type { ExplanationContext } from './explanation.ts';
import type { Judge } from './judge.ts';
import type { Policies } from './policies.ts';
import { type Outcome, type Policy, isActive } from './policy.ts';

/** What trying a policy out works with. */
export interface TrialContext extends Pick<ExplanationContext, 'metadata' | 'isVisible'> {
  readonly judge: Pick<Judge, 'look'>;
}

const PAGE = 500;
// No index nests deeper in earnest.
const DEPTH_MAX = 8;
const PARENTS_MAX = 1000;

/** See {@link TrustEngine.preview}. */
export async function* tryOut(
  context: TrialContext,
  policies: Policies,
  { repositories }: PreviewFilter,
): AsyncGenerator<PreviewItem> {
  const glob = repositories === undefined ? undefined : compileGlob(repositories);
  for await (const repository of pages((after) => repositoryNames(context.metadata, after, PAGE))) {
    if (glob?.matches(repository) === false) continue;
    const policy = policies.policyFor(repository);
    const court = new Court(context, repository, policy);
    for await (const tag of pages((after) => tagNamesWithHeld(context.metadata, repository, after, PAGE))) {
      const digest = await findTagWithHeld(context.metadata, repository, tag);
      // Where signatures lie is no tag as people use them; and a tag may go while we look.
      if (digest === undefined || subjectOfTag(tag) !== undefined) continue;
      const now = await nowOf(context, { repository, tag, digest });
      yield { repository, tag, digest, now, ...(await court.fateOf(digest)) };
    }
  }
}

/** Judges the manifests of one repository, each once. */
class Court {
  readonly #context: TrialContext;
  readonly #repository: string;
  readonly #policy: Policy | undefined;
  readonly #outcomes = new Map<Digest, Pick<Outcome, 'isSatisfied' | 'summary'>>();

  constructor(context: TrialContext, repository: string, policy: Policy | undefined) {
    this.#context = context;
    this.#repository = repository;
    this.#policy = policy;
  }

  async fateOf(digest: Digest): Promise<{ fate: Fate; summary: string }> {
    const policy = this.#policy;
    if (policy === undefined || !isActive(policy)) return { fate: 'free', summary: 'no policy asks anything of it' };
    const { isSatisfied, summary } = await this.#outcomeOf(policy, digest, DEPTH_MAX);
    const released = (await findVerdict(this.#context.metadata, this.#repository, digest))?.releasedAt ?? null;
    if (isSatisfied) return { fate: 'pass', summary };
    if (released !== null) return { fate: 'pass', summary: 'somebody released it' };
    return { fate: unsignedFate(policy), summary };
  }

  async #outcomeOf(policy: Policy, digest: Digest, depth: number): Promise<Pick<Outcome, 'isSatisfied' | 'summary'>> {
    const known = this.#outcomes.get(digest);
    if (known !== undefined) return known;
    const found = await this.#judge(policy, digest, depth);
    this.#outcomes.set(digest, found);
    return found;
  }

  async #judge(policy: Policy, digest: Digest, depth: number): Promise<Pick<Outcome, 'isSatisfied' | 'summary'>> {
    const { metadata, judge } = this.#context;
    const repository = this.#repository;
    const manifest = await findManifest(metadata, repository, digest);
    if (manifest === undefined) return { isSatisfied: false, summary: 'it is gone' };
    const { examination } = await judge.look({ repository, ...manifest }, policy);
    const { outcome } = examination;
    if (outcome.isSatisfied || policy.options.covers === 'none' || depth === 0) return outcome;
    for (const index of await manifestsNaming(metadata, repository, { kind: 'manifest', digest }, PARENTS_MAX)) {
      const above = await this.#outcomeOf(policy, index, depth - 1);
      if (above.isSatisfied) return { isSatisfied: true, summary: `covered by ${index}: ${above.summary}` };
    }
    return outcome;
  }
}

function unsignedFate({ options: { mode, pull } }: Policy): Fate {
  if (pull === 'enforce') return 'block';
  switch (mode) {
    case 'off':
      return 'free';
    case 'audit':
      return 'warn';
    case 'hold':
      return 'hold';
    case 'strict':
      return 'refuse';
  }
}

async function nowOf(
  { metadata, isVisible }: TrialContext,
  { repository, tag, digest }: { repository: string; tag: string; digest: Digest },
): Promise<PreviewItem['now']> {
  if ((await findHeldTag(metadata, repository, tag)) !== undefined) return 'held';
  return (await isVisible(repository, digest)) ? 'visible' : 'blocked';
}

/** All names of a list that is read page by page, each after the one before. */
async function* pages(read: (after: string) => Promise<readonly string[]>): AsyncGenerator<string> {
  for (let after = ''; ; ) {
    const names = await read(after);
    yield* names;
    const last = names.at(-1);
    if (last === undefined || names.length < PAGE) return;
    after = last;
  }
}
