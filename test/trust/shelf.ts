import { type Algorithm, type Digest, digestOf } from '#oci/digest.ts';
import { parseManifest } from '#oci/manifest.ts';
import { IMAGE_MANIFEST } from '#oci/media-type.ts';
import type { Shelf, ShelvedManifest, ShelvedSignature, Subject } from '#trust/format.ts';
import { VerificationError } from '#trust/testimony.ts';

/** A layer of a manifest that is to be put on a shelf. */
export interface LayerToPut {
  readonly mediaType: string;
  readonly content: string | Uint8Array;
  readonly annotations?: Readonly<Record<string, unknown>>;
}

/** A manifest that is to be put on a shelf; `fields` replace or add to the document's own. */
export interface ArtifactToPut {
  readonly layers?: readonly LayerToPut[];
  readonly tag?: string;
  readonly subject?: Subject;
  readonly fields?: object;
}

/** A repository's content in memory, and how to put some there. */
export interface MemoryShelf extends Shelf {
  putBlob(content: string | Uint8Array, algorithm?: Algorithm): Digest;
  /** Whatever the bytes are worth: that they are a manifest is found out here. */
  putManifest(content: string | Uint8Array, named?: { readonly tag?: string; readonly algorithm?: Algorithm }): Digest;
  /** An image manifest of these layers, and their blobs. */
  putArtifact(artifact: ArtifactToPut): Digest;
  putSignature(subject: Digest, signature: ShelvedSignature): void;
  /** Whatever reads it later finds that it is not there. */
  dropBlob(digest: Digest): void;
}

const EMPTY_CONFIG = 'application/vnd.oci.empty.v1+json';

export const bytesOf = (content: string | Uint8Array): Uint8Array =>
  typeof content === 'string' ? new TextEncoder().encode(content) : content;

/** An empty shelf. */
export function aShelf(): MemoryShelf {
  const blobs = new Map<Digest, Uint8Array>();
  const manifests = new Map<Digest, ShelvedManifest>();
  const tags = new Map<string, Digest>();
  const signatures = new Map<Digest, ShelvedSignature[]>();

  const putBlob: MemoryShelf['putBlob'] = (content, algorithm = 'sha256') => {
    const bytes = bytesOf(content);
    const digest = digestOf(bytes, algorithm);
    blobs.set(digest, bytes);
    return digest;
  };
  const putManifest: MemoryShelf['putManifest'] = (content, { tag, algorithm = 'sha256' } = {}) => {
    const bytes = bytesOf(content);
    const digest = digestOf(bytes, algorithm);
    manifests.set(digest, { digest, bytes, manifest: parseManifest(bytes, undefined) });
    if (tag !== undefined) tags.set(tag, digest);
    return digest;
  };
  const describe = (mediaType: string, content: string | Uint8Array) => ({
    mediaType,
    digest: putBlob(content),
    size: bytesOf(content).length,
  });

  return {
    putBlob,
    putManifest,
    putArtifact({ layers = [], tag, subject, fields = {} }) {
      const document = {
        schemaVersion: 2,
        mediaType: IMAGE_MANIFEST,
        config: describe(EMPTY_CONFIG, '{}'),
        layers: layers.map(({ mediaType, content, annotations }) => ({
          ...describe(mediaType, content),
          ...(annotations === undefined ? {} : { annotations }),
        })),
        ...(subject === undefined
          ? {}
          : { subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.sizeBytes } }),
        ...fields,
      };
      return putManifest(JSON.stringify(document), tag === undefined ? {} : { tag });
    },
    putSignature(subject, signature) {
      signatures.set(subject, [...(signatures.get(subject) ?? []), signature]);
    },
    dropBlob: (digest) => void blobs.delete(digest),

    async *referrers(subject) {
      const sorted = [...manifests.values()].sort((one, other) => (one.digest < other.digest ? -1 : 1));
      for (const { digest, bytes, manifest } of sorted) {
        if (manifest.subject !== subject) continue;
        const { mediaType, artifactType } = manifest;
        yield { digest, mediaType, artifactType, sizeBytes: bytes.length };
      }
    },
    async manifest(reference) {
      const digest = 'digest' in reference ? reference.digest : tags.get(reference.tag);
      return digest === undefined ? undefined : manifests.get(digest);
    },
    async blob(digest, maxBytes) {
      const bytes = blobs.get(digest);
      if (bytes === undefined) throw new VerificationError('integrity', `there is no blob ${digest}`);
      if (bytes.length <= maxBytes) return bytes;
      throw new VerificationError('integrity', `expected a blob of at most ${maxBytes} bytes, found ${bytes.length}`);
    },
    signatures: async (subject) => signatures.get(subject) ?? [],
  };
}

/** A manifest on the shelf that signatures can be about. */
export function aSubject(shelf: MemoryShelf, of: { repository?: string; algorithm?: Algorithm } = {}): Subject {
  const { repository = 'team-a/app', algorithm = 'sha256' } = of;
  const layer = shelf.putBlob(`a layer of ${repository}`, algorithm);
  const config = shelf.putBlob('{}', algorithm);
  const document = {
    schemaVersion: 2,
    mediaType: IMAGE_MANIFEST,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config, size: 2 },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layer, size: 11 + repository.length }],
  };
  const content = JSON.stringify(document);
  const digest = shelf.putManifest(content, { algorithm });
  return { repository, digest, mediaType: IMAGE_MANIFEST, sizeBytes: bytesOf(content).length };
}
