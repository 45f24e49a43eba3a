import type { Writable } from 'node:stream';
import { findBlobSize, findBytes, linkBlob, repositoriesWithBlob, unlinkBlob } from '#metadata/blobs.ts';
import { manifestsNaming } from '#metadata/manifests.ts';
import { ensureRepository } from '#metadata/repositories.ts';
import type { Digest } from '#oci/digest.ts';
import { RegistryError } from '#oci/errors.ts';
import type { ByteRange } from '#storage/driver.ts';
import type { Context } from './context.ts';

/** A blob of a repository. */
export interface Blob {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface Blobs {
  /** @throws {RegistryError} BLOB_UNKNOWN: not in this repository, whoever else may have it */
  find(repository: string, digest: Digest): Promise<Blob>;
  /** Writes a blob that was found, or a range of it, into a stream, and leaves the stream open. */
  send(blob: Blob, target: Writable, range?: ByteRange): Promise<void>;
  /**
   * Lets `repository` read a blob that `from` holds, or any repository when `from` is undefined. Returns false when
   * there is none. Distribution Spec v1.1.1, end-11.
   */
  mount(repository: string, digest: Digest, from: string | undefined): Promise<boolean>;
  /**
   * Takes the blob out of the repository; its bytes go when no repository uses them. Distribution Spec v1.1.1, end-10.
   *
   * @throws {RegistryError} BLOB_UNKNOWN
   * @throws {RegistryError} UNSUPPORTED (conflict) while a manifest of the repository names it
   */
  remove(repository: string, digest: Digest): Promise<void>;
}

export function openBlobs(context: Context): Blobs {
  const { metadata, store, clock } = context;

  return {
    async find(repository, digest) {
      const sizeBytes = await findBlobSize(metadata, repository, digest);
      if (sizeBytes === undefined) throw unknownBlob(digest);
      return { digest, sizeBytes };
    },

    async send({ digest }, target, range) {
      const bytes = await findBytes(metadata, digest);
      if (bytes === undefined) throw unknownBlob(digest);
      await store.readInto(bytes.location, target, range);
    },

    mount: (repository, digest, from) =>
      metadata.transaction(async (inside) => {
        const [holder] = from === undefined ? await repositoriesWithBlob(inside, digest, 1) : [from];
        const sizeBytes = holder === undefined ? undefined : await findBlobSize(inside, holder, digest);
        if (sizeBytes === undefined) return false;
        await ensureRepository(inside, repository, clock());
        await linkBlob(inside, repository, { digest, sizeBytes }, clock());
        return true;
      }),

    remove: (repository, digest) =>
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
      }),
  };
}

function unknownBlob(digest: Digest): RegistryError {
  return new RegistryError('BLOB_UNKNOWN', 'no such blob in this repository', { detail: { digest } });
}
