import { createHash, randomBytes } from 'node:crypto';
import type { Server } from './servers.ts';

/** Media type of the manifests the bench pushes. */
export const manifestType = 'application/vnd.oci.image.manifest.v1+json';

/** What clients say they take. */
export const accept = [
  manifestType,
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');

/** A blob as a manifest names it. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** An image that was pushed. */
export interface Image {
  readonly repository: string;
  readonly manifest: string;
  readonly digest: string;
  readonly layers: readonly Descriptor[];
}

/** sha256 digest of some bytes. */
export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Sends a request with the server's headers. @throws {Error} another status than the expected ones */
export async function request(
  server: Server,
  path: string,
  init: RequestInit & { expect: readonly number[] },
): Promise<Response> {
  const { expect, ...rest } = init;
  const response = await fetch(new URL(path, server.origin), {
    ...rest,
    headers: { ...server.headers, ...headersOf(init) },
  });
  const body = await response.arrayBuffer();
  if (expect.includes(response.status)) return response;
  const text = Buffer.from(body).toString('utf8').slice(0, 500);
  throw new Error(
    `expected ${expect.join(' or ')} from ${server.name} for ${init.method ?? 'GET'} ${path}, found ${response.status}: ${text}`,
  );
}

/** Opens an upload and returns where its bytes go. */
export async function openUpload(server: Server, repository: string): Promise<URL> {
  const response = await request(server, `/v2/${repository}/blobs/uploads/`, { method: 'POST', expect: [202] });
  return locationOf(server, response.headers.get('location'));
}

/** Makes an upload's Location absolute, with the digest when the upload is to be finished. */
export function locationOf(server: Server, location: string | null, digest?: string): URL {
  if (location === null) throw new Error(`expected a Location from ${server.name}, found none`);
  const url = new URL(location, server.origin);
  if (digest !== undefined) url.searchParams.set('digest', digest);
  return url;
}

/** Pushes small bytes with POST and PUT. */
export async function pushBlob(server: Server, repository: string, bytes: Buffer<ArrayBuffer>): Promise<Descriptor> {
  const digest = digestOf(bytes);
  const upload = await openUpload(server, repository);
  const url = locationOf(server, upload.href, digest);
  const headers = { 'content-type': 'application/octet-stream' };
  await request(server, url.href, { method: 'PUT', body: bytes, headers, expect: [201] });
  return { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, size: bytes.length };
}

/** Writes the manifest of an image; annotations make it distinct. */
export function imageManifest(
  config: Descriptor,
  layers: readonly Descriptor[],
  annotations: Readonly<Record<string, string>> = {},
): string {
  const described = { ...config, mediaType: 'application/vnd.oci.image.config.v1+json' };
  return JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config: described, layers, annotations });
}

/** Puts a manifest under a tag or its digest. */
export async function putManifest(server: Server, path: string, manifest: string): Promise<void> {
  await request(server, path, {
    method: 'PUT',
    body: manifest,
    headers: { 'content-type': manifestType },
    expect: [201],
  });
}

/** Pushes a config and small random layers as an ordinary image has them, under the tag `1.0`. */
export async function pushImage(server: Server, repository: string, layerCount = 8): Promise<Image> {
  const history = Array.from({ length: layerCount }, (_, layer) => ({
    created_by: `RUN step ${layer} ${randomBytes(32).toString('hex')}`,
  }));
  const config = await pushBlob(
    server,
    repository,
    Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', history })),
  );
  const layers: Descriptor[] = [];
  for (let layer = 1; layer <= layerCount; layer++)
    layers.push(await pushBlob(server, repository, randomBytes(layer * 1024)));
  const manifest = imageManifest(config, layers);
  await putManifest(server, `/v2/${repository}/manifests/1.0`, manifest);
  return { repository, manifest, digest: digestOf(manifest), layers };
}

function headersOf(init: RequestInit): Record<string, string> {
  return Object.fromEntries(new Headers(init.headers));
}
