import type { Manifest } from '#oci/manifest.ts';

/** What a layer holds: a payload with its signature beside it, a DSSE envelope, or a bundle of sigstore. */
export type Layout = 'payload' | 'envelope' | 'bundle';

const BUNDLE = 'application/vnd.dev.sigstore.bundle';

/** Types of layers. cosign v3.1, pkg/types/media.go. */
const LAYERS: ReadonlyMap<string, Layout> = new Map([
  ['application/vnd.dev.cosign.simplesigning.v1+json', 'payload'],
  ['application/vnd.dsse.envelope.v1+json', 'envelope'],
]);

/** Types of manifests in the layout that cosign calls "experimental OCI 1.1", of their configuration as well. */
const ARTIFACTS: ReadonlyMap<string, Layout> = new Map([
  ['application/vnd.dev.cosign.artifact.sig.v1+json', 'payload'],
  ['application/vnd.dev.cosign.artifact.att.v1+json', 'envelope'],
]);

/** What manifests of that artifact type, or with a configuration of that type, hold in their layers. */
export function layoutOfArtifact(type: string): Layout | undefined {
  // Versions are told apart by what is in the bundle: its own type.
  return type.startsWith(BUNDLE) ? 'bundle' : ARTIFACTS.get(type);
}

/** What a layer of that type holds, when it says so. */
export function layoutOfLayer(type: string): Layout | undefined {
  return type.startsWith(BUNDLE) ? 'bundle' : LAYERS.get(type);
}

/** What a manifest says that its layers hold. */
export function layoutOfManifest({ artifactType, config }: Manifest): Layout | undefined {
  return layoutOfArtifact(artifactType) ?? layoutOfArtifact(config?.mediaType ?? '');
}
