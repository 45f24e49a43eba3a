import { randomUUID } from 'node:crypto';
import { linkBlob } from '#metadata/blobs.ts';
import { ensureRepository } from '#metadata/repositories.ts';
import { reviewLink } from '#metadata/reviews.ts';
import {
  type UploadPart,
  type UploadRow,
  appendPart,
  deleteUpload,
  findUpload,
  idleUploads,
  insertUpload,
  partLocations,
} from '#metadata/uploads.ts';
import { type Algorithm, type Digest, DigestingBody, algorithmOf } from '#oci/digest.ts';
import { RegistryError } from '#oci/errors.ts';
import type { Body, ByteRange } from '#storage/driver.ts';
import { isTooLarge, withinMaxSize } from './blob-size.ts';
import { type Landed, land, newLocation, requireDigest, settle } from './bytes.ts';
import type { Context } from './context.ts';

/** An upload as its client sees it. */
export interface Upload {
  readonly id: string;
  readonly repository: string;
  /** How many bytes have been taken: the next stretch starts here. */
  readonly sizeBytes: number;
}

/** A stretch of an upload. Without a range it goes wherever the upload ends. */
export interface Stretch {
  readonly range?: ByteRange | undefined;
  readonly body: Body;
}

export interface Uploads {
  /** Opens an upload. Distribution Spec v1.1.1, end-4a; `algorithm` is end-4c of the main branch. */
  start(repository: string, algorithm: Algorithm, by: string): Promise<Upload>;
  /** @throws {RegistryError} BLOB_UPLOAD_UNKNOWN */
  status(repository: string, id: string): Promise<Upload>;
  /**
   * Adds a stretch; all of it or nothing. Distribution Spec v1.1.1, end-5.
   *
   * @throws {RegistryError} BLOB_UPLOAD_UNKNOWN
   * @throws {RegistryError} BLOB_UPLOAD_INVALID (range) it does not start where the upload ends, also when another
   *   request added the same stretch meanwhile; `detail.receivedBytes` says where it ends
   * @throws {RegistryError} SIZE_INVALID the body is not as long as its range
   * @throws {RegistryError} SIZE_INVALID (too-large) the blob would be larger than may be; the upload is given up
   */
  append(repository: string, id: string, stretch: Stretch): Promise<Upload>;
  /**
   * Adds the last stretch, if any, and makes the blob readable in the repository. Distribution Spec v1.1.1, end-6.
   *
   * @throws {RegistryError} as {@link append}
   * @throws {RegistryError} DIGEST_INVALID the upload stays open, without the stretch that came with this call
   */
  finish(repository: string, id: string, expected: Digest, last: Stretch | undefined): Promise<void>;
  /** Takes a whole blob at once. Distribution Spec v1.1.1, end-4b. @throws {RegistryError} SIZE_INVALID (too-large) */
  push(repository: string, expected: Digest, body: Body): Promise<void>;
  /** @throws {RegistryError} BLOB_UPLOAD_UNKNOWN. Distribution Spec v1.1.1, end-14. */
  cancel(repository: string, id: string): Promise<void>;
  /** Drops uploads that nobody added to for that long; returns how many. */
  expire(idleMs: number, signal: AbortSignal): Promise<number>;
}

export function openUploads(context: Context): Uploads {
  const { metadata, clock } = context;
  return {
    async start(repository, algorithm, by) {
      const upload: UploadRow = { id: randomUUID(), repository, algorithm, sizeBytes: 0, digest: null };
      await metadata.transaction((inside) => insertUpload(inside, upload, by, clock()));
      return upload;
    },
    status: (repository, id) => mustFind(context, repository, id),
    async append(repository, id, stretch) {
      const upload = await mustFind(context, repository, id);
      return await orGiveUp(context, upload, append(context, upload, stretch));
    },
    async finish(repository, id, expected, last) {
      const upload = await mustFind(context, repository, id);
      await orGiveUp(context, upload, finish(context, upload, expected, last));
    },
    async push(repository, expected, body) {
      await link(context, repository, await land(context, expected, withinMaxSize(context, { before: 0, body })));
    },
    async cancel(repository, id) {
      if (!(await drop(context, await mustFind(context, repository, id)))) throw unknownUpload(id);
    },
    async expire(idleMs, signal) {
      let count = 0;
      for (const upload of await idleUploads(metadata, clock() - idleMs, 10_000)) {
        if (signal.aborted) break;
        if (await drop(context, upload)) count += 1;
      }
      return count;
    },
  };
}

/** An upload that has become too large can never be finished: its bytes go at once, not when it expires. */
async function orGiveUp<T>(context: Context, upload: UploadRow, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (isTooLarge(error)) await drop(context, upload);
    throw error;
  }
}

async function append(context: Context, upload: UploadRow, stretch: Stretch): Promise<UploadRow> {
  requireStart(upload, stretch.range);
  const part = await landPart(context, upload, stretch);
  if (part === undefined) return upload;
  const { metadata, clock, store } = context;
  const added = await metadata.transaction((inside) => appendPart(inside, upload, part, clock()));
  const { sizeBytes } = upload;
  if (added) return { ...upload, sizeBytes: sizeBytes + part.sizeBytes, digest: sizeBytes === 0 ? part.digest : null };
  await store.delete(part.location);
  throw outOfOrder(await mustFind(context, upload.repository, upload.id));
}

async function finish(context: Context, upload: UploadRow, expected: Digest, last: Stretch | undefined): Promise<void> {
  requireStart(upload, last?.range);
  if (upload.sizeBytes === 0) {
    const { range, body } = last ?? { body: nothing() };
    const landed = await land(context, expected, withinMaxSize(context, { before: 0, range, body }));
    try {
      requireLength(range, landed.sizeBytes);
      await claim(context, upload);
    } catch (error) {
      await context.store.delete(landed.location);
      throw error;
    }
    await link(context, upload.repository, landed);
    return;
  }
  const part = last === undefined ? undefined : await landPart(context, upload, last);
  const parts = await partLocations(context.metadata, upload.id);
  if (part !== undefined) parts.push(part.location);
  try {
    const known = part === undefined ? upload.digest : null;
    requireDigest(expected, await digestOfParts(context, parts, known, algorithmOf(expected)));
    await claim(context, upload);
  } catch (error) {
    if (part !== undefined) await context.store.delete(part.location);
    throw error;
  }
  const sizeBytes = upload.sizeBytes + (part?.sizeBytes ?? 0);
  const landed: Landed = { digest: expected, sizeBytes, location: newLocation(expected) };
  await context.store.compose(parts, landed.location);
  await link(context, upload.repository, landed);
}

async function link(context: Context, repository: string, landed: Landed): Promise<void> {
  await settle(context, landed, async (metadata) => {
    await ensureRepository(metadata, repository, context.clock());
    await linkBlob(metadata, repository, landed, context.clock());
    const reviewAfter = context.clock() + context.graces.blobMs;
    await reviewLink(metadata, { repository, digest: landed.digest, reviewAfter });
  });
}

/** From here on the upload is ours alone: of two requests that finish it, the other finds it unknown. */
async function claim(context: Context, upload: UploadRow): Promise<void> {
  const claimed = await context.metadata.transaction((inside) => deleteUpload(inside, upload));
  if (!claimed) throw outOfOrder(await mustFind(context, upload.repository, upload.id));
}

/** Writes a stretch, hashed on its way; undefined when it turned out to be empty. */
async function landPart(context: Context, upload: UploadRow, stretch: Stretch): Promise<UploadPart | undefined> {
  const { store } = context;
  const location = `uploads/${upload.id}.${upload.sizeBytes}.${randomUUID()}`;
  const digesting = new DigestingBody(
    upload.algorithm,
    withinMaxSize(context, { ...stretch, before: upload.sizeBytes }),
  );
  const { sizeBytes } = await store.write(location, digesting);
  try {
    requireLength(stretch.range, sizeBytes);
  } catch (error) {
    await store.delete(location);
    throw error;
  }
  if (sizeBytes > 0) return { location, sizeBytes, digest: digesting.digest() };
  await store.delete(location);
  return undefined;
}

/** What came in one part was hashed on its way in; anything else is read back. */
async function digestOfParts(
  context: Context,
  parts: readonly string[],
  known: Digest | null,
  algorithm: Algorithm,
): Promise<Digest> {
  if (known !== null && algorithmOf(known) === algorithm) return known;
  const digesting = new DigestingBody(algorithm, readParts(context, parts));
  for await (const _ of digesting);
  return digesting.digest();
}

async function* readParts(context: Context, parts: readonly string[]): Body {
  for (const part of parts) yield* await context.store.read(part);
}

async function* nothing(): Body {}

/** Forgets an upload, then its parts; false when it was finished or grew meanwhile. */
async function drop(context: Context, upload: Pick<UploadRow, 'id' | 'sizeBytes'>): Promise<boolean> {
  const parts = await context.metadata.transaction(async (inside) => {
    const locations = await partLocations(inside, upload.id);
    return (await deleteUpload(inside, upload)) ? locations : undefined;
  });
  for (const part of parts ?? []) await context.store.delete(part);
  return parts !== undefined;
}

async function mustFind(context: Context, repository: string, id: string): Promise<UploadRow> {
  const upload = await findUpload(context.metadata, repository, id);
  if (upload === undefined) throw unknownUpload(id);
  return upload;
}

function unknownUpload(id: string): RegistryError {
  return new RegistryError('BLOB_UPLOAD_UNKNOWN', 'no such upload: it was never begun here, is finished, or expired', {
    detail: { upload: id.slice(0, 64) },
  });
}

function requireStart(upload: UploadRow, range: ByteRange | undefined): void {
  if (range !== undefined && range.first !== upload.sizeBytes) throw outOfOrder(upload);
}

function outOfOrder(upload: UploadRow): RegistryError {
  return new RegistryError('BLOB_UPLOAD_INVALID', `expected the stretch that starts at byte ${upload.sizeBytes}`, {
    reason: 'range',
    detail: { receivedBytes: upload.sizeBytes },
  });
}

function requireLength(range: ByteRange | undefined, sizeBytes: number): void {
  if (range === undefined || range.last - range.first + 1 === sizeBytes) return;
  const promised = range.last - range.first + 1;
  throw new RegistryError('SIZE_INVALID', `expected ${promised} bytes by the range given, found ${sizeBytes}`);
}
