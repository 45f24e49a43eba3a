import type { IncomingMessage } from 'node:http';
import type { Digest } from '#oci/digest.ts';
import type { Precondition } from '#registry/manifest-push.ts';

/** The entity tag of content: its digest, which no other content has. RFC 9110, section 8.8.3. */
export function etagOf(digest: Digest): string {
  return `"${digest}"`;
}

/** `If-Match` and `If-None-Match` of a write. RFC 9110, section 13.1. */
export function preconditionOf({ headers }: IncomingMessage): Precondition {
  return { match: tagsOf(headers['if-match']), noneMatch: tagsOf(headers['if-none-match']) };
}

/** Whether a client that holds one of `If-None-Match` has the content already. */
export function isHeldByClient({ headers }: IncomingMessage, digest: Digest): boolean {
  const held = tagsOf(headers['if-none-match']);
  return held !== undefined && (held === 'any' || held.includes(digest));
}

/** Digests hold no comma and no quote, so a list of entity tags splits at its commas. */
function tagsOf(header: string | undefined): readonly string[] | 'any' | undefined {
  if (header === undefined) return undefined;
  if (header.trim() === '*') return 'any';
  return header.split(',').map((tag) => tag.trim().replace(/^(?:W\/)?"(.*)"$/, '$1'));
}
