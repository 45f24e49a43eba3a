import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

// A trusted_root.json of the public instance has 30 KiB, a ring of a hundred OpenPGP keys less than a megabyte.
const FILE_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Reads what a root is made of.
 *
 * @throws {Error} why it cannot be read, as a sentence that names the file
 */
export async function readRootFile(path: string): Promise<Uint8Array> {
  try {
    return await readBounded(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
    if (code === undefined) throw error;
    const problem = code === 'ENOENT' ? `there is no file ${path}` : `cannot read ${path} (${code})`;
    throw new Error(problem, { cause: error });
  }
}

async function readBounded(path: string): Promise<Uint8Array> {
  // Without waiting: a pipe without a writer would keep everything waiting.
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const entry = await file.stat();
  if (!entry.isFile()) throw new Error(`${path} is no file`);
  const buffer = Buffer.alloc(Math.min(entry.size, FILE_BYTES_MAX) + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  if (length > FILE_BYTES_MAX) throw new Error(`${path} has more than ${FILE_BYTES_MAX} bytes`);
  // Longer than it was a moment ago: somebody is writing it.
  if (length === buffer.length) throw new Error(`${path} changed while it was read`);
  return buffer.subarray(0, length);
}
