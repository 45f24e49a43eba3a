import { randomUUID } from 'node:crypto';
import { parseDigest } from '#oci/digest.ts';
import { RegistryError } from '#oci/errors.ts';
import { parseName } from '#oci/name.ts';
import type { Blob } from '#registry/blobs.ts';
import type { Registry } from '#registry/open.ts';
import type { ByteRange } from '#storage/driver.ts';
import { etagOf, isHeldByClient } from './conditions.ts';
import { type Exchange, type Handler, answerEmpty, eyesOf, originOf } from './exchange.ts';
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
      const repository = parseName(exchange.params.name);
      const blob = await blobs.find(repository, parseDigest(exchange.params.digest), eyesOf(exchange, repository));
      exchange.set('Docker-Content-Digest', blob.digest);
      exchange.set('ETag', etagOf(blob.digest));
      exchange.set('Accept-Ranges', 'bytes');
      if (isHeldByClient(req, blob.digest)) {
        exchange.status = 304;
        return;
      }
      exchange.status = 200;
      exchange.set('Content-Type', 'application/octet-stream');
      // RFC 9110, section 14.2: a range means something to GET alone.
      const ranges = exchange.method === 'GET' ? rangesOf(exchange, blob) : undefined;
      const pieces = announce(exchange, blob, ranges);
      if (exchange.method === 'HEAD') return;
      exchange.respond = false;
      for (const piece of pieces) {
        if (typeof piece === 'string') res.write(piece, 'latin1');
        else await blobs.send(blob, res, piece);
      }
      res.end();
    },

    async remove(exchange) {
      await blobs.remove(parseName(exchange.params.name), parseDigest(exchange.params.digest), originOf(exchange));
      answerEmpty(exchange, 202);
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

/** What a body is made of: text of ours, or bytes of the blob. */
type Piece = string | ByteRange;

/** Sets status and headers, and says what goes into the body. */
function announce(exchange: Exchange, blob: Blob, ranges: readonly ByteRange[] | undefined): readonly Piece[] {
  const [only] = ranges ?? [];
  if (ranges === undefined || only === undefined) {
    exchange.length = blob.sizeBytes;
    return blob.sizeBytes === 0 ? [] : [{ first: 0, last: blob.sizeBytes - 1 }];
  }
  exchange.status = 206;
  if (ranges.length > 1) return announceSeveral(exchange, blob, ranges);
  exchange.set('Content-Range', contentRange(only, blob));
  exchange.length = lengthOf(only);
  return ranges;
}

/** Several ranges in one body. RFC 9110, section 14.6. */
function announceSeveral(exchange: Exchange, blob: Blob, ranges: readonly ByteRange[]): readonly Piece[] {
  const boundary = randomUUID();
  const pieces = ranges.flatMap((range): Piece[] => [
    `\r\n--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: ${contentRange(range, blob)}\r\n\r\n`,
    range,
  ]);
  pieces.push(`\r\n--${boundary}--\r\n`);
  exchange.set('Content-Type', `multipart/byteranges; boundary=${boundary}`);
  exchange.length = pieces.reduce(
    (sum, piece) => sum + (typeof piece === 'string' ? piece.length : lengthOf(piece)),
    0,
  );
  return pieces;
}

function contentRange({ first, last }: ByteRange, blob: Blob): string {
  return `bytes ${first}-${last}/${blob.sizeBytes}`;
}

function lengthOf({ first, last }: ByteRange): number {
  return last - first + 1;
}
