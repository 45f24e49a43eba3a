import type { RevocationList } from '../root.ts';

/**
 * Reads a certificate revocation list from a file or URL.
 *
 * @throws {Error} why it cannot be had, as the end of a sentence
 */
export async function fetchRevocationList(_location: string): Promise<RevocationList> {
  throw new Error('revocation lists cannot be read yet');
}
