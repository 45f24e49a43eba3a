import { type Hash, createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { locationOf, openUpload, request } from './images.ts';
import type { Server } from './servers.ts';

const blockBytes = 1024 * 1024;
const tailBytes = 8;
// One buffer for all that is pushed and one for all that is pulled: 128 clients weigh next to nothing.
const block = randomBytes(blockBytes);
const sink = Buffer.alloc(256 * 1024);

/** Layers of one size that differ in their last bytes. */
export class Layers {
  readonly sizeBytes: number;
  readonly #start: Hash;

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
    this.#start = createHash('sha256');
    for (const part of this.#blocks()) this.#start.update(part);
  }

  /** Pushes a new layer: POST, one streamed PATCH, PUT. Returns its digest. */
  async push(server: Server, repository: string): Promise<string> {
    const tail = randomBytes(tailBytes);
    const digest = `sha256:${this.#start.copy().update(tail).digest('hex')}`;
    const upload = await openUpload(server, repository);
    const location = await this.#patch(server, upload, tail);
    await request(server, locationOf(server, location ?? upload.href, digest).href, { method: 'PUT', expect: [201] });
    return digest;
  }

  async #patch(server: Server, upload: URL, tail: Buffer): Promise<string | undefined> {
    const headers = { ...server.headers, 'content-type': 'application/octet-stream', 'content-length': this.sizeBytes };
    const sent = httpRequest(upload, { method: 'PATCH', headers, agent: false });
    const answered = once(sent, 'response');
    // A server that hangs up is noticed through `answered`; without these its error would have no listener in between.
    answered.catch(() => undefined);
    sent.on('error', () => undefined);
    for (const part of this.#blocks()) {
      if (!sent.write(part)) await Promise.race([once(sent, 'drain'), answered]);
    }
    sent.end(tail);
    const [response] = await answered;
    response.resume();
    if (response.statusCode !== 202)
      throw new Error(`expected 202 from ${server.name} for a PATCH, found ${response.statusCode}`);
    return response.headers.location;
  }

  *#blocks(): Generator<Buffer> {
    for (let left = this.sizeBytes - tailBytes; left > 0; left -= blockBytes) {
      yield left < blockBytes ? block.subarray(0, left) : block;
    }
  }
}

/** Pulls a blob over a connection of its own and throws the bytes away. @throws {Error} other than 200 and `sizeBytes` */
export async function pullBlob(server: Server, path: string, sizeBytes: number): Promise<void> {
  const { hostname, port } = new URL(server.origin);
  let head = '';
  let received = 0;
  const socket = connect({
    host: hostname,
    port: Number(port),
    onread: {
      buffer: sink,
      callback(count, bytes) {
        if (received > 0) {
          received += count;
          return true;
        }
        head += Buffer.from(bytes.buffer, bytes.byteOffset, count).toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end >= 0) received = head.length - end - 4;
        return true;
      },
    },
  });
  const headers = Object.entries(server.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: close\r\n${headers.join('')}\r\n`);
  await once(socket, 'close');
  const isWhole = head.startsWith('HTTP/1.1 200') && received === sizeBytes;
  if (!isWhole)
    throw new Error(
      `expected 200 and ${sizeBytes} bytes from ${server.name}, found ${head.slice(0, 20).trim()} and ${received} bytes`,
    );
}
