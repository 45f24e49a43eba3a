import type { Origin } from '#metadata/events.ts';
import type { Digest } from '#oci/digest.ts';
import type { Reference } from '#oci/reference.ts';
import type { SeenSignature } from './examination.ts';
import type { TrustOptions } from './options.ts';
import type { Missing, Policy } from './policy.ts';

/*
 * What people ask the gate, and what it answers: administration.ts makes operations of it. Times are milliseconds since
 * the epoch. Nothing in here asks who may know: administration.ts does, for which it is told what is withheld.
 */

/** What is asked about. */
export interface Question {
  readonly repository: string;
  readonly reference: Reference;
  /** Whether a tag leads to what is held of it, as it does for those who push or sign there; else to what it points at. */
  readonly withHeld: boolean;
}

/** What was found of a manifest when it was last judged. */
export interface ExplainedVerdict {
  readonly isSatisfied: boolean;
  /** Why, in a sentence. */
  readonly summary: string;
  /** Satisfied through this index, or this image it is attached to; undefined: on its own. */
  readonly via: Digest | undefined;
  readonly judgedAt: number;
  /** Undefined: for good. */
  readonly goodUntil: number | undefined;
  /** Whether it was judged under the policy as it is now, and nothing came or went since: else it will be judged anew. */
  readonly isCurrent: boolean;
}

/** A tag that waits for a signature. */
export interface WaitingTag {
  readonly name: string;
  readonly since: number;
  readonly by: string;
  readonly lapsesAt: number;
}

/** Who let a manifest pass whatever its policy says. */
export interface Release {
  readonly at: number;
  readonly by: string;
  readonly reason: string;
}

/** All that is known of a manifest at the gate. */
export interface Explanation {
  readonly digest: Digest;
  /** What the tag that was asked about points at for everybody; undefined: at nothing, or a digest was asked about. */
  readonly pointsAt: Digest | undefined;
  /** Whether those who only pull see the manifest now, as {@link Gate.sightOf} has it. */
  readonly isVisible: boolean;
  /** It came without what its policy asks for and never was seen; not visible otherwise means that pulls are refused. */
  readonly isWithheld: boolean;
  /** The one that counts for the repository now; undefined when none speaks of it. */
  readonly policy: Policy | undefined;
  /** Undefined: nobody has judged it yet, or need not. */
  readonly verdict: ExplainedVerdict | undefined;
  /** Every tag that is held for this very digest, by name. */
  readonly held: readonly WaitingTag[];
  /** As many as the evidence holds; an attachment nobody vouches for is among them with `isAboutSubject: false`. */
  readonly signatures: readonly SeenSignature[];
  readonly release: Release | undefined;
  /** As {@link Outcome.missing} of its judgement; empty when satisfied, and when nobody has judged it. */
  readonly missing: readonly Missing[];
}

/** A held tag in a list. */
export interface HeldSummary extends WaitingTag {
  readonly repository: string;
  readonly digest: Digest;
  /** What is missing, in a sentence. */
  readonly summary: string;
}

/**
 * What a policy makes of a tag.
 *
 * - `free`: nothing is asked of it
 * - `pass`: it has what is asked
 * - `warn`: it has not, and is seen all the same, with a warning
 * - `hold`, `refuse`: a push of it is held, is refused; what is there already stays
 * - `block`: it cannot be pulled
 */
export type Fate = 'free' | 'pass' | 'warn' | 'hold' | 'refuse' | 'block';

/** A tag of today under an intended policy. */
export interface PreviewItem {
  readonly repository: string;
  readonly tag: string;
  readonly digest: Digest;
  /** What those who only pull have of this digest under this tag today. */
  readonly now: 'visible' | 'held' | 'blocked';
  readonly fate: Fate;
  /** Why, in a sentence. */
  readonly summary: string;
}

/** What of the catalogue is looked at. */
export interface PreviewFilter {
  /** Pattern of base/glob; undefined: every repository. */
  readonly repositories: string | undefined;
}

/** What the gate knows, and what can be done about it. */
export interface TrustEngine {
  /** What is in force, with absolute paths. */
  options(): TrustOptions;
  /** Undefined: there is no such tag or manifest. */
  explain(question: Question): Promise<Explanation | undefined>;
  /** Judges a manifest that is there, now, and writes the verdict; what that publishes is published. */
  verify(repository: string, digest: Digest): Promise<void>;
  /** In the order of repository and name. */
  held(
    filter: {
      readonly repository: string | undefined;
      readonly after: { readonly repository: string; readonly name: string };
    },
    limit: number,
  ): Promise<readonly HeldSummary[]>;
  /** Lets a manifest that is there pass whatever its policy says; returns the names of tags that were published by that. */
  release(
    release: { readonly repository: string; readonly digest: Digest; readonly reason: string },
    origin: Origin,
  ): Promise<readonly string[]>;
  /**
   * Every tag of today, held ones too, in the order of repository and name; writes nothing. Reads the files that the
   * roots of the options name and no others; a root that cannot be used vouches for nobody, as summaries say.
   *
   * @param options without problems, with absolute paths
   */
  preview(options: TrustOptions, filter: PreviewFilter): AsyncIterable<PreviewItem>;
}
