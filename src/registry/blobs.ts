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
import type { Eyes } from './sight.ts';

/** A blob of a repository. */
export interface Blob {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** Where a blob may be mounted from. */
export interface MountSource {
  readonly from: string | undefined;
  readonly mayRead: (repository: string) => boolean;
  readonly eyesFor: (repository: string) => Eyes;
}

export interface Blobs {
  /** @throws {RegistryError} BLOB_UNKNOWN: not in this repository, whoever else may have it, or not for these eyes */
  find(repository: string, digest: Digest, eyes: Eyes): Promise<Blob>;
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
/** A mount that is not done is an upload: nothing to look long for. */
const HOLDERS_ASKED_MAX = 10;

export function openBlobs(context: Context): Blobs {
  const { metadata, store, clock, graces, gate } = context;

  return {
    async find(repository, digest, eyes) {
      const sizeBytes = await findBlobSize(metadata, repository, digest);
      if (sizeBytes === undefined) throw unknownBlob(digest);
      // Before anybody vouches for it: what is not shown is not kept for being asked for.
      if (needsGate(context, repository, eyes) && !(await gate.showsBlob(repository, digest)))
        throw unknownBlob(digest);
      if (!(await vouchFor(context, repository, digest))) throw unknownBlob(digest);
      return { digest, sizeBytes };
    },

    async send({ digest }, target, range) {
      const bytes = await findBytes(metadata, digest);
      if (bytes === undefined) throw unknownBlob(digest);
      await store.readInto(bytes.location, target, range);
    },

    async mount(repository, digest, source) {
      // Not inside: a gate may have to look closer before it answers.
      const holder = await findHolder(context, digest, source);
      if (holder === undefined) return false;
      return await metadata.transaction(async (inside) => {
        const sizeBytes = await findBlobSize(inside, holder, digest);
        if (sizeBytes === undefined) return false;
        await ensureRepository(inside, repository, clock());
        await linkBlob(inside, repository, { digest, sizeBytes }, clock());
        await reviewLink(inside, { repository, digest, reviewAfter: clock() + graces.blobMs });
        return true;
      });
    },

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

/** Whether it takes the gate's word to show anything of the repository to these eyes. */
function needsGate({ gate }: Context, repository: string, eyes: Eyes): boolean {
  return eyes === 'outsider' && gate.guards(repository);
}

/** The repository that a blob is mounted from: one that the caller may read, and in which they see the blob. */
async function findHolder(
  context: Context,
  digest: Digest,
  { from, mayRead, eyesFor }: MountSource,
): Promise<string | undefined> {
  const { metadata, gate } = context;
  const holders = from === undefined ? await repositoriesWithBlob(metadata, digest, HOLDERS_MAX) : [from];
  const readable = holders.filter(mayRead);
  const isAsked = (holder: string): boolean => needsGate(context, holder, eyesFor(holder));
  const free = readable.find((holder) => !isAsked(holder));
  if (free !== undefined) return free;
  for (const holder of readable.slice(0, HOLDERS_ASKED_MAX)) if (await gate.showsBlob(holder, digest)) return holder;
  return undefined;
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
