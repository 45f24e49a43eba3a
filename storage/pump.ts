import type { FileHandle } from 'node:fs/promises';
import type { Writable } from 'node:stream';

// Two of these for each transfer: large enough to keep a loopback connection busy, small enough for hundreds at once.
const BUFFER_BYTES = 256 * 1024;
// 16 MiB of buffers wait for the next transfer; what is more goes back to the system.
const SPARE_MAX = 64;
const spare: Buffer[] = [];

/**
 * Writes a stretch of a file into a stream, from `first` up to, not including, `end`, reading ahead by one buffer. The
 * two buffers are used over and over: a stream of fresh ones spends half its time making and clearing them.
 *
 * @throws whatever the file or the stream fails with; also when the file turns out to be shorter
 */
export async function copyInto(
  target: Writable,
  file: FileHandle,
  { first, end }: { first: number; end: number },
): Promise<void> {
  const buffers: [Buffer, Buffer] = [takeBuffer(), takeBuffer()];
  let position = first;
  const readNext = async (buffer: Buffer): Promise<Buffer> => {
    const wanted = Math.min(buffer.length, end - position);
    if (wanted === 0) return buffer.subarray(0, 0);
    const { bytesRead } = await file.read(buffer, 0, wanted, position);
    if (bytesRead === 0) throw new Error(`expected ${end} bytes in the file, found ${position}`);
    position += bytesRead;
    return buffer.subarray(0, bytesRead);
  };

  let current = await readNext(buffers[0]);
  for (let turn = 1; current.length > 0; turn += 1) {
    const writing = write(target, current);
    // A write that fails while the next read is under way is met below.
    writing.catch(() => undefined);
    const next = await readNext(turn % 2 === 0 ? buffers[0] : buffers[1]);
    await writing;
    current = next;
  }
  // Only now: after a failure the system may still hold on to a buffer.
  for (const buffer of buffers) if (spare.length < SPARE_MAX) spare.push(buffer);
}

function takeBuffer(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
}

/** Resolves when the stream has let go of the buffer, and rejects when its other end is gone. */
function write(target: Writable, buffer: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    if (target.destroyed) {
      reject(gone());
      return;
    }
    const onClose = (): void => reject(gone());
    target.once('close', onClose);
    target.write(buffer, (error) => {
      target.off('close', onClose);
      if (error === null || error === undefined) resolve();
      else reject(error);
    });
  });
}

function gone(): Error {
  return Object.assign(new Error('the reader went away'), { code: 'ECONNRESET' });
}
