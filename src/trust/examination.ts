/*
 * Looks at everything that may be a signature of a manifest, and holds what it finds against a policy. Writes nothing.
 */
import type { Digest } from '#oci/digest.ts';
import { isIndexTag, referrerTagsOf } from '#oci/referrer-tag.ts';
import type { Shelf, Signature, SignatureFormat, Subject } from './format.ts';
import { type Outcome, type Policy, judgeFindings, withoutPast } from './policy.ts';
import type { Finding } from './testimony.ts';

/** A signature that was looked at. */
export interface SeenSignature extends Finding {
  readonly format: SignatureFormat['name'];
  readonly source: string;
  readonly manifest: Digest | undefined;
}

/** What an examination came to. */
export interface Examination {
  readonly outcome: Outcome;
  readonly seen: readonly SeenSignature[];
  /** Manifests that hold signatures or attestations about the subject, whoever made them. */
  readonly attachments: readonly Digest[];
}

export interface ExaminationOptions {
  readonly formats: readonly SignatureFormat[];
  readonly policy: Policy;
  /** The moment to judge at, milliseconds since the epoch. */
  readonly at: number;
}

// Somebody who may attach could attach without end. What is not looked at does not count, and the summary says so.
const SIGNATURES_MAX = 5000;
const TIME_MAX_MS = 30_000;

/** Never throws for what is wrong with a signature; throws where the registry itself cannot be read. */
export async function examine(subject: Subject, shelf: Shelf, options: ExaminationOptions): Promise<Examination> {
  const { policy, at } = options;
  const deadline = performance.now() + TIME_MAX_MS;
  const seen: SeenSignature[] = [];
  let isCutShort = false;
  for await (const { format, signature } of candidates(subject, shelf, options.formats)) {
    if (seen.length >= SIGNATURES_MAX || performance.now() > deadline) {
      isCutShort = true;
      break;
    }
    const { source, manifest } = signature;
    seen.push({ ...(await signature.check(policy.roots, at)), format, source, manifest });
  }
  const outcome = judgeFindings(policy, subject.repository, withoutPast(seen, at));
  const summary = isCutShort
    ? `${outcome.summary}; only the first ${seen.length} signatures were looked at`
    : undefined;
  return {
    outcome: summary === undefined ? outcome : { ...outcome, summary },
    seen,
    attachments: await attachmentsOf(subject, shelf, seen),
  };
}

/** A signature, and the format that found it. */
interface Candidate {
  readonly format: SignatureFormat['name'];
  readonly signature: Signature;
}

async function* candidates(
  subject: Subject,
  shelf: Shelf,
  formats: readonly SignatureFormat[],
): AsyncGenerator<Candidate> {
  for (const format of formats) {
    for await (const signature of format.find(subject, shelf)) yield { format: format.name, signature };
  }
}

/**
 * What is about the subject, and the index of it under the tag that clients without the referrers API read, if it names
 * nothing else. Distribution Spec v1.1.1, "Referrers Tag Schema".
 */
async function attachmentsOf(
  { digest }: Subject,
  shelf: Shelf,
  seen: readonly SeenSignature[],
): Promise<readonly Digest[]> {
  const about = new Set<Digest>();
  for (const { isAboutSubject, manifest } of seen) if (isAboutSubject && manifest !== undefined) about.add(manifest);
  if (about.size === 0) return [];
  for (const tag of referrerTagsOf(digest).filter(isIndexTag)) {
    const index = await shelf.manifest({ tag });
    const children = index?.manifest.children ?? [];
    const isAll = children.length > 0 && children.every((child) => about.has(child.digest));
    if (index !== undefined && isAll) about.add(index.digest);
  }
  return [...about];
}
