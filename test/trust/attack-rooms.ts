/*
 * The rooms below http with a gate that asks for the release key, and a clock that the test sets.
 */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '#oci/digest.ts';
import type { Context } from '#registry/context.ts';
import { type Registry, openRegistry } from '#registry/open.ts';
import { type History, openHistory } from '#registry/restore.ts';
import type { BlobStore } from '#storage/driver.ts';
import { pushOf } from '#test/support/history.ts';
import { type TestManifest, aManifest } from '#test/support/images.ts';
import { ORIGIN, type Rooms, bodyOf, openRooms } from '#test/support/rooms.ts';
import { type TestSigner, bundleFor } from '#test/support/signing.ts';
import { type Trust, openTrust } from '#trust/open.ts';
import { type TrustOptions, trustOptions } from '#trust/options.ts';
import { RELEASE } from './attack-scene.ts';

/** One process over the rooms: a clock, a gate and a judge of its own. */
export interface Process {
  readonly trust: Trust;
  readonly context: Context;
  readonly registry: Registry;
  readonly history: History;
  push(image: TestManifest, tag?: string): Promise<void>;
  pushNew(tag?: string): Promise<TestManifest>;
  /** Pushes a signature and waits until it was judged. */
  sign(image: TestManifest, by?: TestSigner): Promise<TestManifest>;
  /** What those who only pull get; undefined: nothing. */
  seen(reference: string, eyes?: 'insider' | 'outsider'): Promise<Digest | undefined>;
  remove(digest: Digest): Promise<void>;
  /** Does what the job does. */
  work(): Promise<{ judged: number; lapsed: number }>;
}

export const R = 'team-a/app';

/** What a process has that others do not. */
export interface Differing {
  /** How far its clock is ahead, milliseconds. */
  readonly aheadMs?: number;
  /** Its clock, when it has one of its own. */
  readonly clock?: () => number;
  readonly store?: BlobStore;
}

export interface GatedRooms extends Process {
  readonly rooms: Rooms;
  /** What the policy says from the next look on; the root corp is there once `corp.pem` is in the folder. */
  configure(policy: object, keys?: readonly TestSigner[]): Promise<void>;
  /** Another process over the same rooms. */
  another(differing?: Differing): Promise<Process>;
  close(): Promise<void>;
}

export async function openGatedRooms(policy: object = {}): Promise<GatedRooms> {
  const rooms = await openRooms();
  let options = await optionsOf(rooms, policy, [RELEASE]);
  const start = ({ aheadMs = 0, clock, store = rooms.context.store }: Differing = {}): Promise<Process> => {
    const ahead = (): number => rooms.context.clock() + aheadMs;
    return openProcess({ ...rooms.context, store, clock: clock ?? ahead }, async () => options);
  };
  const process = await start();
  return {
    ...process,
    rooms,
    async configure(changed, keys = [RELEASE]) {
      options = await optionsOf(rooms, changed, keys);
      await process.trust.reload();
    },
    another: start,
    async close() {
      await process.trust.judge.settled();
      await rooms.close();
    },
  };
}

async function optionsOf({ folder }: Rooms, policy: object, keys: readonly TestSigner[]): Promise<TrustOptions> {
  const file = join(folder, 'release.pub');
  const authority = join(folder, 'corp.pem');
  await writeFile(file, keys.map(({ publicPem }) => publicPem).join(''));
  const policies = [{ repositories: 'team-a/**', require: { root: 'release' }, ...policy }];
  const corp = existsSync(authority) ? { corp: { x509: [authority] } } : {};
  return trustOptions.parse({ roots: { release: { keys: [file] }, ...corp }, policies });
}

async function openProcess(base: Context, read: () => Promise<TrustOptions>): Promise<Process> {
  const trust = await openTrust({ ...base, host: undefined, options: await read(), read });
  const context: Context = { ...base, gate: trust.gate };
  const registry = openRegistry(context);
  const process: Process = {
    trust,
    context,
    registry,
    history: openHistory(context),
    async push(image, tag) {
      for (const blob of image.blobs) await registry.uploads.push(R, blob.digest, bodyOf(blob.bytes));
      await registry.manifests.push(pushOf(R, image, tag));
      await trust.judge.settled();
    },
    async pushNew(tag) {
      const image = aManifest();
      await process.push(image, tag);
      return image;
    },
    async sign(image, by = RELEASE) {
      const signature = bundleFor(image, by);
      await process.push(signature);
      return signature;
    },
    async seen(reference, eyes = 'outsider') {
      const named = reference.startsWith('sha256:') ? { digest: reference as Digest } : { tag: reference };
      const found = await registry.manifests.find(R, named, eyes).catch(() => undefined);
      return found?.digest;
    },
    async remove(digest) {
      await registry.manifests.remove(R, { digest }, ORIGIN);
      await trust.judge.settled();
    },
    work: () => trust.work(new AbortController().signal),
  };
  return process;
}
