import { type Digest, parseDigest } from './digest.ts';
import { parseTag } from './name.ts';

/** What stands after `/manifests/`: a digest or a tag. Distribution Spec v1.1.1, "Pulling manifests". */
export type Reference =
  | { readonly digest: Digest; readonly tag?: never }
  | { readonly tag: string; readonly digest?: never };

/**
 * A tag cannot hold a colon, so one decides.
 *
 * @throws {RegistryError} DIGEST_INVALID or MANIFEST_INVALID
 */
export function parseReference(text: string): Reference {
  return text.includes(':') ? { digest: parseDigest(text) } : { tag: parseTag(text) };
}
