import type { Writable } from 'node:stream';
import { findBlobSize, findBytes, linkBlob, repositoriesWithBlob, unlinkBlob } from '#metadata/blobs.ts';
import { type Origin, recordEvent } from '#metadata/events.ts';
import { isBlobNamed, manifestsNaming } from '#metadata/manifests.ts';
import { ensureRepository } from '#metadata/repositories.ts';
import { findLinkReview, reviewBlob, reviewLink } from '#metadata/reviews.ts';
import type { Digest } from '#oci/digest.ts';
import { RegistryError } from '#oci/errors.ts';
import type { ByteRange } from '#storage/driver.ts';
import type { Context } from './context.ts';

/** A blob of a repository. */
export interface Blob {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** Where a blob may be mounted from. */
export interface MountSource {
  readonly from: string | undefined;
  readonly mayRead: (repository: string) => boolean;
}

export interface Blobs {
  /** @throws {RegistryError} BLOB_UNKNOWN: not in this repository, whoever else may have it */
  find(repository: string, digest: Digest): Promise<Blob>;
  /** Writes a blob that was found, or a range of it, into a stream, and leaves the stream open. */
  send(blob: Blob, target: Writable, range?: ByteRange): Promise<void>;
  /**
   * Lets `repository` read a blob that `from` holds, or any repository when `from` is undefined, if the caller may read
   * it there. Returns false when not, or when there is none: which of the two, nobody learns. Distribution Spec v1.1.1,
   * end-11.
   */
  mount(repository: string, digest: Digest, source: MountSource): Promise<boolean>;
  /**
   * Takes the blob out of the repository; its bytes go when no repository uses them. Distribution Spec v1.1.1, end-10.
   *
   * @throws {RegistryError} BLOB_UNKNOWN
   * @throws {RegistryError} UNSUPPORTED (conflict) while a manifest of the repository names it
   */
  remove(repository: string, digest: Digest, origin: Origin): Promise<void>;
}

/** A base layer may lie in thousands of repositories; one that the caller may read is among the first or is pushed anew. */
const HOLDERS_MAX = 1000;

export function openBlobs(context: Context): Blobs {
  const { metadata, store, clock, graces } = context;

  return {
    async find(repository, digest) {
      const sizeBytes = await findBlobSize(metadata, repository, digest);
      if (sizeBytes === undefined || !(await vouchFor(context, repository, digest))) throw unknownBlob(digest);
      return { digest, sizeBytes };
    },

    async send({ digest }, target, range) {
      const bytes = await findBytes(metadata, digest);
      if (bytes === undefined) throw unknownBlob(digest);
      await store.readInto(bytes.location, target, range);
    },

    mount: (repository, digest, { from, mayRead }) =>
      metadata.transaction(async (inside) => {
        const holders = from === undefined ? await repositoriesWithBlob(inside, digest, HOLDERS_MAX) : [from];
        const holder = holders.find(mayRead);
        const sizeBytes = holder === undefined ? undefined : await findBlobSize(inside, holder, digest);
        if (sizeBytes === undefined) return false;
        await ensureRepository(inside, repository, clock());
        await linkBlob(inside, repository, { digest, sizeBytes }, clock());
        await reviewLink(inside, { repository, digest, reviewAfter: clock() + graces.blobMs });
        return true;
      }),

    remove: (repository, digest, origin) =>
      metadata.transaction(async (inside) => {
        const manifests = await manifestsNaming(inside, repository, { kind: 'blob', digest }, 10);
        const removed = await unlinkBlob(inside, repository, digest);
        if (!removed) throw unknownBlob(digest);
        if (manifests.length > 0) {
          throw new RegistryError('UNSUPPORTED', 'manifests of this repository still use the blob: delete them first', {
            reason: 'conflict',
            detail: { digest, manifests },
          });
        }
        await reviewBlob(inside, digest, clock());
        await recordEvent(inside, origin, { kind: 'blob.delete', repository, digest }, clock());
      }),
  };
}

/**
 * Whoever is told that a blob is here can rely on it for the grace: a link that collection is about to look at is put off.
 * Returns false when collection was there first. What a manifest names needs no vouching: should it be removed, its links
 * stay for the grace.
 */
async function vouchFor({ metadata, clock, graces }: Context, repository: string, digest: Digest): Promise<boolean> {
  const review = await findLinkReview(metadata, repository, digest);
  // Half of it is left: a client that asks again and again does not make us write each time.
  if (review !== undefined && review > clock() + graces.blobMs / 2) return true;
  if (review === undefined && (await isBlobNamed(metadata, repository, digest))) return true;
  return await metadata.transaction(async (inside) => {
    if ((await findBlobSize(inside, repository, digest)) === undefined) return false;
    await reviewLink(inside, { repository, digest, reviewAfter: clock() + graces.blobMs });
    return true;
  });
}

function unknownBlob(digest: Digest): RegistryError {
  return new RegistryError('BLOB_UNKNOWN', 'no such blob in this repository', { detail: { digest } });
}
