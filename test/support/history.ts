import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Digest } from '#oci/digest.ts';
import type { ManifestPush } from '#registry/manifest-push.ts';
import { type CollectReport, collect } from '#retention/collect.ts';
import { type TestManifest, aManifest, anIndex } from './images.ts';
import { ORIGIN, type Rooms, bodyOf } from './rooms.ts';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/** Pushes and collects in the rooms below http. */
export interface Playground {
  push(repository: string, image: TestManifest, tag?: string): Promise<TestManifest>;
  pushNew(repository: string, tag?: string, fields?: object): Promise<TestManifest>;
  collect(undoWindowMs?: number): Promise<CollectReport>;
  /** Whether a manifest, its children and all their blobs can be read, byte for byte. */
  isWhole(repository: string, image: TestManifest): Promise<boolean>;
  has(repository: string, digest: Digest): Promise<boolean>;
  readonly origin: typeof ORIGIN;
}

/** The push of an image, under its digest unless a tag is given. */
export function pushOf(repository: string, image: TestManifest, tag?: string): ManifestPush {
  return {
    repository,
    reference: tag === undefined ? { digest: image.digest } : { tag },
    tags: [],
    contentType: image.mediaType,
    bytes: image.bytes,
    origin: ORIGIN,
    attachOnly: false,
    precondition: {},
  };
}

export function aPlayground(rooms: Rooms): Playground {
  const { registry } = rooms;
  const push = async (repository: string, image: TestManifest, tag?: string): Promise<TestManifest> => {
    for (const blob of image.blobs) await registry.uploads.push(repository, blob.digest, bodyOf(blob.bytes));
    await registry.manifests.push(pushOf(repository, image, tag));
    return image;
  };
  const has = async (repository: string, digest: Digest): Promise<boolean> => {
    const found = registry.manifests.find(repository, { digest }, 'outsider');
    return await found.then(
      () => true,
      () => false,
    );
  };
  return {
    origin: ORIGIN,
    push,
    has,
    pushNew: (repository, tag, fields = {}) => push(repository, aManifest({ fields }), tag),
    collect: (undoWindowMs = 7 * DAY) => collect(rooms.context, { undoWindowMs }),
    async isWhole(repository, image) {
      const manifest = await registry.manifests.find(repository, { digest: image.digest }, 'outsider');
      if (!(await registry.manifests.read(manifest)).equals(image.bytes)) return false;
      for (const { digest, bytes } of image.blobs) {
        const target = new PassThrough();
        const reading = buffer(target);
        await registry.blobs.send(await registry.blobs.find(repository, digest, 'outsider'), target);
        target.end();
        if (!(await reading).equals(bytes)) return false;
      }
      return true;
    },
  };
}

/** A manifest that belongs to another, as a signature does. */
export function aReferrer(subject: TestManifest): TestManifest {
  const { mediaType, digest, bytes } = subject;
  return aManifest({
    layers: 1,
    fields: { subject: { mediaType, digest, size: bytes.length }, artifactType: 'application/vnd.example.signature' },
  });
}

export { aManifest, anIndex };
