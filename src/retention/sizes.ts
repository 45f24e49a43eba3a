import type { Digest } from '#oci/digest.ts';
import type { Web } from './liveness.ts';

/**
 * Says how many bytes a manifest comes to: its own, those of the blobs it names, and those of the children of an index
 * at any depth. Undefined when that of any of them is not known.
 */
export function sizesIn(web: Web, sizes: ReadonlyMap<Digest, number>): (digest: Digest) => number | undefined {
  return (root) => {
    let sum = 0;
    const seen = new Set<Digest>();
    const waiting = [root];
    for (let digest = waiting.pop(); digest !== undefined; digest = waiting.pop()) {
      if (seen.has(digest)) continue;
      seen.add(digest);
      const bytes = sizes.get(digest);
      if (bytes === undefined) return undefined;
      sum += bytes;
      for (const { to, how } of web.steps.get(digest) ?? []) if (how === 'child') waiting.push(to);
    }
    return sum;
  };
}
