import { subjectContains } from './distinguished-name.ts';
import { fitsIdentity } from './identity-pattern.ts';
import type { PolicyOptions } from './options.ts';
import type { StatementOptions } from './requirement.ts';
import type { Root } from './root.ts';
import { CHECKS, type Check, type Testimony } from './testimony.ts';

type Action = 'enforce' | 'log' | 'skip';

/** What each level does about each check. Notary Project, trust-store-trust-policy.md v1.1.0, "Signature Verification details". */
const LEVELS: Readonly<Record<PolicyOptions['level'], Readonly<Record<Check, Action>>>> = {
  strict: {
    integrity: 'enforce',
    authenticity: 'enforce',
    timestamp: 'enforce',
    expiry: 'enforce',
    revocation: 'enforce',
  },
  permissive: { integrity: 'enforce', authenticity: 'enforce', timestamp: 'log', expiry: 'log', revocation: 'log' },
  audit: { integrity: 'enforce', authenticity: 'log', timestamp: 'log', expiry: 'log', revocation: 'log' },
  skip: { integrity: 'skip', authenticity: 'skip', timestamp: 'skip', expiry: 'skip', revocation: 'skip' },
};

/** The checks a signature must not fail to count under a policy. What is not enforced is recorded, but breaks nothing. */
export function enforcedChecks({ level, checks }: Pick<PolicyOptions, 'level' | 'checks'>): readonly Check[] {
  return CHECKS.filter((check) => {
    // Without integrity a signature is one of something else; no exception may say otherwise.
    const action = check === 'integrity' ? undefined : checks[check];
    return (action ?? LEVELS[level][check]) === 'enforce';
  });
}

/** What a statement is held against. */
export interface Circumstances {
  readonly options: PolicyOptions;
  readonly roots: ReadonlyMap<string, Root>;
  /** The repository of what was signed. */
  readonly repository: string;
}

/** Whether a signature can count at all: what is enforced holds, it is for this repository and its root can be used. */
export function isSound(testimony: Testimony, { options, roots, repository }: Circumstances): boolean {
  const root = roots.get(testimony.root);
  if (root === undefined || root.problem !== undefined) return false;
  if (enforcedChecks(options).some((check) => testimony.checks[check].outcome === 'fail')) return false;
  return options.reference === 'any' || testimony.reference === undefined || testimony.reference === repository;
}

/** Whether a signature is by somebody and of a kind that a statement asks for; level and checks are no matter here. */
export function fits(statement: StatementOptions, testimony: Testimony, root: Root): boolean {
  if (testimony.root !== statement.root || testimony.root !== root.name) return false;
  if (testimony.predicateType !== statement.predicateType) return false;
  const { signer } = testimony;
  switch (root.kind) {
    case 'keys':
      return statement.key === undefined || signer.ids.includes(`spki:${plainKey(statement.key).toLowerCase()}`);
    case 'openpgp':
      return statement.key === undefined || signer.fingerprint?.toUpperCase() === plainKey(statement.key).toUpperCase();
    case 'x509':
      if (statement.subject === undefined) return true;
      return signer.subject !== undefined && subjectContains(signer.subject, statement.subject);
    case 'sigstore':
      return fitsKeyless(statement, signer);
  }
}

function fitsKeyless(statement: StatementOptions, { identity, issuer }: Testimony['signer']): boolean {
  const { identity: wanted, identityPattern, issuer: wantedIssuer } = statement;
  // An instance such as the public one vouches for everybody: without both halves anybody could sign.
  if (identity === undefined || issuer === undefined || wantedIssuer === undefined) return false;
  if (issuer !== wantedIssuer) return false;
  if (wanted === undefined && identityPattern === undefined) return false;
  if (wanted !== undefined && identity !== wanted) return false;
  return identityPattern === undefined || fitsIdentity(identityPattern, identity);
}

/** A key's hash or fingerprint without the spaces that gpg prints in it. */
export function plainKey(text: string): string {
  return text.replaceAll(' ', '');
}

/** What a person has to bring for a statement, such as `a signature with a key of release`. */
export function wordsOf(statement: StatementOptions, root: Root | undefined, count: number): string {
  const what = statement.predicateType === undefined ? 'signature' : `attestation of type ${statement.predicateType}`;
  const by = root === undefined ? `by the unknown root ${statement.root}` : signerWords(statement, root);
  const problem = root?.problem === undefined ? '' : ` (which cannot be used: ${root.problem})`;
  if (count === 1) return `${article(what)} ${what} ${by}${problem}`;
  return `${count} ${what.replace(/^\w+/, (noun) => `${noun}s`)} of different signers ${by}${problem}`;
}

function article(noun: string): string {
  return /^[aeiou]/.test(noun) ? 'an' : 'a';
}

function signerWords(
  { identity, identityPattern, issuer, subject, key }: StatementOptions,
  { kind, name }: Root,
): string {
  switch (kind) {
    case 'keys':
      return key === undefined ? `with a key of ${name}` : `with the key ${plainKey(key)} of ${name}`;
    case 'sigstore':
      return `by ${identity ?? identityPattern ?? 'nobody'} of ${issuer ?? 'nobody'} that ${name} vouches for`;
    case 'x509':
      return subject === undefined ? `with a certificate of ${name}` : `with a certificate of ${name} for ${subject}`;
    case 'openpgp':
      return key === undefined ? `with an OpenPGP key of ${name}` : `with the OpenPGP key ${plainKey(key)} of ${name}`;
  }
}
