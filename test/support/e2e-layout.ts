import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { IMAGE_INDEX, IMAGE_MANIFEST } from '#oci/media-type.ts';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** One file in a layer of its own. */
export interface LayerFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** sha256 of the file, in hex. */
  readonly sha256: string;
}

/** An image that lies on disk as an OCI image layout, under the tag `latest`. */
export interface Layout {
  readonly folder: string;
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly files: readonly LayerFile[];
  readonly remove: () => Promise<void>;
}

const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';
const BLOCK_BYTES = 512;
const PIECE_BYTES = 1024 * 1024;

/** An image of random content: one layer, with one file, for each size given. */
export async function aLayout({ layers = [64 * 1024, 300] }: { layers?: readonly number[] } = {}): Promise<Layout> {
  // podman makes an image name of it, and those have no capitals.
  const folder = join(tmpdir(), `layout-${randomUUID()}`);
  await mkdir(join(folder, 'blobs/sha256'), { recursive: true });
  const written = [];
  for (const [index, sizeBytes] of layers.entries()) written.push(await writeLayer(folder, `file-${index}`, sizeBytes));
  const config = await writeDocument(folder, CONFIG, {
    architecture: 'amd64',
    os: 'linux',
    config: { Labels: { nonce: randomBytes(8).toString('hex') } },
    rootfs: { type: 'layers', diff_ids: written.map(({ layer }) => layer.digest) },
  });
  const descriptors = written.map(({ layer }) => layer);
  const manifest = await writeDocument(folder, IMAGE_MANIFEST, {
    schemaVersion: 2,
    mediaType: IMAGE_MANIFEST,
    config,
    layers: descriptors,
  });
  await writeIndex(folder, [{ ...manifest, annotations: { 'org.opencontainers.image.ref.name': 'latest' } }]);
  const files = written.map(({ file }) => file);
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  return { folder, manifest, config, layers: descriptors, files, remove };
}

/** A multi-platform image over images of one layer each; `manifest` is the index. */
export async function aMultiPlatformLayout(architectures: readonly string[]): Promise<Layout> {
  const images = await Promise.all(architectures.map(() => aLayout({ layers: [20_000] })));
  const [first, ...others] = images;
  if (first === undefined) throw new Error('expected an architecture, found none');
  for (const image of others) await moveBlobs(image, first.folder);
  const manifests = images.map(({ manifest }, index) => ({
    ...manifest,
    platform: { os: 'linux', architecture: architectures[index] },
  }));
  const document = { schemaVersion: 2, mediaType: IMAGE_INDEX, manifests };
  const manifest = await writeDocument(first.folder, IMAGE_INDEX, document);
  await writeIndex(first.folder, [{ ...manifest, annotations: { 'org.opencontainers.image.ref.name': 'latest' } }]);
  return { ...first, manifest, files: images.flatMap(({ files }) => files) };
}

/** The same files as they lie in a folder; to be compared with what they were. */
export async function filesIn(folder: string, files: readonly LayerFile[]): Promise<LayerFile[]> {
  return await Promise.all(
    files.map(async ({ name }) => {
      const hash = createHash('sha256');
      let sizeBytes = 0;
      for await (const chunk of createReadStream(join(folder, name), { highWaterMark: PIECE_BYTES })) {
        hash.update(chunk);
        sizeBytes += chunk.length;
      }
      return { name, sizeBytes, sha256: hash.digest('hex') };
    }),
  );
}

export function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function moveBlobs(image: Layout, folder: string): Promise<void> {
  for (const { digest } of [image.manifest, image.config, ...image.layers]) {
    const path = join('blobs/sha256', digest.slice('sha256:'.length));
    await rename(join(image.folder, path), join(folder, path));
  }
  await image.remove();
}

async function writeIndex(folder: string, manifests: readonly object[]): Promise<void> {
  await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}

async function writeDocument(folder: string, mediaType: string, document: object): Promise<Descriptor> {
  const bytes = JSON.stringify(document);
  const hex = sha256(bytes);
  await writeFile(join(folder, 'blobs/sha256', hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(bytes) };
}

/** Writes a tar with one file of random bytes, in pieces: it may be larger than memory. */
async function writeLayer(
  folder: string,
  name: string,
  sizeBytes: number,
): Promise<{ layer: Descriptor; file: LayerFile }> {
  const ofLayer = createHash('sha256');
  const ofFile = createHash('sha256');
  let size = 0;
  async function* tar(): AsyncGenerator<Buffer> {
    for await (const piece of tarOf(name, sizeBytes, (bytes) => ofFile.update(bytes))) {
      ofLayer.update(piece);
      size += piece.length;
      yield piece;
    }
  }
  const arriving = join(folder, name);
  await pipeline(Readable.from(tar()), createWriteStream(arriving));
  const hex = ofLayer.digest('hex');
  await rename(arriving, join(folder, 'blobs/sha256', hex));
  const file = { name, sizeBytes, sha256: ofFile.digest('hex') };
  return { layer: { mediaType: LAYER, digest: `sha256:${hex}`, size }, file };
}

async function* tarOf(name: string, sizeBytes: number, seen: (bytes: Buffer) => void): AsyncGenerator<Buffer> {
  yield tarHeader(name, sizeBytes);
  const seed = randomBytes(PIECE_BYTES);
  for (let at = 0; at < sizeBytes; at += PIECE_BYTES) {
    // Every piece differs from the others, so that none can stand in for another unnoticed.
    const piece = Buffer.from(seed.subarray(0, Math.min(PIECE_BYTES, sizeBytes - at)));
    if (piece.length >= 8) piece.writeDoubleBE(at, 0);
    seen(piece);
    yield piece;
  }
  const padding = (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
  yield Buffer.alloc(padding + 2 * BLOCK_BYTES);
}

/** The header of one file in the ustar format, POSIX.1-1988. */
function tarHeader(name: string, sizeBytes: number): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;
  header.write(name, 0);
  header.write(octal(0o644, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(sizeBytes, 12), 124);
  header.write(octal(0, 12), 136);
  // The sum is taken with its own field full of spaces.
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}
