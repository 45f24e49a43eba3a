import type { Digest } from '#oci/digest.ts';

/*
 * What a plan is made from: the rows of one repository and nothing else, so that planning is a function of rows and a
 * clock. All times are milliseconds since the epoch.
 */

/** A tag, and what it points at. */
export interface TagFact {
  readonly name: string;
  readonly digest: Digest;
  /** When it was last set, to the same manifest too. */
  readonly setAt: number;
}

/** What a tag that is there pointed at before. */
export interface RevisionFact {
  readonly tag: string;
  readonly revision: number;
  readonly digest: Digest;
  readonly since: number;
  readonly until: number;
}

export interface ManifestFact {
  readonly digest: Digest;
  readonly subject: Digest | null;
  readonly pushedAt: number;
}

/** An index, and a manifest that it names. */
export interface ChildFact {
  readonly index: Digest;
  readonly child: Digest;
}

/** When a manifest last lost a tag, or an index that named it. */
export interface ReleaseFact {
  readonly digest: Digest;
  readonly at: number;
}

/** `tag` is empty for pulls by digest. */
export interface PullFact {
  readonly tag: string;
  readonly digest: Digest;
  /** Up to {@link PULL_COARSENESS_MS} before the last pull. */
  readonly lastAt: number;
}

/** Pulls are noted once in this time, so that a tag everybody pulls costs one write. */
export const PULL_COARSENESS_MS = 3_600_000;

/** What something that runs refers to; `tag` or `digest` is empty where the reference has none. */
export interface InUseFact {
  readonly tag: string;
  readonly digest: Digest | '';
  readonly source: string;
  readonly expiresAt: number;
}

/** Everything a plan looks at in a repository. What is missing keeps. */
export interface RepositoryFacts {
  readonly repository: string;
  readonly tags: readonly TagFact[];
  readonly revisions: readonly RevisionFact[];
  readonly manifests: readonly ManifestFact[];
  readonly children: readonly ChildFact[];
  readonly releases: readonly ReleaseFact[];
  readonly pulls: readonly PullFact[];
  readonly inUse: readonly InUseFact[];
  /** Bytes of a manifest and the blobs it names, of those that are known. */
  readonly sizes: ReadonlyMap<Digest, number>;
  /** Manifests with a verified signature; undefined while nobody verifies any. */
  readonly verified: ReadonlySet<Digest> | undefined;
}
