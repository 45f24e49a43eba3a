import { buffer } from 'node:stream/consumers';
import { findBlobSize, findBytes } from '#metadata/blobs.ts';
import { type ManifestRow, findManifest, findManifestByTag, referrersAfter } from '#metadata/manifests.ts';
import { simpleSignaturesOf } from '#metadata/simple-signatures.ts';
import type { Sql } from '#metadata/sql.ts';
import { type Digest, algorithmOf, digestOf } from '#oci/digest.ts';
import { parseManifest } from '#oci/manifest.ts';
import type { BlobStore } from '#storage/driver.ts';
import type { ReferrerEntry, Shelf, ShelvedManifest } from './format.ts';
import { VerificationError } from './testimony.ts';

/** What the registry holds. */
export interface Stock {
  readonly metadata: Sql;
  readonly store: BlobStore;
}

// No manifest that carries a signature comes near it, and the registry may be set to take larger ones.
const MANIFEST_MAX_BYTES = 4 * 1024 * 1024;
const PAGE = 500;

/** What formats read of a repository, out of the registry itself. Bytes are hashed again: a damaged disk vouches for nobody. */
export function openShelf(stock: Stock, repository: string): Shelf {
  const { metadata } = stock;
  return {
    async *referrers(subject) {
      const of = { repository, subject, artifactType: undefined };
      for (let after = ''; ; ) {
        const page: readonly ReferrerEntry[] = await referrersAfter(metadata, { ...of, after }, PAGE);
        yield* page;
        const last = page.at(-1);
        if (last === undefined || page.length < PAGE) return;
        after = last.digest;
      }
    },

    async manifest(reference) {
      const found =
        'tag' in reference
          ? await findManifestByTag(metadata, repository, reference.tag)
          : await findManifest(metadata, repository, reference.digest);
      return found === undefined ? undefined : await readManifest(stock, found);
    },

    async blob(digest, maxBytes) {
      const sizeBytes = await findBlobSize(metadata, repository, digest);
      if (sizeBytes === undefined) throw new VerificationError('integrity', `${digest} is not here`);
      if (sizeBytes > maxBytes) {
        throw new VerificationError('integrity', `expected at most ${maxBytes} bytes, found ${sizeBytes}`);
      }
      return await readBytes(stock, digest);
    },

    async signatures(subject) {
      const rows = await simpleSignaturesOf(metadata, repository, subject);
      return rows.map(({ name, content }) => ({ name, content: Buffer.from(content, 'base64') }));
    },
  };
}

async function readManifest(stock: Stock, { digest, mediaType, sizeBytes }: ManifestRow): Promise<ShelvedManifest> {
  if (sizeBytes > MANIFEST_MAX_BYTES) {
    throw new VerificationError('integrity', `expected a manifest of at most ${MANIFEST_MAX_BYTES} bytes`);
  }
  const bytes = await readBytes(stock, digest);
  return { digest, bytes, manifest: parseManifest(bytes, mediaType) };
}

async function readBytes({ metadata, store }: Stock, digest: Digest): Promise<Uint8Array> {
  const found = await findBytes(metadata, digest);
  if (found === undefined) throw new VerificationError('integrity', `${digest} is not here`);
  const bytes = await buffer(await store.read(found.location));
  if (digestOf(bytes, algorithmOf(digest)) === digest) return bytes;
  throw new VerificationError('integrity', `what is stored as ${digest} does not hash to it`);
}
