import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseDigest } from '#oci/digest.ts';
import { RegistryError } from '#oci/errors.ts';
import { parseName } from '#oci/name.ts';
import type { Blob, Blobs } from '#registry/blobs.ts';
import type { Registry } from '#registry/open.ts';
import type { ByteRange } from '#storage/driver.ts';
import { etagOf, isHeldByClient } from './conditions.ts';
import type { Exchange, Handler } from './exchange.ts';
import { parseRange } from './range.ts';

/** end-2 and end-10. */
export interface BlobHandlers {
  readonly get: Handler;
  readonly remove: Handler;
}

export function blobHandlers({ blobs }: Registry): BlobHandlers {
  return {
    async get(exchange) {
      const { req, res } = exchange;
      const blob = await blobs.find(parseName(exchange.params.name), parseDigest(exchange.params.digest));
      exchange.set('Docker-Content-Digest', blob.digest);
      exchange.set('ETag', etagOf(blob.digest));
      exchange.set('Accept-Ranges', 'bytes');
      if (isHeldByClient(req, blob.digest)) {
        exchange.status = 304;
        return;
      }
      exchange.status = 200;
      exchange.set('Content-Type', 'application/octet-stream');
      exchange.set('X-Content-Type-Options', 'nosniff');
      // RFC 9110, section 14.2: a range means something to GET alone.
      const ranges = exchange.method === 'GET' ? rangesOf(exchange, blob) : undefined;
      const body = answer(exchange, blob, ranges, blobs);
      if (exchange.method === 'HEAD') return;
      const stream = await body();
      // From here on an error can only cut the connection: the client sees that bytes are missing.
      exchange.respond = false;
      await pipeline(stream, res);
    },

    async remove(exchange) {
      await blobs.remove(parseName(exchange.params.name), parseDigest(exchange.params.digest));
      exchange.status = 202;
      exchange.length = 0;
    },
  };
}

/**
 * The ranges to answer with; undefined for the whole blob.
 *
 * @throws {RegistryError} SIZE_INVALID (range) none of them lies within the blob
 */
function rangesOf(exchange: Exchange, blob: Blob): readonly ByteRange[] | undefined {
  const { range, 'if-range': ifRange } = exchange.req.headers;
  if (range === undefined || (ifRange !== undefined && ifRange !== etagOf(blob.digest))) return undefined;
  const found = parseRange(range, blob.sizeBytes);
  if (found === 'ignored') return undefined;
  if (found !== 'unsatisfiable') return found;
  exchange.set('Content-Range', `bytes */${blob.sizeBytes}`);
  throw new RegistryError('SIZE_INVALID', `the range lies outside the blob of ${blob.sizeBytes} bytes`, {
    reason: 'range',
    detail: { range: range.slice(0, 256), sizeBytes: blob.sizeBytes },
  });
}

/** Sets status and headers, and says how to get the bytes that go with them. */
function answer(
  exchange: Exchange,
  blob: Blob,
  ranges: readonly ByteRange[] | undefined,
  blobs: Blobs,
): () => Promise<Readable> {
  const [only] = ranges ?? [];
  if (ranges === undefined || only === undefined) {
    exchange.length = blob.sizeBytes;
    return () => blobs.read(blob);
  }
  exchange.status = 206;
  if (ranges.length === 1) {
    exchange.set('Content-Range', `bytes ${only.first}-${only.last}/${blob.sizeBytes}`);
    exchange.length = only.last - only.first + 1;
    return () => blobs.read(blob, only);
  }
  return multipart(exchange, blob, ranges, blobs);
}

/** Several ranges in one body. RFC 9110, section 14.6. */
function multipart(
  exchange: Exchange,
  blob: Blob,
  ranges: readonly ByteRange[],
  blobs: Blobs,
): () => Promise<Readable> {
  const boundary = randomUUID();
  const parts = ranges.map((range) => ({
    range,
    head: `\r\n--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes ${range.first}-${range.last}/${blob.sizeBytes}\r\n\r\n`,
  }));
  const tail = `\r\n--${boundary}--\r\n`;
  exchange.set('Content-Type', `multipart/byteranges; boundary=${boundary}`);
  exchange.length = parts.reduce(
    (sum, { range, head }) => sum + head.length + range.last - range.first + 1,
    tail.length,
  );
  async function* body(): AsyncGenerator<Uint8Array | string> {
    for (const { range, head } of parts) {
      yield head;
      yield* await blobs.read(blob, range);
    }
    yield tail;
  }
  return async () => Readable.from(body(), { objectMode: false });
}
