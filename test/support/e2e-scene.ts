import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { call } from './client.ts';
import { type Login, type Workstation, type WorkstationOptions, aWorkstation } from './clients.ts';
import { type Layout, aLayout, sha256 } from './e2e-layout.ts';
import { type Traffic, watchTraffic } from './e2e-traffic.ts';
import { type Gatehouse, type WrittenOptions, startGatehouse } from './gatehouse.ts';
import { aManifest, pushImage, putManifest } from './images.ts';

/** A registry and what the tests of one file make around it; all of it goes when they are done. */
export interface Scene {
  readonly url: string;
  /** As references begin: `127.0.0.1:<port>`. */
  readonly host: string;
  /** Folder of the registry's blobs. */
  readonly storage: string;
  /** File of the registry's database. */
  readonly database: string;
  /** A workstation that is not logged in anywhere. */
  aStranger(options?: WorkstationOptions): Promise<Workstation>;
  /** A workstation of its own where these clients are logged in, at this registry or at the host given. */
  aUserOf(programs: string | readonly string[], host?: string, login?: Login): Promise<Workstation>;
  aLayout(options?: { layers?: readonly number[] }): Promise<Layout>;
  /** To be removed with the rest. */
  readonly keep: <T extends { remove(): Promise<void> }>(thing: T) => T;
  watch(): Promise<() => Promise<Traffic>>;
}

/** What a registry holds under a reference, fetched without any client and checked against its digests. */
export interface Held {
  readonly digest: string;
  readonly mediaType: string;
  readonly document: ManifestDocument;
  readonly layers: readonly Buffer[];
}

interface ManifestDocument {
  readonly config?: { readonly mediaType: string; readonly digest: string };
  readonly layers?: readonly { readonly mediaType: string; readonly digest: string; readonly size: number }[];
  readonly manifests?: readonly { readonly digest: string; readonly platform?: { readonly architecture: string } }[];
}

/** A registry that runs. */
export type Started = Pick<Gatehouse, 'url' | 'folder' | 'stop'>;

/**
 * For the body of a `describe`: the registry lives as long as its tests.
 *
 * @param options as in `registry.config.yaml`, or what starts a registry in another way
 */
export function useScene(options: WrittenOptions | (() => Promise<Started>) = {}): Scene {
  let gatehouse: Started | undefined;
  const kept: { remove(): Promise<void> }[] = [];
  const keep: Scene['keep'] = (thing) => {
    kept.push(thing);
    return thing;
  };
  beforeAll(async () => {
    gatehouse = await (typeof options === 'function' ? options() : startGatehouse(options));
  });
  afterAll(async () => {
    await Promise.all(kept.map((thing) => thing.remove()));
    await gatehouse?.stop();
  });
  const urlOf = (): string => gatehouse?.url ?? 'the registry has not started';
  const aStranger: Scene['aStranger'] = async (wishes) => keep(await aWorkstation(wishes));
  return {
    get url() {
      return urlOf();
    },
    get host() {
      return new URL(urlOf()).host;
    },
    get storage() {
      return join(gatehouse?.folder ?? '', 'storage');
    },
    get database() {
      return join(gatehouse?.folder ?? '', 'gatehouse.sqlite');
    },
    aStranger,
    async aUserOf(programs, host = new URL(urlOf()).host, login) {
      const workstation = await aStranger();
      for (const program of [programs].flat()) {
        const { code, stderr } = await workstation.logIn(program, host, login);
        if (code !== 0) throw new Error(`expected ${program} to log in, found: ${stderr}`);
      }
      return workstation;
    },
    aLayout: async (options) => keep(await aLayout(options)),
    keep,
    watch: () => watchTraffic(urlOf()),
  };
}

/** @throws {Error} something is absent, or does not hash to its digest */
export async function held(url: string, repository: string, reference: string): Promise<Held> {
  const accept = 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, */*';
  const path = `/v2/${repository}/manifests/${reference}`;
  const answer = await call(url, { method: 'GET', path, headers: { accept } });
  const digest = String(answer.headers['docker-content-digest']);
  expect([answer.status, `sha256:${sha256(answer.bytes)}`]).toEqual([200, digest]);
  const document = answer.json as ManifestDocument;
  const blobs: Buffer[] = [];
  for (const { digest: wanted } of [...(document.config ? [document.config] : []), ...(document.layers ?? [])]) {
    const blob = await call(url, { method: 'GET', path: `/v2/${repository}/blobs/${wanted}` });
    expect([blob.status, `sha256:${sha256(blob.bytes)}`]).toEqual([200, wanted]);
    blobs.push(blob.bytes);
  }
  const mediaType = String(answer.headers['content-type']);
  return { digest, mediaType, document, layers: document.config ? blobs.slice(1) : blobs };
}

/** Gives one small image so many tags: `v0`, `v1` and so on. Returns them. */
export async function pushTags(url: string, repository: string, count: number): Promise<readonly string[]> {
  const image = aManifest();
  await pushImage(url, repository, image);
  const tags = Array.from({ length: count }, (_, index) => `v${index}`);
  for (let at = 0; at < count; at += 50) {
    const query = tags.slice(at, at + 50).map((tag) => `tag=${tag}`);
    const { status } = await putManifest(url, repository, image, `${image.digest}?${query.join('&')}`);
    expect(status).toBe(201);
  }
  return tags;
}

/** Every tag of a repository. */
export async function tagsOf(url: string, repository: string): Promise<readonly string[]> {
  const { json } = await call(url, { method: 'GET', path: `/v2/${repository}/tags/list` });
  return (json as { tags?: string[] }).tags ?? [];
}
