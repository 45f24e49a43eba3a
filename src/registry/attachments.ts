/*
 * What somebody may push who may only attach: signatures and attestations to a manifest that is there, and nothing that
 * a container could be started from.
 */
import { buffer } from 'node:stream/consumers';
import { findBytes } from '#metadata/blobs.ts';
import { findManifest, findManifestByTag, referrersAfter } from '#metadata/manifests.ts';
import type { Digest } from '#oci/digest.ts';
import { RegistryError } from '#oci/errors.ts';
import { type Descriptor, type Manifest, parseManifest } from '#oci/manifest.ts';
import { isImageConfig, isImageLayer } from '#oci/media-type.ts';
import { isIndexTag, subjectOfTag } from '#oci/referrer-tag.ts';
import type { Context } from './context.ts';

/** A manifest that is to be an attachment. */
interface Attachment {
  readonly repository: string;
  readonly tags: readonly string[];
  readonly digest: Digest;
  readonly manifest: Manifest;
}

/**
 * Takes a referrer pushed by its digest, a manifest under one of cosign's tags, or the index of what is attached under
 * its tag. What has a tag may only grow: what others attached stays.
 *
 * @returns what the tag points at now, if it is pushed by tag: it must still do so when the tag is moved
 * @throws {RegistryError} DENIED, saying which rule it breaks
 */
export async function requireAttachment(context: Context, attachment: Attachment): Promise<Digest | undefined> {
  const { repository, tags, manifest } = attachment;
  const [tag, ...others] = tags;
  if (manifest.layers.some(({ mediaType }) => isImageLayer(mediaType))) {
    throw denied('a manifest with the layers of an image');
  }
  if (tag === undefined && isImageConfig(manifest.config?.mediaType ?? '')) {
    throw denied('a manifest with the configuration of an image');
  }
  const isIndex = manifest.config === undefined;
  if (isIndex && tag === undefined) throw denied('an index');
  const subject = tag === undefined ? manifest.subject : isIndexTag(tag) === isIndex ? subjectOfTag(tag) : undefined;
  if (subject === undefined) throw denied(tag === undefined ? 'a manifest without a subject' : 'a tag');
  if (others.length > 0) throw denied('several tags');
  // Under one of cosign's tags a manifest may name a subject besides: then it belongs to both.
  for (const digest of new Set([subject, manifest.subject ?? subject])) {
    if ((await findManifest(context.metadata, repository, digest)) === undefined) {
      throw denied('something that belongs to a manifest that is not here');
    }
  }
  // The same bytes may be pushed as another type where they do not say their own: to all who read them they are then it.
  const here = await findManifest(context.metadata, repository, attachment.digest);
  if (here !== undefined && here.mediaType !== manifest.mediaType) throw denied('another type of what is here');
  if (isIndex) await requireReferrers(context, attachment, subject);
  return tag === undefined ? undefined : await requireGrowth(context, attachment, tag);
}

/** An index can name an image to start: this one may name nothing but what is attached already. */
async function requireReferrers(
  { metadata }: Context,
  { repository, manifest }: Attachment,
  subject: Digest,
): Promise<void> {
  const left = new Set(manifest.children.map(({ digest }) => digest));
  const of = { repository, subject, artifactType: undefined };
  for (let after = ''; left.size > 0; ) {
    const page = await referrersAfter(metadata, { ...of, after }, 1000);
    for (const { digest } of page) left.delete(digest);
    const last = page.at(-1);
    if (last === undefined) throw denied('an index of anything else');
    after = last.digest;
  }
}

/** cosign signs again by writing the same tag with one layer more; an index of signatures gets one entry more. */
async function requireGrowth(
  { metadata, store }: Context,
  { repository, manifest }: Attachment,
  tag: string,
): Promise<Digest | undefined> {
  const current = await findManifestByTag(metadata, repository, tag);
  const bytes = current === undefined ? undefined : await findBytes(metadata, current.digest);
  if (current === undefined || bytes === undefined) return undefined;
  const before = parseManifest(await buffer(await store.read(bytes.location)), current.mediaType);
  const [had, has] = [before, manifest].map(({ layers, children }) => [...layers, ...children]);
  if (before.shape !== manifest.shape || !isKept(had ?? [], has ?? [])) {
    throw denied('a manifest without the signatures that were there before');
  }
  return current.digest;
}

/**
 * Whether each layer is among the others, as often as it is here. Two signatures of one image are layers of the same
 * digest: the signature itself stands in the annotations.
 */
function isKept(layers: readonly Descriptor[], others: readonly Descriptor[]): boolean {
  const counts = new Map<string, number>();
  for (const layer of others) counts.set(identityOf(layer), (counts.get(identityOf(layer)) ?? 0) + 1);
  return layers.every((layer) => {
    const left = counts.get(identityOf(layer)) ?? 0;
    counts.set(identityOf(layer), left - 1);
    return left > 0;
  });
}

/** What tells one layer from another: its content and its annotations, in whatever order they are written. */
function identityOf({ mediaType, digest, annotations }: Descriptor): string {
  const entries = typeof annotations === 'object' && annotations !== null ? Object.entries(annotations) : [];
  // Only texts are annotations; anything else might be nested deeper than can be written out.
  const texts = entries.filter(([, value]) => typeof value === 'string').map(([name, value]) => `${name}=${value}`);
  return JSON.stringify([mediaType, digest, ...texts.sort()]);
}

function denied(what: string): RegistryError {
  return new RegistryError(
    'DENIED',
    `the permission to attach is for signatures and attestations to what is here: not for ${what}`,
  );
}
