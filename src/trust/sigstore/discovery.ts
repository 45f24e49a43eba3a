import { type Digest, algorithmOf, hexOf } from '#oci/digest.ts';
import type { Descriptor } from '#oci/manifest.ts';
import type { Part, ReferrerEntry, Shelf, ShelvedManifest, Subject } from '../format.ts';
import { BUNDLE_MAX_BYTES } from './bundle.ts';
import { type Layout, layoutOfArtifact, layoutOfLayer, layoutOfManifest } from './layout.ts';
import { PAYLOAD_MAX_BYTES } from './legacy-payload.ts';
import { ENVELOPE_MAX_BYTES } from './statement.ts';
import { inTurns } from './turns.ts';

/** Something that may be a signature, as bytes; or why it could not be read. */
export type Candidate = Place &
  ({ readonly layout: Layout; readonly content: Uint8Array; readonly annotations: unknown } | Unread);

interface Place {
  /** Where it was found, in words. */
  readonly source: string;
  readonly manifest: Digest | undefined;
  readonly part?: Part;
}

interface Unread {
  readonly problem: string;
}

type Found = Place & ({ readonly layout: Layout; readonly layer: Descriptor } | Unread);

/** Of one subject. Hundreds of signers are imaginable; ten thousand are an attack. */
const MAX_CANDIDATES = 2000;
/** Of one manifest: cosign reads no more, either. */
const MAX_LAYERS = 1000;
/** Referrers whose artifact type says nothing, which are looked into after all others. */
const MAX_LOOKED_INTO = 1000;
/** A signature with certificate, log entry and time stamp is of 10 KiB: those are read however many others there are. */
const SMALL_BYTES = 64 << 10;
/** What all candidates that are not small may have in sum: sixteen of the largest. */
const LARGE_MAX_BYTES = 128 << 20;

const MAX_BYTES: Readonly<Record<Layout, number>> = {
  payload: PAYLOAD_MAX_BYTES,
  envelope: ENVELOPE_MAX_BYTES,
  bundle: BUNDLE_MAX_BYTES,
};

/**
 * Everything that cosign may have left about a subject, in any of its layouts:
 *
 *     tag sha256-<hex>.sig    layers: payloads, each with its signature in an annotation
 *     tag sha256-<hex>.att    layers: envelopes
 *     referrers               layers: the same, or a bundle
 *
 * One of each in turn, at most 2000 in all, so that many in one place hide none in another.
 */
export async function* candidatesOf(subject: Subject, shelf: Shelf): AsyncGenerator<Candidate, void> {
  const read = readerOf(shelf);
  let count = 0;
  for await (const found of inTurns([
    tagged(subject, shelf, 'payload'),
    tagged(subject, shelf, 'envelope'),
    referring(subject, shelf),
  ])) {
    if (count === MAX_CANDIDATES) {
      yield { source: 'the rest', manifest: undefined, problem: `only ${MAX_CANDIDATES} signatures are looked at` };
      return;
    }
    count += 1;
    yield await read(found);
  }
}

async function* tagged(subject: Subject, shelf: Shelf, layout: 'payload' | 'envelope'): AsyncGenerator<Found, void> {
  // The tag of a longer digest would be no tag: it may have 128 characters.
  if (algorithmOf(subject.digest) !== 'sha256') return;
  const tag = `sha256-${hexOf(subject.digest)}.${layout === 'payload' ? 'sig' : 'att'}`;
  const source = `tag ${tag}`;
  const shelved = await attempt(() => shelf.manifest({ tag }));
  if (shelved === undefined) return;
  if ('problem' in shelved) yield { source, manifest: undefined, ...shelved };
  else yield* layersOf(shelved, source, layout);
}

async function* referring(subject: Subject, shelf: Shelf): AsyncGenerator<Found, void> {
  const silent: ReferrerEntry[] = [];
  try {
    for await (const entry of shelf.referrers(subject.digest)) {
      if (layoutOfArtifact(entry.artifactType) !== undefined) yield* referrer(entry, shelf);
      else if (silent.length < MAX_LOOKED_INTO) silent.push(entry);
    }
  } catch (error) {
    yield { source: 'referrers', manifest: undefined, ...unread(error) };
  }
  for (const entry of silent) yield* referrer(entry, shelf);
}

async function* referrer({ digest }: ReferrerEntry, shelf: Shelf): AsyncGenerator<Found, void> {
  const source = `referrer ${digest}`;
  const shelved = await attempt(() => shelf.manifest({ digest }));
  if (shelved === undefined) return;
  if ('problem' in shelved) {
    yield { source, manifest: digest, ...shelved };
    return;
  }
  yield* layersOf(shelved, source, layoutOfManifest(shelved.manifest));
}

/** @param layout of layers that do not say it themselves; without it those are none of ours */
function* layersOf(shelved: ShelvedManifest, source: string, layout: Layout | undefined): Generator<Found, void> {
  const { digest: manifest } = shelved;
  const { layers } = shelved.manifest;
  if (layers.length === 0 && layout !== undefined) yield { source, manifest, problem: 'it has no layers' };
  const of = layers.map((layer) => layer.digest);
  for (const [index, layer] of layers.slice(0, MAX_LAYERS).entries()) {
    const held = layoutOfLayer(layer.mediaType) ?? layout;
    if (held === undefined) continue;
    const place = layers.length === 1 ? source : `${source}, layer ${index + 1}`;
    yield { source: place, manifest, part: { layer: layer.digest, of }, layout: held, layer };
  }
  if (layers.length > MAX_LAYERS && layout !== undefined) {
    yield { source, manifest, problem: `only the first ${MAX_LAYERS} of its ${layers.length} layers are looked at` };
  }
}

function readerOf(shelf: Shelf): (found: Found) => Promise<Candidate> {
  let largeBytes = LARGE_MAX_BYTES;
  return async (found) => {
    if ('problem' in found) return found;
    const { layout, layer, ...place } = found;
    const maxBytes = MAX_BYTES[layout];
    if (layer.size > maxBytes) {
      return { ...place, problem: `expected at most ${maxBytes} bytes, found ${layer.size}` };
    }
    if (layer.size > SMALL_BYTES) {
      if (layer.size > largeBytes) return { ...place, problem: 'not read: there are too many large ones' };
      largeBytes -= layer.size;
    }
    // Not a byte more than counted.
    const content = await attempt(() => shelf.blob(layer.digest, layer.size));
    if ('problem' in content) return { ...place, ...content };
    return { ...place, layout, content, annotations: layer['annotations'] };
  };
}

/** One that cannot be read must not keep the others from being read. */
async function attempt<T>(read: () => Promise<T>): Promise<T | Unread> {
  try {
    return await read();
  } catch (error) {
    return unread(error);
  }
}

function unread(error: unknown): Unread {
  return { problem: `it cannot be read: ${error instanceof Error ? error.message : String(error)}` };
}
