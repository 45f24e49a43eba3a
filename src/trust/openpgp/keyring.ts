import type { PublicKey } from 'openpgp';

/**
 * Reads a file of OpenPGP public keys, armored or binary.
 *
 * @throws {Error} what is wrong with it, as the end of a sentence
 */
export async function readKeyring(_bytes: Uint8Array): Promise<readonly PublicKey[]> {
  throw new Error('OpenPGP signatures cannot be verified yet');
}
