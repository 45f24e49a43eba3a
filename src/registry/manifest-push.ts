/*
 * A manifest on its way in: what it must be, what must be here already, and the one transaction in which it becomes a fact
 * with all that follows from it.
 */
import { blobSizes } from '#metadata/blobs.ts';
import { type Origin, recordEvent } from '#metadata/events.ts';
import { findTagWithHeld } from '#metadata/held-tags.ts';
import { findManifest, insertManifest, manifestSizes } from '#metadata/manifests.ts';
import { forgetRemoved } from '#metadata/removed.ts';
import { ensureRepository } from '#metadata/repositories.ts';
import { reviewSubject } from '#metadata/reviews.ts';
import type { Sql } from '#metadata/sql.ts';
import { findTag } from '#metadata/tags.ts';
import { type Digest, algorithmOf, digestOf } from '#oci/digest.ts';
import { RegistryError, RegistryErrors } from '#oci/errors.ts';
import { type Descriptor, type Manifest, parseManifest } from '#oci/manifest.ts';
import type { Reference } from '#oci/reference.ts';
import { subjectOfTag } from '#oci/referrer-tag.ts';
import { requireAttachment } from './attachments.ts';
import { land, requireDigest, settle } from './bytes.ts';
import type { Context } from './context.ts';
import type { Gate } from './gate.ts';
import { moveTag } from './tags.ts';

/**
 * What must hold of the thing written to, so that two writers cannot overwrite each other unseen. RFC 9110, section 13.1.
 * `any`: there must be something; `none`: there must be nothing; digests: it must be, or must not be, one of these.
 */
export interface Precondition {
  readonly match?: readonly string[] | 'any' | undefined;
  readonly noneMatch?: readonly string[] | 'any' | undefined;
}

/** A manifest on its way in. */
export interface ManifestPush {
  readonly repository: string;
  readonly reference: Reference;
  /** Tags to set besides the reference. Distribution Spec, main branch, end-7b. */
  readonly tags: readonly string[];
  readonly contentType: string | undefined;
  readonly bytes: Uint8Array;
  readonly origin: Origin;
  /** The caller may only add signatures and attestations to what is there. */
  readonly attachOnly: boolean;
  readonly precondition: Precondition;
}

export interface PushedManifest {
  readonly digest: Digest;
  readonly subject: Digest | undefined;
  /** What else there is to say to whoever pushed it: that a tag is held, and why. */
  readonly warning?: string | undefined;
}

/** Takes a manifest: see `push` in manifests.ts. */
export async function pushManifest(context: Context, push: ManifestPush): Promise<PushedManifest> {
  const { repository, reference, bytes, origin } = push;
  const manifest = parseManifest(bytes, push.contentType);
  const digest = digestOf(bytes, reference.digest === undefined ? 'sha256' : algorithmOf(reference.digest));
  if (reference.digest !== undefined) requireDigest(reference.digest, digest);
  const tags = reference.tag === undefined ? push.tags : [reference.tag, ...push.tags];

  // Asked here to spare the disk a manifest that cannot be taken, and again inside, where the answer holds.
  await requireContent(context, context.metadata, repository, manifest);
  if (push.attachOnly && tags.length === 0 && (await isHere(context, push, { digest, manifest }))) {
    return { digest, subject: manifest.subject };
  }
  const grownFrom = push.attachOnly
    ? await requireAttachment(context, { repository, tags, digest, manifest })
    : undefined;
  const { gate } = context;
  const { mediaType, subject } = manifest;
  const subjects = [subject, ...tags.map(subjectOfTag)].filter((one) => one !== undefined);
  await gate.consider({ repository, digest, mediaType, sizeBytes: bytes.byteLength, tags });
  const landed = await land(context, digest, one(bytes));
  const pushed = await settle(context, landed, async (metadata) => {
    await requirePrecondition(metadata, gate, push);
    await requireContent(context, metadata, repository, manifest);
    if (push.attachOnly) await requireUnmoved(metadata, repository, tags, grownFrom);
    const now = context.clock();
    const wasHere = gate.guards(repository) && (await findManifest(metadata, repository, digest)) !== undefined;
    await ensureRepository(metadata, repository, now);
    await insertManifest(
      metadata,
      {
        ...manifest,
        repository,
        digest,
        sizeBytes: bytes.byteLength,
        blobs: manifest.blobs.map((blob) => blob.digest),
        children: manifest.children.map((child) => child.digest),
        pushedBy: origin.actor,
      },
      now,
    );
    // Pushed again it lives again, and there is nothing left to restore.
    await forgetRemoved(metadata, repository, digest);
    const detail = { mediaType: manifest.mediaType, sizeBytes: bytes.byteLength, tags };
    await recordEvent(metadata, origin, { kind: 'manifest.push', repository, reference: tags[0], digest, detail }, now);
    await gate.arrived(metadata, { repository, digest, wasHere, subjects }, now);
    const held: string[] = [];
    for (const name of tags) {
      const hold = await moveTag(metadata, { repository, name, digest, why: 'push' }, { origin, now, gate });
      if (hold !== undefined) held.push(`${name} is held: ${hold.why}`);
    }
    // What is pushed before its subject, or for one that will never come, is looked at when its time is up.
    for (const one of subjects) await reviewSubject(metadata, repository, one, now + context.graces.referrerMs);
    return { digest, subject, warning: held.length === 0 ? undefined : held.join('; ') };
  });
  gate.wake(repository, [digest, ...subjects]);
  return pushed;
}

/**
 * Whether there is nothing to do: podman and skopeo push an image again, by its digest, before they hand in its signature.
 *
 * @throws {RegistryError} DENIED (precondition) it was not to be here
 */
async function isHere(
  { metadata, gate }: Context,
  push: ManifestPush,
  { digest, manifest }: { digest: Digest; manifest: Manifest },
): Promise<boolean> {
  const here = await findManifest(metadata, push.repository, digest);
  if (here === undefined || here.mediaType !== manifest.mediaType) return false;
  await requirePrecondition(metadata, gate, push);
  return true;
}

/** @throws {RegistryError} DENIED (precondition) somebody else attached something under the tag meanwhile */
async function requireUnmoved(
  metadata: Sql,
  repository: string,
  [tag]: readonly string[],
  expected: Digest | undefined,
): Promise<void> {
  if (tag === undefined || (await findTag(metadata, repository, tag)) === expected) return;
  throw new RegistryError('DENIED', 'the tag has moved meanwhile: read it and attach again', {
    reason: 'precondition',
  });
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** @throws {RegistryErrors} for what the manifest names and the repository does not have, or has in another size */
async function requireContent(context: Context, metadata: Sql, repository: string, manifest: Manifest): Promise<void> {
  const { sparse } = context.options.manifests;
  const blobs = await sizesOf(manifest.blobs, (digests) => blobSizes(metadata, repository, digests));
  const children = await sizesOf(manifest.children, (digests) => manifestSizes(metadata, repository, digests));
  const errors = [
    ...problems(manifest.blobs, blobs, sparse === 'everything'),
    ...problems(manifest.children, children, sparse !== 'off'),
  ];
  if (errors.length > 0) throw new RegistryErrors(errors);
}

async function sizesOf(
  descriptors: readonly Descriptor[],
  find: (digests: readonly Digest[]) => Promise<Map<Digest, number>>,
): Promise<Map<Digest, number>> {
  const digests = [...new Set(descriptors.map((descriptor) => descriptor.digest))];
  const sizes = new Map<Digest, number>();
  // Databases bound the values of one statement.
  for (let start = 0; start < digests.length; start += 1000) {
    const page = await find(digests.slice(start, start + 1000));
    for (const [digest, sizeBytes] of page) sizes.set(digest, sizeBytes);
  }
  return sizes;
}

function problems(
  descriptors: readonly Descriptor[],
  sizes: ReadonlyMap<Digest, number>,
  mayBeMissing: boolean,
): RegistryError[] {
  const errors: RegistryError[] = [];
  for (const { digest, size, mediaType } of descriptors) {
    const found = sizes.get(digest);
    if (found === undefined && !mayBeMissing) {
      const detail = { digest, mediaType };
      errors.push(
        new RegistryError('MANIFEST_BLOB_UNKNOWN', 'the manifest names content not in this repository', { detail }),
      );
    }
    if (found !== undefined && found !== size) {
      const detail = { digest, expected: found, found: size };
      errors.push(
        new RegistryError('MANIFEST_INVALID', 'the manifest gives content another size than it has', { detail }),
      );
    }
  }
  return errors;
}

/** Whoever pushes saw what is held: their condition speaks of that. */
async function requirePrecondition(metadata: Sql, gate: Gate, push: ManifestPush): Promise<void> {
  const { match, noneMatch } = push.precondition;
  if (match === undefined && noneMatch === undefined) return;
  const { repository, reference } = push;
  const current =
    reference.tag === undefined
      ? (await findManifest(metadata, repository, reference.digest))?.digest
      : await (gate.guards(repository) ? findTagWithHeld : findTag)(metadata, repository, reference.tag);
  const matches = (wanted: readonly string[] | 'any'): boolean =>
    current !== undefined && (wanted === 'any' || wanted.includes(current));
  if ((match === undefined || matches(match)) && (noneMatch === undefined || !matches(noneMatch))) return;
  throw new RegistryError('DENIED', 'the manifest is not the one the request was conditional on', {
    reason: 'precondition',
    detail: { current: current ?? null },
  });
}
