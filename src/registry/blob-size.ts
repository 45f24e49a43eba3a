import { RegistryError } from '#oci/errors.ts';
import type { Body, ByteRange } from '#storage/driver.ts';
import type { Context } from './context.ts';

/** Bytes on their way into a blob that holds `before` bytes already. */
export interface Incoming {
  readonly before: number;
  readonly range?: ByteRange | undefined;
  readonly body: Body;
}

/**
 * The body, which throws at the first byte over `registry.blobs.maxSize`. Counted as it comes: what a client says of the
 * length may be missing.
 *
 * @throws {RegistryError} SIZE_INVALID (too-large), at once when its range says so
 */
export function withinMaxSize({ options }: Context, { before, range, body }: Incoming): Body {
  const { maxSize } = options.blobs;
  if (maxSize === undefined) return body;
  if (range !== undefined && range.last >= maxSize) throw tooLarge(maxSize);
  return counted(body, before, maxSize);
}

/** Whether a blob was refused for its size: no more of it can be of use. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof RegistryError && error.reason === 'too-large';
}

async function* counted(body: Body, before: number, maxBytes: number): Body {
  let sizeBytes = before;
  for await (const chunk of body) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
    yield chunk;
  }
}

function tooLarge(maxBytes: number): RegistryError {
  return new RegistryError('SIZE_INVALID', `expected a blob of at most ${maxBytes} bytes`, {
    reason: 'too-large',
    detail: { maxBytes },
  });
}
