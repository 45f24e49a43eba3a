import { referrersAfter } from '#metadata/manifests.ts';
import { type NameRange, repositoryExists, repositoryNames, repositoryNamesWithin } from '#metadata/repositories.ts';
import type { Sql } from '#metadata/sql.ts';
import { tagNames } from '#metadata/tags.ts';
import type { Digest } from '#oci/digest.ts';
import { RegistryError } from '#oci/errors.ts';
import type { Context } from './context.ts';

/** The longest page, whatever is asked for: what follows is behind the `Link` header. */
export const PAGE_MAX = 10_000;
// 4 MiB: the size of manifest that every client must take, and a referrers list is one. Distribution Spec v1.1.1.
const REFERRERS_PAGE_BYTES = 4 * 1024 * 1024;
const REFERRERS_PAGE_MAX = 1000;

/** A part of a list: at most `limit` entries after `after`. */
export interface Window {
  readonly after: string;
  readonly limit: number;
}

/** `more`: the list goes on after the last entry. */
export interface Page<T> {
  readonly entries: readonly T[];
  readonly more: boolean;
}

/** A descriptor in a referrers list. Distribution Spec v1.1.1, end-12. */
export interface Referrer {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Record<string, string>;
}

export interface Listings {
  /** The repositories whose names lie in the ranges, in byte order; every one when there are no ranges. */
  repositories(window: Window, visible: readonly NameRange[] | undefined): Promise<Page<string>>;
  /** Whether anything was ever pushed under the name. */
  exists(repository: string): Promise<boolean>;
  /** @throws {RegistryError} NAME_UNKNOWN. Distribution Spec v1.1.1, end-8. */
  tags(repository: string, window: Window): Promise<Page<string>>;
  /**
   * What has the digest as its subject, by digest; of a repository that does not exist, an empty list. A page is also
   * cut where it would outgrow a manifest. Distribution Spec v1.1.1, end-12.
   *
   * @param artifactType exactly this one; undefined for any
   */
  referrers(
    repository: string,
    subject: Digest,
    artifactType: string | undefined,
    window: Window,
  ): Promise<Page<Referrer>>;
}

export function openListings({ metadata }: Context): Listings {
  return {
    exists: (repository) => repositoryExists(metadata, repository),

    repositories: (window, visible) =>
      page(window, PAGE_MAX, (limit) =>
        visible === undefined
          ? repositoryNames(metadata, window.after, limit)
          : namesWithin(metadata, visible, window.after, limit),
      ),

    async tags(repository, window) {
      const found = await page(window, PAGE_MAX, (limit) => tagNames(metadata, repository, window.after, limit));
      if (found.entries.length === 0 && !(await repositoryExists(metadata, repository))) {
        throw new RegistryError('NAME_UNKNOWN', 'no such repository', { detail: { name: repository } });
      }
      return found;
    },

    async referrers(repository, subject, artifactType, window) {
      const of = { repository, subject, artifactType, after: window.after };
      const found = await page(window, REFERRERS_PAGE_MAX, (limit) => referrersAfter(metadata, of, limit));
      return withinBytes({ ...found, entries: found.entries.map(descriptorOf) }, REFERRERS_PAGE_BYTES);
    },
  };
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

/** Asks for one entry more than wanted: whether it comes says whether the list goes on. */
async function page<T>(window: Window, max: number, find: (limit: number) => Promise<T[]>): Promise<Page<T>> {
  const limit = Math.min(window.limit, max);
  if (limit === 0) return { entries: [], more: false };
  const entries = await find(limit + 1);
  return { entries: entries.slice(0, limit), more: entries.length > limit };
}

function descriptorOf(row: Awaited<ReturnType<typeof referrersAfter>>[number]): Referrer {
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
