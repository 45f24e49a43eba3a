import type { Digest } from '#oci/digest.ts';
import type { Manifest } from '#oci/manifest.ts';
import type { Root } from './root.ts';
import type { Finding } from './testimony.ts';

/** What signatures are about: a manifest of a repository, as it is stored. */
export interface Subject {
  readonly repository: string;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
}

/** A manifest that has the subject as its `subject`, as the referrers list shows it. Nothing in it is verified. */
export interface ReferrerEntry {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly artifactType: string;
  readonly sizeBytes: number;
}

/** A manifest and its bytes. */
export interface ShelvedManifest {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  readonly manifest: Manifest;
}

/** An OpenPGP signature that was sent to the signature extension. */
export interface ShelvedSignature {
  readonly name: string;
  readonly content: Uint8Array;
}

/** What formats read of a repository. */
export interface Shelf {
  /** By digest, all of them. */
  referrers(subject: Digest): AsyncIterable<ReferrerEntry>;
  /** Undefined when there is no such manifest. */
  manifest(reference: { readonly digest: Digest } | { readonly tag: string }): Promise<ShelvedManifest | undefined>;
  /** @throws {VerificationError} integrity: it is not there, or larger than that */
  blob(digest: Digest, maxBytes: number): Promise<Uint8Array>;
  signatures(subject: Digest): Promise<readonly ShelvedSignature[]>;
}

/** A layer, and all layers of its manifest. */
export interface Part {
  readonly layer: Digest;
  readonly of: readonly Digest[];
}

/** Something that may be a signature. */
export interface Signature {
  /** Name of its format. */
  readonly format: string;
  /** Where it was found, in words: `referrer sha256:…`, `tag sha256-….sig, layer 2`. */
  readonly source: string;
  /** The manifest it came in; undefined for what came in none. */
  readonly manifest: Digest | undefined;
  /** Which layer of its manifest it is, when that may have others; left out: it has none. */
  readonly part?: Part | undefined;
  /**
   * Holds it against every root of its kind. No clock and no network: `at` is the moment to judge at, milliseconds since
   * the epoch, and the roots hold every key, log and list. Never throws: whatever is wrong is in the finding.
   */
  check(roots: readonly Root[], at: number): Promise<Finding>;
}

/** One file in `formats/`. */
export interface SignatureFormat {
  readonly name: 'cosign' | 'notation' | 'simple-signing';
  /**
   * Everything that may be a signature of this format about the subject, wherever the format keeps it. One that cannot be
   * read is one whose check says so: it hides no other. Bounded in number and size.
   */
  find(subject: Subject, shelf: Shelf): AsyncIterable<Signature>;
}
