import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect } from 'vitest';
import { type BlobStore, type Body, StorageError } from '#storage/driver.ts';

export const MEBIBYTE = 1024 * 1024;

/** Opens a new, empty store; a driver that keeps files keeps them all under `root`. */
export type OpenStore = (root: string) => Promise<BlobStore>;

/** A fresh store for every test, and the words the tests are told in. */
export interface StorageKit {
  readonly store: BlobStore;
  readonly root: string;
  put(key: string, text: string): Promise<void>;
  text(key: string): Promise<string>;
  keys(prefix?: string): Promise<string[]>;
  /** No file that is not an object, and no empty folder except the root's own children. */
  expectNothingButObjects(): Promise<void>;
}

/** Call it inside a `describe`: it opens and removes a store around every test there. */
export function aStorageKit(open: OpenStore): StorageKit {
  let root: string;
  let store: BlobStore;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'gatehouse-storage-'));
    store = await open(root);
  });
  afterEach(async () => {
    await rm(root, { recursive: true, force: true });
  });

  const keys = async (prefix = ''): Promise<string[]> => await everyKey(store.list(prefix));
  return {
    get store() {
      return store;
    },
    get root() {
      return root;
    },
    put: async (key, text) => {
      await store.write(key, bodyOf(Buffer.from(text)));
    },
    text: async (key) => (await contentOf(await store.read(key))).toString(),
    keys,
    expectNothingButObjects: async () => {
      const { files, emptyFolders } = await remainsOf(root);
      expect(files.length).toBeLessThanOrEqual((await keys()).length);
      expect(emptyFolders).toEqual([]);
    },
  };
}

export async function everyKey(listing: AsyncIterable<string>): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of listing) keys.push(key);
  return keys;
}

/** The reason a store gave, or what it did instead of giving one. */
export async function reasonOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof StorageError ? error.reason : `threw ${String(error)}`;
  }
  return 'resolved';
}

/** Bytes that differ at every offset a chunk could begin at, and for every seed. */
export function patternOf(sizeBytes: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(sizeBytes);
  let state = seed * 2_654_435_761 + 1;
  for (let index = 0; index < sizeBytes; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

export async function* bodyOf(bytes: Buffer, chunkBytes = 64 * 1024, withEmpty = false): Body {
  for (let first = 0; first < bytes.length; first += chunkBytes) {
    if (withEmpty) yield Buffer.alloc(0);
    yield bytes.subarray(first, first + chunkBytes);
  }
}

export async function* slowBody(texts: readonly string[]): Body {
  for (const text of texts) {
    await setImmediate();
    yield Buffer.from(text);
  }
}

export async function* failingBody(sizeBytes: number, failure: Error): Body {
  yield* bodyOf(patternOf(sizeBytes, 9));
  throw failure;
}

export async function contentOf(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Every file under the root, and every empty folder that is not one of the root's own children. */
export async function remainsOf(root: string): Promise<{ files: string[]; emptyFolders: string[] }> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const pathOf = (entry: (typeof entries)[number]): string => join(entry.parentPath, entry.name);
  const parents = new Set(entries.map((entry) => entry.parentPath));
  const files = entries.filter((entry) => !entry.isDirectory()).map(pathOf);
  const emptyFolders = entries
    .filter((entry) => entry.isDirectory() && entry.parentPath !== root && !parents.has(pathOf(entry)))
    .map(pathOf);
  return { files, emptyFolders };
}
