import type { IncomingMessage } from 'node:http';
import { RegistryError } from '#oci/errors.ts';
import type { Body, ByteRange } from '#storage/driver.ts';

/** The bytes of a request. Giving up half-way leaves the connection open, so that the client gets to read why. */
export function bodyOf(request: IncomingMessage): Body {
  return { [Symbol.asyncIterator]: () => request.iterator({ destroyOnReturn: false }) };
}

/**
 * Reads a whole body that must be small.
 *
 * @throws {RegistryError} MANIFEST_INVALID (too-large)
 */
export async function readSmallBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > maxBytes) throw tooLarge(maxBytes);
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of bodyOf(request)) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, sizeBytes);
}

function tooLarge(maxBytes: number): RegistryError {
  return new RegistryError('MANIFEST_INVALID', `expected a manifest of at most ${maxBytes} bytes`, {
    reason: 'too-large',
    detail: { maxBytes },
  });
}

/**
 * Lets the connection be silent for as long as the work takes that follows the body: reading a large upload back may take
 * longer than a client may be idle, and here it is the client that waits.
 */
export function allowSilenceAfter(request: IncomingMessage): void {
  const allow = (): unknown => request.socket.setTimeout(0);
  if (hasBody(request)) request.once('end', allow);
  else allow();
}

/** Whether the request says it brings bytes. */
export function hasBody(request: IncomingMessage): boolean {
  if (request.headers['transfer-encoding'] !== undefined) return true;
  return Number(request.headers['content-length'] ?? 0) > 0;
}

/**
 * The stretch that `Content-Range` announces. Distribution Spec v1.1.1, end-5: `<first>-<last>`; the `bytes ` before it
 * and the `/<size>` after it, which RFC 9110 has and clients send, are taken too.
 *
 * @throws {RegistryError} BLOB_UPLOAD_INVALID, SIZE_INVALID when `Content-Length` says another length
 */
export function contentRange(request: IncomingMessage): ByteRange | undefined {
  const header = request.headers['content-range'];
  if (header === undefined) return undefined;
  const match = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d{1,15}|\*))?$/.exec(header.trim());
  if (match === null) throw malformed(header);
  const range = { first: Number(match[1]), last: Number(match[2]) };
  const length = request.headers['content-length'];
  // An empty stretch cannot be written as a range: 0-0 beside a length of 0 is how clients spell it.
  if (length === '0' && range.first === range.last) return undefined;
  if (range.last < range.first) throw malformed(header);
  if (length !== undefined && Number(length) !== range.last - range.first + 1) {
    throw new RegistryError('SIZE_INVALID', 'expected Content-Length and Content-Range to give the same length', {
      detail: { contentRange: header.slice(0, 64), contentLength: length },
    });
  }
  return range;
}

function malformed(header: string): RegistryError {
  return new RegistryError('BLOB_UPLOAD_INVALID', 'expected Content-Range to be <first>-<last>', {
    detail: { contentRange: header.slice(0, 64) },
  });
}
