import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { rootOfPlace } from '#trust/sigstore/merkle.ts';
import { proofOf, rootOf } from './log.ts';

const bodies = Array.from({ length: 20 }, (_, index) => Buffer.from(`entry ${index}`));
const leaves = bodies.map((body) => createHash('sha256').update(Uint8Array.of(0)).update(body).digest());

describe('the place of a leaf', () => {
  test('leads to the root, for every leaf of every tree, and no other place does', () => {
    for (let count = 1; count <= leaves.length; count += 1) {
      const tree = leaves.slice(0, count);
      const root = rootOf(tree);
      for (const [index, body] of bodies.slice(0, count).entries()) {
        const hashes = proofOf(index, tree);
        const size = BigInt(count);
        expect(rootOfPlace(body, { index: BigInt(index), size, hashes })).toEqual(root);
        const elsewhere = bodies.slice(0, count).map((_, at) => rootOfPlace(body, { index: BigInt(at), size, hashes }));
        expect(elsewhere.filter((found) => found?.equals(root))).toHaveLength(1);
      }
    }
  });

  test('is not that of two hashes which pass for a leaf', () => {
    const [one = Buffer.alloc(0), two = Buffer.alloc(0)] = leaves;
    const root = rootOf([one, two]);
    expect(rootOfPlace(Buffer.concat([one, two]), { index: 0n, size: 1n, hashes: [] })).not.toEqual(root);
  });

  test('is in no tree that is empty, smaller or endless', () => {
    const place = { index: 0n, size: 1n, hashes: [] };
    expect(rootOfPlace(Buffer.alloc(1), place)).toBeDefined();
    expect(rootOfPlace(Buffer.alloc(1), { ...place, size: 0n })).toBeUndefined();
    expect(rootOfPlace(Buffer.alloc(1), { ...place, index: -1n })).toBeUndefined();
    expect(rootOfPlace(Buffer.alloc(1), { ...place, index: 1n })).toBeUndefined();
    const hashes = Array.from({ length: 65 }, () => Buffer.alloc(32));
    expect(rootOfPlace(Buffer.alloc(1), { index: 0n, size: 2n ** 65n, hashes })).toBeUndefined();
    expect(rootOfPlace(Buffer.alloc(1), { index: 0n, size: 2n ** 64n, hashes: hashes.slice(1) })).toBeDefined();
    expect(rootOfPlace(Buffer.alloc(1), { index: 0n, size: 2n, hashes: [Buffer.alloc(31)] })).toBeUndefined();
  });
});
