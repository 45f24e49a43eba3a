/*
 * What the formats say and the policy decides on. A format reports; it never decides.
 */

/** What is looked at in a signature. Notary Project, trust-store-trust-policy.md v1.1.0, "Signature Verification details". */
export const CHECKS = ['integrity', 'authenticity', 'timestamp', 'expiry', 'revocation'] as const;

export type Check = (typeof CHECKS)[number];

/** `none`: there was nothing to look at, as a key has no expiry: no policy is broken by that. */
export interface CheckResult {
  readonly outcome: 'pass' | 'fail' | 'none';
  /** In words for people. */
  readonly why: string;
}

export type Checks = Readonly<Record<Check, CheckResult>>;

/** Who made a signature. */
export interface Signer {
  /** As people know them: a key's file, a certificate's subject, an identity. */
  readonly name: string;
  /**
   * What makes two signatures the same signer's: any text they share. `spki:` and the hex SHA-256 of the public key,
   * `identity:` with issuer and identity, `subject:` with the distinguished name, `openpgp:` with the primary fingerprint.
   */
  readonly ids: readonly string[];
  /** The identity in a Fulcio certificate, and who vouched for it. */
  readonly identity?: string | undefined;
  readonly issuer?: string | undefined;
  /** Subject of an X.509 certificate, as RFC 4514 writes it. */
  readonly subject?: string | undefined;
  /** Upper-case hex fingerprint of an OpenPGP primary key. */
  readonly fingerprint?: string | undefined;
}

/** What one signature is worth, seen from one root. */
export interface Testimony {
  /** Name of the root in the configuration. */
  readonly root: string;
  readonly signer: Signer;
  readonly checks: Checks;
  /** Type of the predicate of a signed attestation; undefined for a plain signature. */
  readonly predicateType: string | undefined;
  /** The repository that the signature says it is for, without host and tag; undefined when it says none. */
  readonly reference: string | undefined;
  /** Until when all of that holds if nothing is looked at again, milliseconds since the epoch; undefined: for good. */
  readonly goodUntil: number | undefined;
}

/** What one signature turned out to be. */
export interface Finding {
  /**
   * Whether its content is a signature or an attestation about the subject, whoever made it. Only then it is shown to
   * those who see the subject.
   */
  readonly isAboutSubject: boolean;
  /** Why nothing can be made of it; undefined when there are testimonies. */
  readonly problem: string | undefined;
  /** One for each root it was held against. */
  readonly testimonies: readonly Testimony[];
}

/** A check that came out badly. Formats throw it and turn it into a testimony or a problem: it never leaves the room. */
export class VerificationError extends Error {
  readonly check: Check;

  constructor(check: Check, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.name = 'VerificationError';
    this.check = check;
  }
}
