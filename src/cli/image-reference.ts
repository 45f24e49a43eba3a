import { UsageError } from './usage.ts';

/** What of a repository was meant: a tag, or a manifest by its digest. */
export type ImageReference =
  | { readonly repository: string; readonly tag: string; readonly digest?: never }
  | { readonly repository: string; readonly digest: string; readonly tag?: never };

/**
 * Takes `team-a/app:1.4` or `team-a/app@sha256:…` apart; what the parts may look like is for the server to say.
 *
 * @throws {UsageError}
 */
export function readReference(text: string): ImageReference {
  const at = text.indexOf('@');
  if (at > 0 && at < text.length - 1) return { repository: text.slice(0, at), digest: text.slice(at + 1) };
  const colon = text.indexOf(':', text.lastIndexOf('/') + 1);
  if (at === -1 && colon > 0 && colon < text.length - 1) {
    return { repository: text.slice(0, colon), tag: text.slice(colon + 1) };
  }
  throw new UsageError(`expected an image such as team-a/app:1.4 or team-a/app@sha256:…, found ${text}`);
}

/**
 * The same where only a tag will do.
 *
 * @throws {UsageError}
 */
export function readTag(text: string): { readonly repository: string; readonly tag: string } {
  const { repository, tag } = readReference(text);
  if (tag === undefined) throw new UsageError(`expected a tag such as team-a/app:1.4, found ${text}`);
  return { repository, tag };
}
