/*
 * Reads what planning looks at, repository by repository, so that memory is bounded by the largest of them. What changes
 * while it reads is caught later: nothing is carried out without being looked at again.
 */
import { setImmediate } from 'node:timers/promises';
import { type HeldTag, heldTagsAfter } from '#metadata/held-tags.ts';
import { inUseOf } from '#metadata/in-use.ts';
import { pullsAfter } from '#metadata/pulls.ts';
import {
  type ReleaseRow,
  childrenAfter,
  endedRevisionsAfter,
  indexLossesAfter,
  manifestsAfter,
  sizesAfter,
  tagLossesAfter,
  tagsAfter,
} from '#metadata/retention-facts.ts';
import type { Sql } from '#metadata/sql.ts';
import type { Digest } from '#oci/digest.ts';
import type { InUseFact, RepositoryFacts } from './facts.ts';

// A page is read in a few milliseconds; between pages requests are answered.
const PAGE = 2000;
// A million references to one repository are a mistake, and the first of them protect.
const IN_USE_MAX = 1_000_000;

/** What to read beside the rows every plan needs. */
export interface GatherOptions {
  readonly now: number;
  readonly withSizes: boolean;
  readonly verified: ReadonlySet<Digest> | undefined;
  readonly signal?: AbortSignal | undefined;
}

export async function gatherFacts(
  metadata: Sql,
  repository: string,
  { now, withSizes, verified, signal }: GatherOptions,
): Promise<RepositoryFacts> {
  const all = <Row>(ask: (last: Row | undefined) => Promise<Row[]>): Promise<Row[]> => everyPage(ask, signal);
  const sizes = withSizes
    ? await all<Awaited<ReturnType<typeof sizesAfter>>[number]>((last) =>
        sizesAfter(metadata, repository, last?.digest ?? '', PAGE),
      )
    : [];
  return {
    repository,
    tags: await all((last) => tagsAfter(metadata, repository, last?.name ?? '', PAGE)),
    revisions: await all((last) =>
      endedRevisionsAfter(metadata, repository, { tag: last?.tag ?? '', revision: last?.revision ?? 0 }, PAGE),
    ),
    manifests: await all((last) => manifestsAfter(metadata, repository, last?.digest ?? '', PAGE)),
    children: await all((last) =>
      childrenAfter(metadata, repository, { child: last?.child ?? '', index: last?.index ?? '' }, PAGE),
    ),
    releases: latest([
      ...(await all<ReleaseRow>((last) => tagLossesAfter(metadata, repository, last?.digest ?? '', PAGE))),
      ...(await all<ReleaseRow>((last) => indexLossesAfter(metadata, repository, last?.digest ?? '', PAGE))),
    ]),
    pulls: await all((last) =>
      pullsAfter(metadata, repository, { tag: last?.tag ?? '', digest: last?.digest ?? '' }, PAGE),
    ),
    inUse: [
      ...(await inUseOf(metadata, repository, now, IN_USE_MAX)),
      ...(await all<HeldTag>((last) => heldTagsAfter(metadata, { repository, after: last ?? START }, PAGE))).map(
        waitingFact,
      ),
    ],
    sizes: new Map(sizes.map(({ digest, bytes }) => [digest, bytes])),
    verified,
  };
}

const START = { repository: '', name: '' };

/** What a tag is to point at once it is signed stays until the tag lapses. */
function waitingFact({ digest, lapsesAt }: HeldTag): InUseFact {
  return { tag: '', digest, source: 'the gate', expiresAt: lapsesAt };
}

async function everyPage<Row>(
  ask: (last: Row | undefined) => Promise<Row[]>,
  signal: AbortSignal | undefined,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (;;) {
    signal?.throwIfAborted();
    const page = await ask(rows.at(-1));
    for (const row of page) rows.push(row);
    if (page.length < PAGE) return rows;
    await setImmediate();
  }
}

/** One for each digest, with the later of its moments. */
function latest(releases: readonly ReleaseRow[]): ReleaseRow[] {
  const moments = new Map<Digest, number>();
  for (const { digest, at } of releases) moments.set(digest, Math.max(at, moments.get(digest) ?? at));
  return [...moments].map(([digest, at]) => ({ digest, at }));
}
