/*
 * One copy of each digest, and no moment at which a fact points at nothing.
 *
 * Bytes always land under a key of their own, `blobs/<algorithm>/<2 hex>/<hex>.<uuid>`, and become a fact afterwards, in
 * the transaction of whoever brought them:
 *
 *   upload A                      upload B of the same digest       collection
 *   lands blobs/…/d.A
 *                                 lands blobs/…/d.B
 *   records d → d.A
 *                                 sees d is known: removes d.B
 *                                                                   forgets d → d.A (unused)
 *                                 (a third upload records d → d.C)
 *                                                                   removes d.A: d.C is untouched
 *
 * Because a key is never used twice, whoever removes an object cannot hit another's, and no lock is needed.
 */
import { randomUUID } from 'node:crypto';
import { findBytes, insertBytes, moveBytes } from '#metadata/blobs.ts';
import type { Sql } from '#metadata/sql.ts';
import { type Digest, DigestingBody, algorithmOf, hexOf } from '#oci/digest.ts';
import { RegistryError } from '#oci/errors.ts';
import type { Body } from '#storage/driver.ts';
import type { Context } from './context.ts';

/** Bytes that lie in the store and are not a fact yet. */
export interface Landed {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly location: string;
}

/** A storage key that nobody has used for this digest, and nobody will again. */
export function newLocation(digest: Digest): string {
  const hex = hexOf(digest);
  return `blobs/${algorithmOf(digest)}/${hex.slice(0, 2)}/${hex}.${randomUUID()}`;
}

/** The digest that a storage key of {@link newLocation} claims; undefined for a key of another make. */
export function digestOfLocation(location: string): string | undefined {
  const match = /^blobs\/(sha256|sha512)\/[0-9a-f]{2}\/([0-9a-f]+)\.[0-9a-f-]{36}$/.exec(location);
  return match === null ? undefined : `${match[1]}:${match[2]}`;
}

/**
 * Writes bytes under a fresh key, if they are what they should be.
 *
 * @throws {RegistryError} DIGEST_INVALID; nothing is kept then
 */
export async function land(context: Context, expected: Digest, body: Body): Promise<Landed> {
  const location = newLocation(expected);
  const { sizeBytes } = await context.store.write(location, checked(expected, body));
  return { digest: expected, sizeBytes, location };
}

/** Passes the body on, and throws after its last byte unless it hashes to what was expected: the write then fails whole. */
async function* checked(expected: Digest, body: Body): Body {
  const digesting = new DigestingBody(algorithmOf(expected), body);
  yield* digesting;
  requireDigest(expected, digesting.digest());
}

/** @throws {RegistryError} DIGEST_INVALID, with both digests */
export function requireDigest(expected: Digest, computed: Digest): void {
  if (expected === computed) return;
  throw new RegistryError('DIGEST_INVALID', 'the bytes do not hash to the digest given', {
    detail: { expected, computed },
  });
}

/**
 * Makes landed bytes a fact and lets `work` build on it in the same transaction. When the digest was known already, the
 * older copy stays and ours goes; when the older copy turns out to be damaged, ours takes its place, so that pushing an
 * image again heals it. If the transaction fails, our copy goes.
 */
export async function settle<T>(context: Context, landed: Landed, work: (metadata: Sql) => Promise<T>): Promise<T> {
  const damaged = await damagedCopy(context, landed);
  let surplus: string | undefined = landed.location;
  try {
    return await context.metadata.transaction(async (metadata) => {
      const added =
        (await insertBytes(metadata, landed, context.clock())) ||
        (damaged !== undefined && (await moveBytes(metadata, landed.digest, damaged, landed.location)));
      const result = await work(metadata);
      surplus = added ? damaged : landed.location;
      return result;
    });
  } finally {
    if (surplus !== undefined) await context.store.delete(surplus);
  }
}

/** Where an earlier copy of these bytes should be and is not, or is cut short. */
async function damagedCopy(context: Context, landed: Landed): Promise<string | undefined> {
  const known = await findBytes(context.metadata, landed.digest);
  if (known === undefined) return undefined;
  const stat = await context.store.stat(known.location);
  return stat?.sizeBytes === landed.sizeBytes ? undefined : known.location;
}
