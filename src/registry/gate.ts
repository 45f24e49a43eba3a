import type { Sql } from '#metadata/sql.ts';
import type { SetReason } from '#metadata/tag-revisions.ts';
import type { Digest } from '#oci/digest.ts';

/** A tag on its way to a manifest of its repository. */
export interface TagMove {
  readonly repository: string;
  readonly name: string;
  readonly digest: Digest;
  readonly why: SetReason;
}

/** Let a tag move, or keep the move back until somebody vouches for where it leads. */
export type Ruling = 'pass' | { readonly hold: Hold };

/** A move that is kept back. */
export interface Hold {
  /** After that it is given up, milliseconds since the epoch. */
  readonly lapsesAt: number;
  /** What is missing, in words for people. */
  readonly why: string;
}

/** A manifest that came into a repository, or came back. */
export interface Arrival {
  readonly repository: string;
  readonly digest: Digest;
  /** Whether it was here already. */
  readonly wasHere: boolean;
  /** What it is attached to: its subject, or those its tags name. */
  readonly subjects: readonly Digest[];
}

/** A manifest on its way in, before it is a fact. */
export interface Approach {
  readonly repository: string;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly tags: readonly string[];
}

/** What those who only pull see of a manifest. */
export interface Sight {
  readonly isVisible: boolean;
  /** What is to be said of it to whoever pulls it, whoever that is. RFC 7234, section 5.5, code 299. */
  readonly warning?: string | undefined;
}

/**
 * Asked before a tag moves, told what comes, and asked again by whoever reads. The registry knows no more of trust than
 * this. What goes needs no telling: {@link voidVerdict} is enough.
 */
export interface Gate {
  /** Whether anything of the repository is held, withheld or looked at: else nobody need be asked. */
  guards(repository: string): boolean;
  /**
   * Before the transaction of a push: what has to be known of it by then is found out.
   *
   * @throws {RegistryError} DENIED: refused; in words that say what is missing and how to bring it
   */
  consider(approach: Approach): Promise<void>;
  /** @throws {RegistryError} DENIED, as {@link consider} does */
  rule(metadata: Sql, move: TagMove, now: number): Promise<Ruling>;
  /** In the transaction in which a manifest came. */
  arrived(metadata: Sql, arrival: Arrival, now: number): Promise<void>;
  /** After the transaction: those of them that wait to be judged are. Returns at once. */
  wake(repository: string, digests: readonly Digest[]): void;
  /** What those who only pull see of a manifest of the repository. */
  sightOf(repository: string, digest: Digest): Promise<Sight>;
  /** Whether those who only pull see a blob: some manifest they see names it. */
  showsBlob(repository: string, digest: Digest): Promise<boolean>;
}

/** No gate: everything passes and is seen. */
export const openGate: Gate = {
  guards: () => false,
  consider: async () => undefined,
  rule: async () => 'pass',
  arrived: async () => undefined,
  wake: () => undefined,
  sightOf: async () => ({ isVisible: true }),
  showsBlob: async () => true,
};
