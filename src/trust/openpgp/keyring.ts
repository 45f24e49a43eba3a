import type { Key, PublicKey } from 'openpgp';

/** 4 MiB: a thousand keys with a hundred certifications each are below. */
const KEYRING_MAX_BYTES = 4 * 1024 * 1024;
const KEYS_MAX = 1000;
const BLOCK = /-----BEGIN PGP (?<type>[A-Z ,0-9/]+)-----[\s\S]*?-----END PGP \k<type>-----/g;

/**
 * Reads public keys as gpg exports them: binary, or armored in one block or several. A key that is there twice stays
 * there twice: whoever judges looks at every copy for revocations.
 *
 * @throws {Error} there is none, or what is there is something else, such as a private key
 */
export async function readKeyring(bytes: Uint8Array): Promise<readonly PublicKey[]> {
  if (bytes.length > KEYRING_MAX_BYTES) {
    throw new Error(`expected at most ${KEYRING_MAX_BYTES} bytes of public keys, found ${bytes.length}`);
  }
  const found = await keysIn(bytes);
  if (found.length === 0) throw new Error('expected OpenPGP public keys, found none');
  if (found.length > KEYS_MAX) throw new Error(`expected at most ${KEYS_MAX} OpenPGP keys, found ${found.length}`);
  if (found.some((key) => key.isPrivate())) throw privateKey();
  return found;
}

async function keysIn(bytes: Uint8Array): Promise<PublicKey[]> {
  const text = Buffer.from(bytes).toString('latin1');
  if (!text.includes('-----BEGIN PGP ')) return await readAll(bytes.length === 0 ? [] : [{ binaryKeys: bytes }]);
  const blocks = [...text.matchAll(BLOCK)].map((block) => ({ armoredKeys: block[0], type: block.groups?.type ?? '' }));
  for (const { type } of blocks) {
    if (type.startsWith('PRIVATE KEY')) throw privateKey();
    if (type !== 'PUBLIC KEY BLOCK') throw new Error(`expected OpenPGP public keys, found a PGP ${type}`);
  }
  return await readAll(blocks);
}

async function readAll(
  blocks: readonly ({ armoredKeys: string } | { binaryKeys: Uint8Array })[],
): Promise<PublicKey[]> {
  // Loaded when a ring is: it costs 40 ms and 18 MiB, a tenth of the start, and few registries have one.
  const { readKeys } = await import('openpgp');
  const keys: Key[] = [];
  for (const block of blocks) {
    try {
      const read = 'armoredKeys' in block ? readKeys({ armoredKeys: block.armoredKeys }) : readKeys(block);
      keys.push(...(await read));
    } catch (error) {
      throw new Error('expected OpenPGP public keys, found what cannot be read', { cause: error });
    }
  }
  return keys;
}

function privateKey(): Error {
  return new Error(
    'expected OpenPGP public keys, found a private key: it belongs to whoever signs; give the output of gpg --export',
  );
}
