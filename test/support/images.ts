import { randomBytes } from 'node:crypto';
import { type Algorithm, type Digest, digestOf } from '#oci/digest.ts';
import { IMAGE_INDEX, IMAGE_MANIFEST } from '#oci/media-type.ts';
import { type Answer, call } from './client.ts';

export interface TestBlob {
  readonly digest: Digest;
  readonly bytes: Buffer;
}

export interface TestManifest {
  readonly digest: Digest;
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly blobs: readonly TestBlob[];
}

/** A blob nobody else has, or of the bytes given. */
export function aBlob({ bytes, algorithm }: { bytes?: Buffer | string; algorithm?: Algorithm } = {}): TestBlob {
  const content = bytes === undefined ? randomBytes(64) : Buffer.from(bytes);
  return { bytes: content, digest: digestOf(content, algorithm ?? 'sha256') };
}

const descriptor = (mediaType: string, { digest, bytes }: { digest: Digest; bytes: Buffer }) => ({
  mediaType,
  digest,
  size: bytes.length,
});

/** An image with random layers; `fields` replace or add to the document's own. */
export function aManifest({
  layers = 2,
  mediaType = IMAGE_MANIFEST,
  algorithm = 'sha256',
  fields = {},
}: {
  layers?: number;
  mediaType?: string;
  algorithm?: Algorithm;
  fields?: object;
} = {}): TestManifest {
  const config = aBlob({
    bytes: JSON.stringify({ architecture: 'amd64', os: 'linux', nonce: randomBytes(8).toString('hex') }),
    algorithm,
  });
  const layerBlobs = Array.from({ length: layers }, () => aBlob({ algorithm }));
  const document = {
    schemaVersion: 2,
    mediaType,
    config: descriptor('application/vnd.oci.image.config.v1+json', config),
    layers: layerBlobs.map((layer) => descriptor('application/vnd.oci.image.layer.v1.tar', layer)),
    ...fields,
  };
  const bytes = Buffer.from(JSON.stringify(document));
  return { bytes, digest: digestOf(bytes, algorithm), mediaType, blobs: [config, ...layerBlobs] };
}

/** An index over manifests; `fields` replace or add to the document's own. */
export function anIndex(
  children: readonly TestManifest[],
  { mediaType = IMAGE_INDEX, fields = {} }: { mediaType?: string; fields?: object } = {},
): TestManifest {
  const document = {
    schemaVersion: 2,
    mediaType,
    manifests: children.map((child) => descriptor(child.mediaType, child)),
    ...fields,
  };
  const bytes = Buffer.from(JSON.stringify(document));
  return { bytes, digest: digestOf(bytes, 'sha256'), mediaType, blobs: [] };
}

export async function pushBlob(url: string, repository: string, blob: TestBlob): Promise<Answer> {
  return await call(url, {
    method: 'POST',
    path: `/v2/${repository}/blobs/uploads/?digest=${blob.digest}`,
    headers: { 'content-type': 'application/octet-stream' },
    body: blob.bytes,
  });
}

export async function putManifest(
  url: string,
  repository: string,
  manifest: Pick<TestManifest, 'bytes' | 'mediaType'>,
  reference: string,
): Promise<Answer> {
  return await call(url, {
    method: 'PUT',
    path: `/v2/${repository}/manifests/${reference}`,
    headers: { 'content-type': manifest.mediaType },
    body: manifest.bytes,
  });
}

/** Pushes the blobs, then the manifest under the reference, by default its own digest. */
export async function pushImage(
  url: string,
  repository: string,
  manifest: TestManifest,
  reference: string = manifest.digest,
): Promise<Answer> {
  for (const blob of manifest.blobs) await pushBlob(url, repository, blob);
  return await putManifest(url, repository, manifest, reference);
}
