import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { digestOf, imageManifest, manifestType } from './images.ts';
import type { Place } from './registries.ts';

/** The repository that dead images lay in. */
const repository = 'bench/dead';
const blobsPerImage = 9;
const day = 24 * 3_600_000;

interface DeadObject {
  readonly digest: string;
  readonly size: number;
  readonly location: string;
}

/** An image in storage: its manifest, then its blobs. */
export type DeadImage = readonly DeadObject[];

/** Writes so many objects to storage: images of a manifest, a config and eight layers, all of some hundred bytes. */
export function writeDeadImages({ folder }: Place, objects: number): DeadImage[] {
  return Array.from({ length: Math.ceil(objects / (blobsPerImage + 1)) }, () => writeImage(folder));
}

/** Records images as if they had been deleted longer ago than they can be restored: collection finds them at its next turn. */
export function recordAsDead({ folder }: Place, images: readonly DeadImage[]): void {
  const database = open(folder);
  const then = Date.now() - 30 * day;
  const blob = database.prepare('insert into blobs (digest, size_bytes, location, created_at) values (?, ?, ?, ?)');
  const link = database.prepare(
    'insert into repository_blobs (repository, digest, size_bytes, linked_at) values (?, ?, ?, ?)',
  );
  const manifest = database.prepare(
    `insert into removed_manifests (repository, digest, media_type, size_bytes, artifact_type, pushed_at, pushed_by,
      removed_at, removed_by, removed_why, removal) values (?, ?, ?, ?, '', ?, 'admin', ?, 'admin', 'deleted', ?)`,
  );
  const reference = database.prepare(
    "insert into removed_references (repository, manifest, kind, target) values (?, ?, 'blob', ?)",
  );
  database.transaction(() => {
    database.prepare('insert or ignore into repositories (name, created_at) values (?, ?)').run(repository, then);
    for (const [it, ...blobs] of images) {
      if (it === undefined) continue;
      for (const { digest, size, location } of [it, ...blobs]) blob.run(digest, size, location, then);
      manifest.run(repository, it.digest, manifestType, it.size, then, then, randomUUID());
      for (const { digest, size } of blobs) {
        link.run(repository, digest, size, then);
        reference.run(repository, it.digest, digest);
      }
    }
  })();
  database.close();
}

function writeImage(folder: string): DeadObject[] {
  const blobs = Array.from({ length: blobsPerImage }, () => writeObject(folder, randomBytes(256)));
  const [config, ...layers] = blobs.map(({ digest, size }) => ({
    mediaType: 'application/octet-stream',
    digest,
    size,
  }));
  if (config === undefined) throw new Error('expected an image with a config');
  return [writeObject(folder, Buffer.from(imageManifest(config, layers))), ...blobs];
}

function writeObject(folder: string, bytes: Buffer): DeadObject {
  const digest = digestOf(bytes);
  const hex = digest.slice('sha256:'.length);
  const location = `blobs/sha256/${hex.slice(0, 2)}/${hex}.${randomUUID()}`;
  const path = join(folder, 'storage', location);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return { digest, size: bytes.length, location };
}

/** What collection still has to do, seen from outside: a reader that waits for nobody and keeps nobody waiting. */
export class Backlog {
  readonly #database: Database.Database;

  constructor({ folder }: Place) {
    this.#database = open(folder);
  }

  /** Whether collection has begun with what {@link recordAsDead} wrote: it takes manifests first. */
  hasBegun(images: number): boolean {
    return this.#count('select count(*) from removed_manifests') < images;
  }

  isEmpty(): boolean {
    const tables = ['removed_manifests', 'link_reviews', 'blob_reviews', 'discarded_objects'];
    // What clients push meanwhile waits for its grace: not due, and not counted.
    return tables.every((table) => {
      const due = table.endsWith('reviews') ? `where review_after <= ${Date.now()}` : '';
      return this.#count(`select exists (select 1 from ${table} ${due})`) === 0;
    });
  }

  close(): void {
    this.#database.close();
  }

  #count(text: string): number {
    return Number(this.#database.prepare(text).pluck().get());
  }
}

function open(folder: string): Database.Database {
  const database = new Database(join(folder, 'gatehouse.sqlite'), { timeout: 30_000 });
  // What a load measures later must not wait for what was written before it.
  database.pragma('synchronous = normal');
  return database;
}
