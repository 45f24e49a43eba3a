import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { UsageError } from './usage.ts';

/**
 * The text of a file; `-` is standard input.
 *
 * @throws {UsageError} it cannot be read
 */
export async function fileText(file: string): Promise<string> {
  if (file === '-') return await text(process.stdin);
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new UsageError(`${file} cannot be read (${code})`, { cause: error });
  }
}
