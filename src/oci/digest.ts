import { type Hash, createHash, hash } from 'node:crypto';
import { RegistryError } from './errors.ts';

/** Hash functions a digest may use. Image Spec v1.1.1, descriptor.md "Registered algorithms". */
export type Algorithm = 'sha256' | 'sha512';

/** `<algorithm>:<lower-case hex>`, checked by {@link parseDigest}. */
export type Digest = `${Algorithm}:${string}`;

const HEX_LENGTH = { sha256: 64, sha512: 128 } as const satisfies Record<Algorithm, number>;

export function isAlgorithm(text: string): text is Algorithm {
  return text === 'sha256' || text === 'sha512';
}

/** Whether the text is a digest this registry can hold, to the letter: upper-case hex is not. */
export function isDigest(text: string): text is Digest {
  const colon = text.indexOf(':');
  const algorithm = text.slice(0, colon);
  if (!isAlgorithm(algorithm)) return false;
  const hex = text.slice(colon + 1);
  return hex.length === HEX_LENGTH[algorithm] && /^[0-9a-f]+$/.test(hex);
}

/** @throws {RegistryError} DIGEST_INVALID, naming what was found */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new RegistryError('DIGEST_INVALID', 'expected sha256: or sha512: followed by lower-case hex', {
    detail: { digest: text.slice(0, 256) },
  });
}

export function algorithmOf(digest: Digest): Algorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** The digest of bytes that are all here. */
export function digestOf(bytes: Uint8Array, algorithm: Algorithm): Digest {
  return `${algorithm}:${hash(algorithm, bytes)}`;
}

/** Hashes bytes as they pass by. Read {@link digest} once, after the last byte. */
export class DigestingBody {
  readonly #algorithm: Algorithm;
  readonly #hash: Hash;
  readonly #source: AsyncIterable<Uint8Array>;

  constructor(algorithm: Algorithm, source: AsyncIterable<Uint8Array>) {
    this.#algorithm = algorithm;
    this.#hash = createHash(algorithm);
    this.#source = source;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#source) {
      this.#hash.update(chunk);
      yield chunk;
    }
  }

  digest(): Digest {
    return `${this.#algorithm}:${this.#hash.digest('hex')}`;
  }
}
