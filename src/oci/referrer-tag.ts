import { type Digest, algorithmOf, hexOf, isDigest } from './digest.ts';

const FORM = /^(?<algorithm>sha256|sha512)-(?<hex>[0-9a-f]+)(?:\.(?:sig|att|sbom))?$/;

/**
 * The manifest that a tag belongs to, which then is no tag as people use them: `sha256-<hex>.sig`, where cosign keeps
 * signatures (cosign specs/SIGNATURE_SPEC.md, "Tag-based Discovery"), or `sha256-<hex>`, the index of all that is attached
 * (Distribution Spec v1.1.1, "Referrers Tag Schema"). Undefined for every other tag.
 */
export function subjectOfTag(tag: string): Digest | undefined {
  const { algorithm = '', hex = '' } = FORM.exec(tag)?.groups ?? {};
  const digest = `${algorithm}:${hex}`;
  return isDigest(digest) ? digest : undefined;
}

/** Whether a tag of {@link subjectOfTag} is that of the index. */
export function isIndexTag(tag: string): boolean {
  return !tag.includes('.');
}

/** The tags under which clients look for what belongs to a manifest. */
export function referrerTagsOf(subject: Digest): readonly string[] {
  const stem = `${algorithmOf(subject)}-${hexOf(subject)}`;
  return [stem, `${stem}.sig`, `${stem}.att`, `${stem}.sbom`];
}
