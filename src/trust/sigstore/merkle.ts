import { createHash } from 'node:crypto';

/** A tree of 2⁶⁴ entries needs no more. */
const MAX_HASHES = 64;
const HASH_BYTES = 32;

/** Where a leaf is said to be in a tree. */
export interface Place {
  readonly index: bigint;
  readonly size: bigint;
  readonly hashes: readonly Uint8Array[];
}

/**
 * The root of the tree that has this leaf in this place; undefined when no tree has. RFC 9162, section 2.1.3.2.
 */
export function rootOfPlace(leaf: Uint8Array, { index, size, hashes }: Place): Buffer | undefined {
  if (index < 0n || index >= size || hashes.length > MAX_HASHES) return undefined;
  let root = sha256(0, leaf);
  let node = index;
  let last = size - 1n;
  for (const hash of hashes) {
    if (hash.length !== HASH_BYTES || last === 0n) return undefined;
    if (isOdd(node) || node === last) {
      root = sha256(1, hash, root);
      // On the right edge a node without a sibling rises until it has one.
      while (!isOdd(node) && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      root = sha256(1, root, hash);
    }
    node >>= 1n;
    last >>= 1n;
  }
  return last === 0n ? root : undefined;
}

function isOdd(number: bigint): boolean {
  return (number & 1n) === 1n;
}

/** The first byte keeps a leaf from passing for a node. RFC 9162, section 2.1.1. */
function sha256(kind: 0 | 1, ...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256').update(Uint8Array.of(kind));
  for (const part of parts) hash.update(part);
  return hash.digest();
}
