/*
 * What a policy may require, apart from how it is written: problems, words and judgement all walk the same tree.
 */

/** Somebody who has to have signed. Which words a root understands is checked where roots and policies meet. */
export interface StatementOptions {
  /** Name of the root that has to vouch for the signer. */
  readonly root: string;
  /** For sigstore: the identity in the certificate, every character of it. */
  readonly identity?: string | undefined;
  /** For sigstore: a pattern for the whole identity; see identity-pattern.ts. */
  readonly identityPattern?: string | undefined;
  /** For sigstore: who vouched for the identity, every character of it. */
  readonly issuer?: string | undefined;
  /** For x509: attributes that the subject of the certificate has, as RFC 4514 writes them; see distinguished-name.ts. */
  readonly subject?: string | undefined;
  /** For openpgp: the fingerprint of a primary key. For keys: the hex SHA-256 of its SubjectPublicKeyInfo. */
  readonly key?: string | undefined;
  /** The type of the attestation it takes; undefined: a plain signature. */
  readonly predicateType?: string | undefined;
  /** How many different signers it takes; undefined: one. */
  readonly threshold?: number | undefined;
}

/** What has to hold: a statement, or some or all of several requirements. */
export type RequirementOptions =
  | StatementOptions
  /** One of them suffices. */
  | { readonly any: readonly RequirementOptions[] }
  /** Each of them; one signer may count for several. */
  | { readonly all: readonly RequirementOptions[] }
  /** So many of them, no two by the same signer. */
  | { readonly threshold: number; readonly of: readonly RequirementOptions[] };

/** Every statement in a requirement, in the order in which they are written. */
export function statementsOf(requirement: RequirementOptions): StatementOptions[] {
  if ('root' in requirement) return [requirement];
  return partsOf(requirement).flatMap(statementsOf);
}

/** What a requirement is put together from; a statement from nothing. */
export function partsOf(requirement: RequirementOptions): readonly RequirementOptions[] {
  if ('root' in requirement) return [];
  if ('any' in requirement) return requirement.any;
  return 'all' in requirement ? requirement.all : requirement.of;
}
