import { type Digest, hexOf } from '#oci/digest.ts';
import { type TestBlob, type TestManifest, aBlob, aManifest } from './images.ts';

/** The type of what cosign signs. */
export const PAYLOAD_TYPE = 'application/vnd.dev.cosign.simplesigning.v1+json';
/** The configuration of an image, which cosign writes for its signatures too. */
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
/** The config of what has none. */
export const EMPTY = aBlob({ bytes: '{}' });
/** Stands for a bundle of sigstore. */
export const BUNDLE = aBlob();
/** What was signed: the same for every signature of an image. */
export const PAYLOAD = aBlob();

/** A descriptor, as a manifest holds it. */
export interface Part {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly annotations?: Record<string, string>;
}

/** The descriptor of a blob. */
export const part = (mediaType: string, { digest, bytes }: TestBlob, annotations?: Record<string, string>): Part => ({
  mediaType,
  digest,
  size: bytes.length,
  ...(annotations === undefined ? {} : { annotations }),
});

/** The descriptor of a manifest. */
export const subjectOf = ({ mediaType, digest, bytes }: TestManifest): Part => ({
  mediaType,
  digest,
  size: bytes.length,
});

/** A manifest as cosign pushes it under `sha256-<hex>.sig`: one layer for each signature, told apart by annotations. */
export function signatures(values: readonly string[], fields: object = {}): TestManifest {
  return aManifest({
    layers: 0,
    fields: {
      config: part(OCI_CONFIG, EMPTY),
      layers: values.map((value) => part(PAYLOAD_TYPE, PAYLOAD, { 'dev.cosignproject.cosign/signature': value })),
      ...fields,
    },
  });
}

/** cosign's tag for what belongs to a manifest. */
export const tagOf = ({ digest }: { digest: Digest }, suffix = 'sig'): string => `sha256-${hexOf(digest)}.${suffix}`;
