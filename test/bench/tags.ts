import { createHash } from 'node:crypto';
import Database from 'better-sqlite3';
import { manifestType } from './images.ts';
import { entryName } from './populate.ts';

const hour = 3_600_000;
// An image now and then points to what another tag points to; every tenth tag was moved before.
const tagsPerMoved = 10;

/** Fills a database with tags, each on a manifest of its own with two blobs, spread evenly over repositories. */
export function addTaggedManifests(file: string, counts: { tags: number; repositories: number }): void {
  const database = new Database(file);
  const insert = (table: string, columns: string): Database.Statement =>
    database.prepare(`insert into ${table} (${columns}) values (${columns.replace(/\w+/g, '?')})`);
  const repositories = insert('repositories', 'name, created_at');
  const blobs = insert('blobs', 'digest, size_bytes, location, created_at');
  const links = insert('repository_blobs', 'repository, digest, size_bytes, linked_at');
  const columns = 'repository, digest, media_type, size_bytes, artifact_type, pushed_at, pushed_by';
  const manifests = insert('manifests', columns);
  const references = insert('manifest_references', 'repository, manifest, kind, target');
  const tags = insert('tags', 'repository, name, digest, updated_at, updated_by');
  const revisions = insert('tag_revisions', 'repository, tag, revision, digest, since, set_by, set_why, until');
  const now = Date.now();
  database.transaction(() => {
    for (let index = 0; index < counts.repositories; index++) repositories.run(nameOf(index), now);
    for (let index = 0; index < counts.tags; index++) {
      const repository = nameOf(index % counts.repositories);
      const at = now - (counts.tags - index) * hour;
      const digest = madeUp(`manifest ${index}`);
      blobs.run(digest, 1000, `manifest ${index}`, at);
      manifests.run(repository, digest, manifestType, 1000, '', at, 'admin');
      for (const layer of [0, 1]) {
        const blob = madeUp(`blob ${index} ${layer}`);
        blobs.run(blob, 1000, `blob ${index} ${layer}`, at);
        links.run(repository, blob, 1000, at);
        references.run(repository, digest, 'blob', blob);
      }
      tags.run(repository, entryName(index), digest, at, 'admin');
      const moved = index % tagsPerMoved === 0;
      if (moved) revisions.run(repository, entryName(index), 1, digest, at - hour, 'admin', 'push', at);
      revisions.run(repository, entryName(index), moved ? 2 : 1, digest, at, 'admin', 'push', null);
    }
  })();
  database.close();
}

function nameOf(index: number): string {
  return `bench/planned-${String(index).padStart(5, '0')}`;
}

function madeUp(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
