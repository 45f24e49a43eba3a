import { type Hash, createHash, randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { locationOf, openUpload, request } from './images.ts';
import { headerArgs } from './load.ts';
import { run } from './processes.ts';
import type { Server } from './servers.ts';

const tailBytes = 8;

/** A big file on disk whose last bytes change, so that each push is of a new digest without hashing all of it again. */
export class BigFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly #start: Hash;
  #digest = '';

  private constructor(path: string, sizeBytes: number, start: Hash) {
    this.path = path;
    this.sizeBytes = sizeBytes;
    this.#start = start;
  }

  /** Writes the file. Random bytes, since a disk or a file system may compress others. */
  static async create(path: string, sizeBytes: number): Promise<BigFile> {
    const start = createHash('sha256');
    await using file = await open(path, 'w');
    const block = randomBytes(1024 * 1024);
    for (let left = sizeBytes - tailBytes; left > 0; left -= block.length) {
      block.writeBigUInt64LE(BigInt(left));
      const part = left < block.length ? block.subarray(0, left) : block;
      start.update(part);
      await file.write(part);
    }
    const big = new BigFile(path, sizeBytes, start);
    await big.change();
    return big;
  }

  get digest(): string {
    return this.#digest;
  }

  /** Gives the file another digest. */
  async change(): Promise<void> {
    const tail = randomBytes(tailBytes);
    await using file = await open(this.path, 'r+');
    await file.write(tail, 0, tailBytes, this.sizeBytes - tailBytes);
    this.#digest = `sha256:${this.#start.copy().update(tail).digest('hex')}`;
  }
}

/**
 * Pushes a file as docker and podman do: POST, one PATCH with all bytes, PUT with the digest.
 *
 * @returns MiB per second by wall clock over all three
 */
export async function pushFile(
  server: Server,
  file: BigFile,
  options: { repository: string; chunked: boolean },
): Promise<number> {
  const begin = performance.now();
  const upload = await openUpload(server, options.repository);
  // `Expect:` empty: neither docker nor podman asks first.
  const framing = options.chunked ? { 'transfer-encoding': 'chunked' } : {};
  const headers = { ...server.headers, 'content-type': 'application/octet-stream', ...framing };
  const args = [
    '-sS',
    '-f',
    '-X',
    'PATCH',
    '-T',
    file.path,
    '-D',
    '-',
    '-o',
    '/dev/null',
    '-H',
    'Expect:',
    ...headerArgs({ headers }),
    upload.href,
  ];
  const answer = await run({ program: 'curl', args }, 600);
  const location = /^location: *(\S+)/im.exec(answer)?.[1] ?? upload.href;
  const finish = locationOf(server, location, file.digest);
  await request(server, finish.href, { method: 'PUT', expect: [201] });
  return file.sizeBytes / 1024 / 1024 / ((performance.now() - begin) / 1000);
}
