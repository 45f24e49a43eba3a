import { buffer } from 'node:stream/consumers';
import { LRUCache } from 'lru-cache';
import { findBytes } from '#metadata/blobs.ts';
import type { Origin } from '#metadata/events.ts';
import { findTagWithHeld } from '#metadata/held-tags.ts';
import { type ManifestRow, findManifest, findManifestByTag } from '#metadata/manifests.ts';
import type { Sql } from '#metadata/sql.ts';
import type { Digest } from '#oci/digest.ts';
import { RegistryError } from '#oci/errors.ts';
import type { Reference } from '#oci/reference.ts';
import type { Context } from './context.ts';
import { type ManifestPush, type PushedManifest, pushManifest } from './manifest-push.ts';
import { removeManifest } from './removal.ts';
import type { Eyes } from './sight.ts';
import { withdrawTag } from './tags.ts';

/** Manifests are small and asked for all the time. 64 MiB holds some ten thousand; larger ones than 1 MiB stay out. */
const CACHE_BYTES = 64 * 1024 * 1024;
const CACHE_ENTRY_BYTES = 1024 * 1024;

/** A manifest that may be shown to whoever asked. */
export interface FoundManifest extends ManifestRow {
  /** What is to be said of it to whoever pulls it. */
  readonly warning?: string | undefined;
}

export interface Manifests {
  /**
   * An insider finds by a tag what is held of it, if anything is.
   *
   * @throws {RegistryError} MANIFEST_UNKNOWN: not there, or not to be seen with these eyes. Distribution Spec v1.1.1, end-3
   */
  find(repository: string, reference: Reference, eyes: Eyes): Promise<FoundManifest>;
  /** The bytes exactly as they were pushed. */
  read(manifest: ManifestRow): Promise<Buffer>;
  /**
   * Takes a manifest, and points tags at it, in one transaction. Distribution Spec v1.1.1, end-7.
   *
   * @throws {RegistryError} MANIFEST_INVALID, DIGEST_INVALID
   * @throws {RegistryErrors} MANIFEST_BLOB_UNKNOWN, one for each config, layer or child that is not here
   * @throws {RegistryError} DENIED (precondition) the tag or digest is not what the caller last saw
   * @throws {RegistryError} DENIED the caller may only attach, and this is no attachment
   */
  push(push: ManifestPush): Promise<PushedManifest>;
  /**
   * Removes a tag, or a manifest with every tag on it. Distribution Spec v1.1.1, end-9.
   *
   * @throws {RegistryError} MANIFEST_UNKNOWN
   * @throws {RegistryError} UNSUPPORTED (conflict) while an index of the repository names the manifest
   */
  remove(repository: string, reference: Reference, origin: Origin): Promise<void>;
}

export function openManifests(context: Context): Manifests {
  const { metadata, store, gate } = context;
  // A digest never changes its bytes: nothing here can be stale, and whether it may be seen is asked each time.
  const cache = new LRUCache<Digest, Buffer>({
    maxSize: CACHE_BYTES,
    maxEntrySize: CACHE_ENTRY_BYTES,
    sizeCalculation: (bytes) => bytes.byteLength + 1,
  });

  return {
    async find(repository, reference, eyes) {
      const isGuarded = gate.guards(repository);
      const found =
        reference.tag === undefined
          ? await findManifest(metadata, repository, reference.digest)
          : isGuarded && eyes === 'insider'
            ? await findWithHeld(metadata, repository, reference.tag)
            : await findManifestByTag(metadata, repository, reference.tag);
      if (found === undefined) throw unknownManifest(reference);
      if (!isGuarded) return found;
      const { isVisible, warning } = await gate.sightOf(repository, found.digest);
      if (!isVisible && eyes === 'outsider') throw unknownManifest(reference);
      return { ...found, warning };
    },

    async read(manifest) {
      const known = cache.get(manifest.digest);
      if (known !== undefined) return known;
      const found = await findBytes(metadata, manifest.digest);
      if (found === undefined) throw unknownManifest(manifest);
      const bytes = await buffer(await store.read(found.location));
      cache.set(manifest.digest, bytes);
      return bytes;
    },

    push: (push) => pushManifest(context, push),

    async remove(repository, reference, origin) {
      await metadata.transaction(async (inside) => {
        const act = { origin, now: context.clock() };
        const removed =
          reference.tag === undefined
            ? await removeManifest(inside, { repository, digest: reference.digest, why: 'deleted' }, act)
            : await withdrawTag(inside, { repository, name: reference.tag }, act);
        if (!removed) throw unknownManifest(reference);
      });
      // It may have been what somebody vouched with.
      context.gate.wake(repository, []);
    },
  };
}

async function findWithHeld(metadata: Sql, repository: string, tag: string): Promise<ManifestRow | undefined> {
  const digest = await findTagWithHeld(metadata, repository, tag);
  return digest === undefined ? undefined : await findManifest(metadata, repository, digest);
}

function unknownManifest({ tag, digest }: { tag?: string; digest?: Digest }): RegistryError {
  const detail = tag === undefined ? { digest } : { tag };
  return new RegistryError('MANIFEST_UNKNOWN', 'no such manifest in this repository', { detail });
}
