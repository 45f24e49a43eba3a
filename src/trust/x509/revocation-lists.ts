import { readFile, stat } from 'node:fs/promises';
import type { RevocationList } from '../root.ts';
import { LIST_BYTES_MAX, readCertificateList } from './certificate-list.ts';
import { DerError, TAG } from './der.ts';

/** How long a list may take to come, in milliseconds. */
const TIMEOUT_MS = 5000;

/**
 * Brings a certificate revocation list, DER or PEM, from a file or an http(s) address, and reads it once. Nothing is sent
 * that says who asks, and redirects are not followed: the list comes from where it was configured to come from. Whether it
 * is signed and current is asked when something is held against it.
 *
 * @throws {Error} in words: it did not come, or is none that is of use
 */
export async function fetchRevocationList(
  location: string,
  { timeoutMs = TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
): Promise<RevocationList> {
  const isAddress = /^https?:/i.test(location);
  const source = isAddress ? nameOf(location) : location;
  try {
    const bytes = derOf(isAddress ? await download(location, timeoutMs) : await readBounded(location));
    const { problem } = readCertificateList(bytes);
    if (problem !== undefined) throw new Error(`it ${problem}`);
    return { bytes, source };
  } catch (error) {
    throw new Error(`expected a revocation list from ${source}: ${wordsOf(error)}`, { cause: error });
  }
}

/** Without user and query: either may be a secret. */
function nameOf(location: string): string {
  if (!URL.canParse(location)) return 'an address that is none';
  const { origin, pathname } = new URL(location);
  return `${origin}${pathname}`;
}

async function readBounded(path: string): Promise<Uint8Array> {
  const found = await stat(path);
  if (!found.isFile()) throw new Error('it is no file');
  if (found.size > LIST_BYTES_MAX) throw new Error(`it has more than ${LIST_BYTES_MAX} bytes`);
  return await readFile(path);
}

async function download(location: string, timeoutMs: number): Promise<Uint8Array> {
  const response = await fetch(location, {
    redirect: 'manual',
    credentials: 'omit',
    headers: { 'user-agent': 'gatehouse' },
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`expected status 200, found ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    // Leaving the loop ends the connection.
    if (size > LIST_BYTES_MAX) throw new Error(`it has more than ${LIST_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function derOf(file: Uint8Array): Uint8Array {
  if (file[0] === TAG.sequence) return file;
  const [, block, ...more] = Buffer.from(file).toString('latin1').split('-----BEGIN X509 CRL-----');
  if (block === undefined) throw new Error('it is neither DER nor PEM');
  if (more.length > 0) throw new Error('it holds more than one list');
  const end = block.indexOf('-----END X509 CRL-----');
  if (end === -1) throw new Error('it ends early');
  return Buffer.from(block.slice(0, end), 'base64');
}

/** Our own words, or a code: messages of fetch hold addresses, and an address may hold a secret. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.name === 'TimeoutError') return 'it did not come in time';
  const { cause = error } = error;
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return error.name === 'Error' || error instanceof DerError ? error.message : error.name;
}
