import { tagNamesWithHeld } from '#metadata/held-tags.ts';
import { type ReferrerRow, referrersAfter } from '#metadata/manifests.ts';
import { type NameRange, repositoryExists, repositoryNames, repositoryNamesWithin } from '#metadata/repositories.ts';
import { tagsAfter } from '#metadata/retention-facts.ts';
import type { Sql } from '#metadata/sql.ts';
import { tagNames } from '#metadata/tags.ts';
import type { Digest } from '#oci/digest.ts';
import { RegistryError } from '#oci/errors.ts';
import type { Context } from './context.ts';
import { type Page, type Window, pageOf, siftedPageOf } from './page.ts';
import type { Eyes } from './sight.ts';

/** The longest page, whatever is asked for: what follows is behind the `Link` header. */
export const PAGE_MAX = 10_000;
// 4 MiB: the size of manifest that every client must take, and a referrers list is one. Distribution Spec v1.1.1.
const REFERRERS_PAGE_BYTES = 4 * 1024 * 1024;
const REFERRERS_PAGE_MAX = 1000;

/** A descriptor in a referrers list. Distribution Spec v1.1.1, end-12. */
export interface Referrer {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Record<string, string>;
}

/** Whose referrers are asked for, and which: `artifactType` exactly this one, undefined for any. */
export interface ReferrersOf {
  readonly repository: string;
  readonly subject: Digest;
  readonly artifactType: string | undefined;
}

export interface Listings {
  /** The repositories whose names lie in the ranges, in byte order; every one when there are no ranges. */
  repositories(window: Window, visible: readonly NameRange[] | undefined): Promise<Page<string>>;
  /** Whether anything was ever pushed under the name. */
  exists(repository: string): Promise<boolean>;
  /** @throws {RegistryError} NAME_UNKNOWN. Distribution Spec v1.1.1, end-8. */
  tags(repository: string, window: Window, eyes: Eyes): Promise<Page<string>>;
  /**
   * What has the digest as its subject, by digest; of a repository that does not exist, an empty list. A page is also
   * cut where it would outgrow a manifest. Distribution Spec v1.1.1, end-12.
   */
  referrers(of: ReferrersOf, window: Window, eyes: Eyes): Promise<Page<Referrer>>;
}

export function openListings(context: Context): Listings {
  const { metadata } = context;
  return {
    exists: (repository) => repositoryExists(metadata, repository),

    repositories: (window, visible) =>
      pageOf(window, PAGE_MAX, (limit) =>
        visible === undefined
          ? repositoryNames(metadata, window.after, limit)
          : namesWithin(metadata, visible, window.after, limit),
      ),

    async tags(repository, window, eyes) {
      const found = await tagsSeen(context, repository, window, eyes);
      if (found.entries.length === 0 && !(await repositoryExists(metadata, repository))) {
        throw new RegistryError('NAME_UNKNOWN', 'no such repository', { detail: { name: repository } });
      }
      return found;
    },

    async referrers(of, window, eyes) {
      const found = await referrersSeen(context, of, window, eyes);
      return withinBytes({ ...found, entries: found.entries.map(descriptorOf) }, REFERRERS_PAGE_BYTES);
    },
  };
}

async function tagsSeen(
  { metadata, gate, clock }: Context,
  repository: string,
  window: Window,
  eyes: Eyes,
): Promise<Page<string>> {
  const { after } = window;
  if (!gate.guards(repository)) {
    return await pageOf(window, PAGE_MAX, (limit) => tagNames(metadata, repository, after, limit));
  }
  if (eyes === 'insider') {
    return await pageOf(window, PAGE_MAX, (limit) => tagNamesWithHeld(metadata, repository, after, limit));
  }
  const found = await siftedPageOf(window, PAGE_MAX, {
    find: (from, limit) => tagsAfter(metadata, repository, from, limit),
    nameOf: ({ name }) => name,
    isVisible: async ({ digest }) => (await gate.sightOf(repository, digest)).isVisible,
    clock,
  });
  return { ...found, entries: found.entries.map(({ name }) => name) };
}

async function referrersSeen(
  { metadata, gate, clock }: Context,
  of: ReferrersOf,
  window: Window,
  eyes: Eyes,
): Promise<Page<ReferrerRow>> {
  const find = (after: string, limit: number): Promise<ReferrerRow[]> =>
    referrersAfter(metadata, { ...of, after }, limit);
  if (eyes === 'insider' || !gate.guards(of.repository)) {
    return await pageOf(window, REFERRERS_PAGE_MAX, (limit) => find(window.after, limit));
  }
  return await siftedPageOf(window, REFERRERS_PAGE_MAX, {
    find,
    nameOf: ({ digest }) => digest,
    isVisible: async ({ digest }) => (await gate.sightOf(of.repository, digest)).isVisible,
    clock,
  });
}

/** Only as many ranges are looked at as it takes to fill the page. */
async function namesWithin(
  metadata: Sql,
  ranges: readonly NameRange[],
  after: string,
  limit: number,
): Promise<string[]> {
  const names: string[] = [];
  for (const range of ranges) {
    if (range.before <= after) continue;
    names.push(...(await repositoryNamesWithin(metadata, range, after, limit - names.length)));
    if (names.length >= limit) break;
  }
  return names;
}

function descriptorOf(row: ReferrerRow): Referrer {
  return {
    mediaType: row.mediaType,
    digest: row.digest,
    size: row.sizeBytes,
    ...(row.artifactType === '' ? {} : { artifactType: row.artifactType }),
    ...(row.annotations === null ? {} : { annotations: JSON.parse(row.annotations) }),
  };
}

/** Always at least one entry, so that following the links comes to an end. */
function withinBytes(found: Page<Referrer>, maxBytes: number): Page<Referrer> {
  let bytes = 0;
  const fit = found.entries.findIndex((entry, index) => {
    bytes += Buffer.byteLength(JSON.stringify(entry)) + 1;
    return index > 0 && bytes > maxBytes;
  });
  return fit === -1 ? found : { entries: found.entries.slice(0, fit), more: true };
}
