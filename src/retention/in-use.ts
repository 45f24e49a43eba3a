/*
 * What clusters run, as `kubectl` lists it: image references, one a line.
 *
 *   registry.example.com:5000/team-a/app:v1@sha256:<hex>
 *   └──────── host ─────────┘ └─ name ─┘ tag └ digest ┘
 *
 * The host is ignored on purpose, as `oc adm prune` does: a registry is known by many names, and whoever compares them
 * deletes what runs the day one is missing from the list. What is kept by accident is only kept.
 */
import { type Origin, recordEvent } from '#metadata/events.ts';
import { type InUseReference, type InUseSource, inUseSources, replaceInUse } from '#metadata/in-use.ts';
import type { Sql } from '#metadata/sql.ts';
import { type Digest, isDigest } from '#oci/digest.ts';
import { isName, isTag } from '#oci/name.ts';
import { RetentionError } from './errors.ts';

/** A line that protects nothing, and why. */
export interface MalformedLine {
  /** Counts from 1. */
  readonly line: number;
  /** At most 200 characters of it. */
  readonly text: string;
  readonly problem: string;
}

/** A list of what is in use, read. */
export interface InUseList {
  readonly references: readonly InUseReference[];
  readonly malformed: readonly MalformedLine[];
}

/** How long an import protects unless it is said, in milliseconds: a nightly import may fail once. */
const IN_USE_MAX_AGE_MS = 48 * 3_600_000;

/**
 * Reads a list. Empty lines and comments (`#`) are no references; quotes and spaces around one do not matter, and neither
 * does it to name one twice. A line may hold several, as `jsonpath='{..image}'` prints them; one that is none makes the
 * whole line malformed.
 */
export function parseInUse(text: string): InUseList {
  const references = new Map<string, InUseReference>();
  const malformed: MalformedLine[] = [];
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    const words = line
      .replace(/(?:^|\s)#.*$/, '')
      .split(/[\s,"']+/)
      .filter((word) => word !== '');
    const read = words.map(readReference);
    const problem = read.map((one) => one.problem).find((one) => one !== undefined);
    if (problem !== undefined) {
      malformed.push({ line: index + 1, text: line.slice(0, 200), problem });
      continue;
    }
    for (const reference of read.flatMap((one) => one.references)) {
      references.set(`${reference.repository} ${reference.tag} ${reference.digest}`, reference);
    }
  }
  return { references: [...references.values()], malformed };
}

interface Read {
  readonly references: readonly InUseReference[];
  readonly problem?: string;
}

function readReference(text: string): Read {
  // What container runtimes put before an image's ID.
  const bare = text.replace(/^(?:docker-pullable|docker|containerd|cri-o):\/\//, '');
  if (isDigest(bare)) return misread('expected a repository before the digest');
  const [named = '', digest = '', ...others] = bare.split('@');
  if (others.length > 0 || (bare.includes('@') && !isDigest(digest))) return misread('expected @sha256: and its hex');
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  const path = colon === -1 ? named : named.slice(0, colon);
  const tag = colon === -1 ? '' : named.slice(colon + 1);
  if (colon !== -1 && !isTag(tag)) return misread('expected a tag after the colon');
  const repositories = repositoriesOf(path);
  if (repositories.length === 0) return misread('expected the name of a repository');
  const digestOrNone: Digest | '' = isDigest(digest) ? digest : '';
  // A reference with neither means the tag that clients add.
  const tagOrLatest = tag === '' && digestOrNone === '' ? 'latest' : tag;
  return {
    references: repositories.map((repository) => ({ repository, tag: tagOrLatest, digest: digestOrNone })),
  };
}

/** `a.b/c` is host and name, or a name: both are protected. */
function repositoriesOf(path: string): string[] {
  const slash = path.indexOf('/');
  const first = path.slice(0, Math.max(slash, 0));
  const isHost = first.includes('.') || first.includes(':') || first.toLowerCase() === 'localhost';
  const candidates = isHost ? [path, path.slice(slash + 1)] : [path];
  return candidates.filter(isName);
}

function misread(problem: string): Read {
  return { references: [], problem };
}

/** Whose list it is, and how long it protects. */
export interface InUseImport {
  /** The cluster, say: what it said before is replaced, what others said is not. */
  readonly source: string;
  /** Milliseconds; {@link IN_USE_MAX_AGE_MS} unless given. */
  readonly maxAgeMs?: number | undefined;
  readonly origin: Origin;
}

/** What an import came to. */
export interface InUseReport {
  readonly references: number;
  readonly malformed: readonly MalformedLine[];
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** What is in use. */
export interface InUse {
  /**
   * Takes a list in the place of the source's last, in one transaction. A malformed line protects nothing.
   *
   * @throws {RetentionError} nothing-in-use the list holds not one reference: what it was made from has failed, and the
   * source's last list stays
   */
  importList(text: string, options: InUseImport): Promise<InUseReport>;
  sources(): Promise<InUseSource[]>;
}

export function openInUse({ metadata, clock }: { metadata: Sql; clock: () => number }): InUse {
  return {
    async importList(text, { source, maxAgeMs = IN_USE_MAX_AGE_MS, origin }) {
      const { references, malformed } = parseInUse(text);
      if (references.length === 0) {
        const [first] = malformed;
        const found = first === undefined ? 'nothing' : `${malformed.length} malformed lines`;
        throw new RetentionError('nothing-in-use', `expected image references, one a line, found ${found}`);
      }
      const now = clock();
      const expiresAt = now + maxAgeMs;
      const detail = { references: references.length, malformed: malformed.length };
      await metadata.transaction(async (inside) => {
        await replaceInUse(inside, source, references, { now, expiresAt });
        await recordEvent(inside, origin, { kind: 'in-use.replace', reference: source, detail }, now);
      });
      return { references: references.length, malformed, expiresAt };
    },
    sources: () => inUseSources(metadata, clock()),
  };
}
