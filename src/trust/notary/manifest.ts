import type { Descriptor } from '#oci/manifest.ts';
import { IMAGE_MANIFEST } from '#oci/media-type.ts';
import type { ReferrerEntry, Shelf, ShelvedManifest } from '../format.ts';
import { readCose } from './cose.ts';
import { type Envelope, MAX_ENVELOPE_BYTES, malformed, shown } from './envelope.ts';
import { readJws } from './jws.ts';

/** What marks a manifest as a signature: its artifact type or, in older ones, its config's type. */
export const SIGNATURE_TYPE = 'application/vnd.cncf.notary.signature';

const EMPTY_TYPE = 'application/vnd.oci.empty.v1+json';

/** Largest manifest that is looked at, bytes: what notation takes, and what this registry accepts. */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

const READERS: ReadonlyMap<string, (bytes: Uint8Array) => Envelope> = new Map([
  ['application/jose+json', readJws],
  ['application/cose', readCose],
]);

/**
 * Fetches and reads the envelope that a manifest brings. signature-specification.md v1.1.0, "Storage".
 *
 * @throws {VerificationError} integrity: there is none, it is too large, or not an envelope
 */
export async function openEnvelope(entry: ReferrerEntry, shelf: Shelf): Promise<Envelope> {
  if (entry.sizeBytes > MAX_MANIFEST_BYTES) {
    throw malformed(`expected a manifest of at most ${MAX_MANIFEST_BYTES} bytes, found ${entry.sizeBytes}`);
  }
  const shelved = await shelf.manifest({ digest: entry.digest });
  if (shelved === undefined) throw malformed('the manifest is not there');
  const layer = layerOf(shelved);
  const read = READERS.get(layer.mediaType);
  if (read === undefined) throw malformed(`expected an envelope of JWS or COSE, found ${shown(layer.mediaType)}`);
  if (layer.size > MAX_ENVELOPE_BYTES) {
    throw malformed(`expected an envelope of at most ${MAX_ENVELOPE_BYTES} bytes, found ${layer.size}`);
  }
  const bytes = await shelf.blob(layer.digest, MAX_ENVELOPE_BYTES);
  if (bytes.length !== layer.size)
    throw malformed(`expected an envelope of ${layer.size} bytes, found ${bytes.length}`);
  return read(bytes);
}

function layerOf({ manifest }: ShelvedManifest): Descriptor {
  if (manifest.mediaType !== IMAGE_MANIFEST) {
    throw malformed(`expected a manifest of ${IMAGE_MANIFEST}, found ${shown(manifest.mediaType)}`);
  }
  if (manifest.artifactType !== SIGNATURE_TYPE) {
    throw malformed(`expected the artifact type ${SIGNATURE_TYPE}, found ${shown(manifest.artifactType)}`);
  }
  const config = manifest.config?.mediaType;
  // A manifest without an artifact type has its config's for one.
  if (config !== EMPTY_TYPE && config !== SIGNATURE_TYPE) {
    throw malformed(`expected a config of ${EMPTY_TYPE}, found ${shown(config)}`);
  }
  const [layer, ...more] = manifest.layers;
  if (layer === undefined || more.length > 0) throw malformed(`expected one layer, found ${manifest.layers.length}`);
  return layer;
}
