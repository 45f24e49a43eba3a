/** The manifests this registry takes. Image Spec v1.1.1 and Docker Image Manifest v2, schema 2. */
export const IMAGE_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const IMAGE_INDEX = 'application/vnd.oci.image.index.v1+json';
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
export const DOCKER_MANIFEST_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';

/** What a manifest is made of: an image names blobs, an index names manifests. */
export type ManifestShape = 'image' | 'index';

const SHAPES: ReadonlyMap<string, ManifestShape> = new Map([
  [IMAGE_MANIFEST, 'image'],
  [DOCKER_MANIFEST, 'image'],
  [IMAGE_INDEX, 'index'],
  [DOCKER_MANIFEST_LIST, 'index'],
]);

export const MANIFEST_MEDIA_TYPES: readonly string[] = [...SHAPES.keys()];

export function shapeOf(mediaType: string): ManifestShape | undefined {
  return SHAPES.get(mediaType);
}

/**
 * Layers that a registry need not hold: they are fetched from their `urls`.
 * Image Spec v1.1.1, layer.md "Non-Distributable Layers"; Docker calls them foreign.
 */
export function isNonDistributable(mediaType: string): boolean {
  return (
    mediaType.startsWith('application/vnd.oci.image.layer.nondistributable.') ||
    mediaType.startsWith('application/vnd.docker.image.rootfs.foreign.')
  );
}

/** Whether a blob of that type is what a container's files are unpacked from. */
export function isImageLayer(mediaType: string): boolean {
  return (
    mediaType.startsWith('application/vnd.oci.image.layer.') ||
    mediaType.startsWith('application/vnd.docker.image.rootfs.') ||
    mediaType.startsWith('application/vnd.docker.container.image.rootfs.')
  );
}

/** Whether a blob of that type is what a container is started by. */
export function isImageConfig(mediaType: string): boolean {
  return (
    mediaType === 'application/vnd.oci.image.config.v1+json' ||
    mediaType === 'application/vnd.docker.container.image.v1+json'
  );
}

/** The type alone: lower case, no parameters. Distribution Spec v1.1.1: "registries SHOULD ignore parameters". */
export function bareMediaType(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}
