import type { Readable, Writable } from 'node:stream';
import type { ZodType } from 'zod';

/** First and last byte of a range, both included, counted from zero. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** Bytes on their way in: a request, a file, or a generator around either. */
export type Body = AsyncIterable<Uint8Array>;

/** Size in bytes, and when the object got its key. */
export interface ObjectStat {
  readonly sizeBytes: number;
  readonly modified: Date;
}

/**
 * Bytes by key: the whole of what a place for blobs must do for us.
 *
 * A key is one or more `/`-separated segments of `[a-z0-9._-]`, none of them `.` or `..`; anything else is
 * refused with `bad-key` before it reaches the disk. The contract in full is `test/conformance/storage.ts`.
 */
export interface BlobStore {
  /**
   * Opens an object. The stream is the caller's to end or destroy.
   *
   * @throws {StorageError} `not-found`, or `bad-range` when the range starts past the end
   */
  read(key: string, range?: ByteRange): Promise<Readable>;
  /**
   * Writes an object, or a range of it, into a stream, and leaves the stream open. Resolves when the last byte was taken.
   *
   * @throws {StorageError} as {@link read}, before the first byte; whatever the stream fails with passes through
   */
  readInto(key: string, target: Writable, range?: ByteRange): Promise<void>;
  /**
   * All or nothing, and durable once it resolves: a body that fails half-way leaves no object and keeps the old one.
   *
   * @throws {StorageError} `no-space`; errors of the body itself pass through unchanged
   */
  write(key: string, body: Body): Promise<{ sizeBytes: number }>;
  stat(key: string): Promise<ObjectStat | undefined>;
  /** Removing what is not there is not an error. */
  delete(key: string): Promise<void>;
  /** Keys that begin with the prefix, in byte order. */
  list(prefix: string): AsyncIterable<string>;
  /**
   * Joins the parts, in order, into one durable object and removes them. One part is a rename, not a copy.
   *
   * @throws {StorageError} `not-found` when a part is missing; the target is then untouched
   */
  compose(parts: readonly string[], target: string): Promise<void>;
  /** Resolves when the store can be read and written; rejects with the reason otherwise. */
  ready(): Promise<void>;
}

/** One file in `drivers/`: its options, and how to open it. */
export interface StorageDriver<Options = unknown> {
  readonly options: ZodType<Options>;
  open(options: Options): Promise<BlobStore>;
}

export type StorageReason = 'not-found' | 'bad-range' | 'bad-key' | 'no-space' | 'unavailable';

/** What went wrong with the bytes, in words no protocol owns. */
export class StorageError extends Error {
  readonly reason: StorageReason;

  constructor(reason: StorageReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StorageError';
    this.reason = reason;
  }
}

/** @throws {StorageError} `bad-key` unless the key is of the form {@link BlobStore} promises */
export function checkKey(key: string): void {
  const segments = key.split('/');
  const sound = segments.every((segment) => /^[a-z0-9._-]+$/.test(segment) && segment !== '.' && segment !== '..');
  if (!sound) throw new StorageError('bad-key', `not a storage key: ${JSON.stringify(key)}`);
}
