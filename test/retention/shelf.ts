import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { insertBytes, linkBlob } from '#metadata/blobs.ts';
import type { Origin } from '#metadata/events.ts';
import { insertManifest } from '#metadata/manifests.ts';
import { openMetadata } from '#metadata/open.ts';
import { ensureRepository } from '#metadata/repositories.ts';
import type { Sql } from '#metadata/sql.ts';
import { type Digest, digestOf } from '#oci/digest.ts';
import { openGate } from '#registry/gate.ts';
import { moveTag } from '#registry/tags.ts';
import { type PruneContext, type Pruning, openPruning } from '#retention/prune.ts';
import { NOW, type WrittenRule, digest, ruleOptions } from './facts.ts';

/** Who prunes in tests. */
export const PRUNER: Origin = { actor: 'tester', address: '192.0.2.1', requestId: 'r1' };

/** A database with manifests that have no bytes, and a clock that the test sets. */
export interface Shelf {
  readonly metadata: Sql;
  readonly clock: () => number;
  advance(byMs: number): void;
  /** Records a manifest, called by a short name, as if it were pushed so long ago. */
  put(repository: string, name: string, options?: PutOptions): Promise<Digest>;
  /** Points a tag at one, as if it were set so long ago. */
  tag(repository: string, name: string, manifest: string, age?: number): Promise<void>;
  pruning(rules: readonly WrittenRule[], context?: Partial<PruneContext>): Pruning;
  close(): Promise<void>;
}

interface PutOptions {
  readonly age?: number;
  readonly children?: readonly string[];
  readonly subject?: string;
  /** Bytes of a blob of its own. */
  readonly layer?: number;
}

export async function openShelf(): Promise<Shelf> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-shelf-'));
  const metadata = await openMetadata('sqlite', { path: join(folder, 'gatehouse.sqlite') });
  let now = NOW;
  const clock = (): number => now;
  return {
    metadata,
    clock,
    advance: (byMs) => {
      now += byMs;
    },
    async put(repository, name, { age = 0, children = [], subject, layer } = {}) {
      const blob = digestOf(Buffer.from(`layer of ${name}`), 'sha256');
      await metadata.transaction(async (inside) => {
        await ensureRepository(inside, repository, now - age);
        await insertBytes(inside, { digest: digest(name), sizeBytes: 100, location: `bytes of ${name}` }, now - age);
        if (layer !== undefined) {
          await insertBytes(inside, { digest: blob, sizeBytes: layer, location: `layer of ${name}` }, now - age);
          await linkBlob(inside, repository, { digest: blob, sizeBytes: layer }, now - age);
        }
        const manifest = {
          repository,
          digest: digest(name),
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          sizeBytes: 100,
          artifactType: '',
          subject: subject === undefined ? undefined : digest(subject),
          annotations: undefined,
          blobs: layer === undefined ? [] : [blob],
          children: children.map(digest),
          pushedBy: 'tester',
        };
        await insertManifest(inside, manifest, now - age);
      });
      return digest(name);
    },
    tag: (repository, name, manifest, age = 0) =>
      metadata.transaction(async (inside) => {
        const move = { repository, name, digest: digest(manifest), why: 'push' } as const;
        await moveTag(inside, move, { origin: PRUNER, now: now - age, gate: openGate });
      }),
    pruning: (rules, context = {}) =>
      openPruning({ metadata, clock, rules: ruleOptions(...rules), maxShare: 1, ...context }),
    async close() {
      await metadata.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
