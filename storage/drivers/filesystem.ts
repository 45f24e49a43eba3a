/*
 * Blobs on a local disk.
 *
 *   <root>/
 *   ├── blobs/<algorithm>/<2 hex>/<hex>.<uuid>   whole and checked: the only place that is read for pulls
 *   ├── uploads/<uuid>.<start byte>.<uuid>       parts of uploads under way
 *   └── .tmp/<uuid>                              bodies still arriving; nothing here was ever acknowledged
 *
 * The folders above `.tmp` follow from the keys the registry chooses; the driver itself only knows `.tmp`.
 * An object is written to `.tmp`, fsynced, renamed to its key, and the folder of the key is fsynced: a crash leaves
 * either the old state or the new one, and at worst a file in `.tmp`, which a start an hour later removes.
 */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, constants, mkdir, open, readdir, rename, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import type { Readable } from 'node:stream';
import {
  type BlobStore,
  type Body,
  type ByteRange,
  type ObjectStat,
  type StorageDriver,
  StorageError,
  checkKey,
} from '../driver.ts';
import { type FilesystemOptions, filesystemOptions } from '../options.ts';
import { copyInto } from '../pump.ts';

// Large enough that a gigabyte costs few trips to the thread pool, small enough for hundreds of transfers at once.
const READ_CHUNK_BYTES = 256 * 1024;
const WRITE_BATCH_BYTES = 128 * 1024;
// How much may be on its way to the disk before it is asked to hurry: the last fsync then finds little left to do.
const SYNC_EVERY_BYTES = 16 * 1024 * 1024;
const TEMPORARY = '.tmp';
// No body stands still for so long: what has not grown since belongs to a process that died.
const ABANDONED_MS = 60 * 60 * 1000;

export const driver: StorageDriver<FilesystemOptions> = {
  options: filesystemOptions,
  async open({ root }) {
    await makeFolder(join(root, TEMPORARY));
    await removeAbandoned(join(root, TEMPORARY));
    return filesystemStore(root);
  },
};

function filesystemStore(root: string): BlobStore {
  const pathOf = (key: string): string => {
    checkKey(key);
    if (key.startsWith(`${TEMPORARY}/`)) throw new StorageError('bad-key', `not a storage key: ${JSON.stringify(key)}`);
    return join(root, ...key.split('/'));
  };
  const temporaryPath = (): string => join(root, TEMPORARY, randomUUID());

  return {
    async read(key, range) {
      return await openForReading(pathOf(key), key, range);
    },

    async readInto(key, target, range) {
      const { handle, first, end } = await openRange(pathOf(key), key, range);
      try {
        await copyInto(target, handle, { first, end });
      } finally {
        await handle.close();
      }
    },

    async write(key, body) {
      const target = pathOf(key);
      const temporary = temporaryPath();
      const sizeBytes = await writeFile(temporary, body);
      await publish(temporary, target);
      return { sizeBytes };
    },

    async stat(key) {
      return await statFile(pathOf(key));
    },

    async delete(key) {
      const path = pathOf(key);
      // Linux says EISDIR, others EPERM or EACCES, of a folder: only an object can be deleted.
      if ((await statFile(path)) !== undefined) await unlink(path).catch(ignore('ENOENT', 'ENOTDIR'));
      await pruneFolders(dirname(path), root);
    },

    list: (prefix) => walk(root, prefix),

    async compose(parts, target) {
      const targetPath = pathOf(target);
      const paths = parts.map(pathOf);
      const [only] = paths;
      if (only !== undefined && paths.length === 1) {
        await publish(only, targetPath).catch(translate(target));
        await pruneFolders(dirname(only), root);
        return;
      }
      const temporary = temporaryPath();
      await writeFile(temporary, readAll(paths, parts));
      await publish(temporary, targetPath);
      for (const path of paths) {
        await unlink(path).catch(ignore('ENOENT'));
        await pruneFolders(dirname(path), root);
      }
    },

    async ready() {
      const temporary = temporaryPath();
      await writeFile(temporary, readAll([], [])).catch(translate(TEMPORARY));
      await unlink(temporary);
    },
  };
}

/** Other processes may be writing beside this one, so age decides, not the start. */
async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const found = await stat(join(folder, name)).catch(ignore('ENOENT'));
    if (found !== undefined && Date.now() - found.mtimeMs > ABANDONED_MS) {
      await unlink(join(folder, name)).catch(ignore('ENOENT'));
    }
  }
}

async function openForReading(path: string, key: string, range?: ByteRange): Promise<Readable> {
  const { handle, first, end } = await openRange(path, key, range);
  // A stream cannot be told to read nothing.
  const bounds = end === 0 ? {} : { start: first, end: end - 1 };
  return createReadStream('', { fd: handle, highWaterMark: READ_CHUNK_BYTES, ...bounds });
}

/** Opens a file and says which of its bytes are meant: from `first` up to, not including, `end`. */
async function openRange(
  path: string,
  key: string,
  range: ByteRange | undefined,
): Promise<{ handle: FileHandle; first: number; end: number }> {
  const handle = await open(path, constants.O_RDONLY).catch(translate(key));
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw new StorageError('not-found', `no such object: ${key}`);
    const { size } = found;
    if (range === undefined) return { handle, first: 0, end: size };
    if (range.first >= size) {
      throw new StorageError('bad-range', `range starts at byte ${range.first} of ${size}: ${key}`);
    }
    return { handle, first: range.first, end: Math.min(range.last + 1, size) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function* readAll(paths: readonly string[], keys: readonly string[]): Body {
  for (const [index, path] of paths.entries()) {
    const stream = await openForReading(path, keys[index] ?? path);
    yield* stream;
  }
}

/** Writes and fsyncs a new file; on any failure no file is left. Returns its size in bytes. */
async function writeFile(path: string, body: Body): Promise<number> {
  const handle = await open(path, 'wx').catch(translate(path));
  try {
    const sizeBytes = await pour(body, handle);
    await handle.datasync();
    await handle.close();
    return sizeBytes;
  } catch (error) {
    await handle.close().catch(() => undefined);
    await unlink(path).catch(ignore('ENOENT'));
    throw asStorageError(error, path);
  }
}

/** Writes one batch while the next arrives, so that hashing and disk overlap and memory stays at two batches. */
async function pour(body: Body, handle: FileHandle): Promise<number> {
  let sizeBytes = 0;
  let batch: Uint8Array[] = [];
  let batchBytes = 0;
  let syncedBytes = 0;
  let writing: Promise<unknown> = Promise.resolve();
  let syncing: Promise<unknown> = Promise.resolve();
  const flush = async (): Promise<void> => {
    await writing;
    if (sizeBytes - syncedBytes >= SYNC_EVERY_BYTES) {
      await syncing;
      syncedBytes = sizeBytes;
      syncing = inBackground(handle.datasync());
    }
    writing = inBackground(writeWhole(handle, batch));
    batch = [];
    batchBytes = 0;
  };
  try {
    for await (const chunk of body) {
      batch.push(chunk);
      batchBytes += chunk.byteLength;
      sizeBytes += chunk.byteLength;
      if (batchBytes >= WRITE_BATCH_BYTES) await flush();
    }
    if (batchBytes > 0) await flush();
  } finally {
    await Promise.all([writing, syncing]);
  }
  return sizeBytes;
}

/** A failure is met by whoever awaits the promise next; without a handler it would count as unhandled until then. */
function inBackground<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}

/** A short write is how a disk that fills up announces itself: going on meets the error itself. */
async function writeWhole(handle: FileHandle, batch: readonly Uint8Array[]): Promise<void> {
  const { bytesWritten } = await handle.writev(batch);
  let skip = bytesWritten;
  for (const chunk of batch) {
    const from = Math.min(skip, chunk.byteLength);
    skip -= from;
    for (let written = from; written < chunk.byteLength; ) {
      written += (await handle.write(chunk, written)).bytesWritten;
    }
  }
}

/** Moves a finished file to its key, durably. */
async function publish(from: string, to: string): Promise<void> {
  const folder = dirname(to);
  // A concurrent delete may prune the folder before the rename, or a parent while mkdir -p runs: try again.
  for (let attempt = 0; ; attempt += 1) {
    try {
      await makeFolder(folder);
      await rename(from, to);
      break;
    } catch (error) {
      const gone = codeOf(error) === 'ENOENT' && (await statFile(from)) !== undefined;
      if (!gone || attempt >= 8) throw error;
    }
  }
  await syncFolder(folder).catch(ignore('ENOENT'));
}

/** Makes a folder and every missing one above it, each durable in its parent. */
async function makeFolder(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true });
  if (made === undefined) return;
  for (let folder = path; folder.length >= made.length; folder = dirname(folder)) {
    await syncFolder(dirname(folder)).catch(ignore('ENOENT'));
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Removes folders that a delete left empty, up to the root's own children, which stay. */
async function pruneFolders(folder: string, root: string): Promise<void> {
  let current = folder;
  while (current.startsWith(root + sep) && dirname(current) !== root) {
    try {
      await rmdir(current);
    } catch {
      // Not empty, or already gone: either way there is nothing above it to prune.
      return;
    }
    current = dirname(current);
  }
}

async function* walk(root: string, prefix: string): AsyncGenerator<string> {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  if (folder !== '') checkKey(folder.slice(0, -1));
  yield* walkFolder(root, folder, prefix);
}

async function* walkFolder(root: string, folder: string, prefix: string): AsyncGenerator<string> {
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(ignore('ENOENT', 'ENOTDIR'));
  // With the slash that follows a folder's name in every key below it, name order is key order.
  const names = (entries ?? []).map((entry) => folder + entry.name + (entry.isDirectory() ? '/' : ''));
  for (const name of names.sort(byBytes)) {
    if (name.startsWith(`${TEMPORARY}/`)) continue;
    if (name.endsWith('/') && (name.startsWith(prefix) || prefix.startsWith(name)))
      yield* walkFolder(root, name, prefix);
    else if (name.startsWith(prefix)) yield name;
  }
}

const byBytes = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

async function statFile(path: string): Promise<ObjectStat | undefined> {
  const found = await stat(path).catch(ignore('ENOENT', 'ENOTDIR'));
  if (found === undefined || !found.isFile()) return undefined;
  // The time of the inode, not of the bytes: a rename gives an object its key and leaves the time of its bytes alone.
  return { sizeBytes: found.size, modified: found.ctime };
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/** For `.catch`: these codes mean "nothing there", every other one is thrown on. */
function ignore(...codes: readonly string[]): (error: unknown) => undefined {
  return (error) => {
    if (!codes.includes(codeOf(error) ?? '')) throw error;
    return undefined;
  };
}

function translate(key: string): (error: unknown) => never {
  return (error) => {
    throw asStorageError(error, key);
  };
}

/** What the disk said, in the store's words; errors of the body pass through unchanged. */
function asStorageError(error: unknown, key: string): unknown {
  switch (codeOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EISDIR':
      return new StorageError('not-found', `no such object: ${key}`, { cause: error });
    case 'ENOSPC':
    case 'EDQUOT':
      return new StorageError('no-space', `no space left for ${key}`, { cause: error });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'EIO':
    case 'EMFILE':
    case 'ENFILE':
      return new StorageError('unavailable', `cannot use the disk for ${key}: ${codeOf(error)}`, { cause: error });
    default:
      return error;
  }
}
