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
  const attachments = new Attachments();
  let isCutShort = false;
  for await (const { format, signature } of candidates(subject, shelf, options.formats)) {
    if (seen.length >= SIGNATURES_MAX || performance.now() > deadline) {
      isCutShort = true;
      break;
    }
    const { source, manifest } = signature;
    const finding = await signature.check(policy.roots, at);
    seen.push({ ...finding, format, source, manifest });
    if (finding.isAboutSubject) attachments.add(signature);
  }
  const outcome = judgeFindings(policy, subject.repository, withoutPast(seen, at));
  const summary = isCutShort
    ? `${outcome.summary}; only the first ${seen.length} signatures were looked at`
    : undefined;
  return {
    outcome: summary === undefined ? outcome : { ...outcome, summary },
    seen,
    attachments: await withIndexes(subject, shelf, attachments.whole()),
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
 * Manifests that hold what is about the subject, and nothing else: an image does not become an attachment by having a
 * signature among its layers.
 */
class Attachments {
  readonly #found = new Map<Digest, { readonly of: readonly Digest[]; readonly about: Set<Digest> }>();

  add({ manifest, part }: Signature): void {
    if (manifest === undefined) return;
    const found = this.#found.get(manifest) ?? { of: part?.of ?? [], about: new Set() };
    if (part !== undefined) found.about.add(part.layer);
    this.#found.set(manifest, found);
  }

  whole(): ReadonlySet<Digest> {
    const whole = [...this.#found].filter(([, { of, about }]) => of.every((layer) => about.has(layer)));
    return new Set(whole.map(([manifest]) => manifest));
  }
}

/**
 * With the index of them under the tag that clients without the referrers API read, if it names nothing else.
 * Distribution Spec v1.1.1, "Referrers Tag Schema".
 */
async function withIndexes(
  { digest }: Subject,
  shelf: Shelf,
  attachments: ReadonlySet<Digest>,
): Promise<readonly Digest[]> {
  const all = new Set(attachments);
  if (all.size === 0) return [];
  for (const tag of referrerTagsOf(digest).filter(isIndexTag)) {
    const index = await readable(() => shelf.manifest({ tag }));
    const children = index?.manifest.children ?? [];
    const isAll = children.length > 0 && children.every((child) => attachments.has(child.digest));
    if (index !== undefined && isAll) all.add(index.digest);
  }
  return [...all];
}

/** An index that lies there damaged is none, and keeps nobody from judging the rest. */
async function readable<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch {
    return undefined;
  }
}
