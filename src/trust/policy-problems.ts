import { distinguishedNameProblem } from './distinguished-name.ts';
import { identityPatternProblem } from './identity-pattern.ts';
import { type RequirementOptions, type StatementOptions, partsOf } from './requirement.ts';

/** What is wrong with the options of trust where no single key shows it. */
export interface PolicyProblem {
  /** Below `trust`. */
  readonly path: readonly (string | number)[];
  readonly problem: string;
  readonly remedy: string;
}

/** As far as problems read the options. */
export interface TrustWords {
  readonly roots: Readonly<Record<string, RootWords>>;
  readonly policies: readonly PolicyWords[];
}

interface RootWords {
  readonly keys?: readonly string[] | undefined;
  readonly sigstore?: string | undefined;
  readonly x509?: readonly string[] | undefined;
  readonly openpgp?: string | undefined;
}

interface PolicyWords {
  readonly repositories: string;
  readonly mode: string;
  readonly pull: string;
  readonly level: string;
  readonly checks: Readonly<Partial<Record<string, string>>>;
  readonly require?: RequirementOptions | undefined;
}

type Kind = 'keys' | 'sigstore' | 'x509' | 'openpgp';

type Path = PolicyProblem['path'];

/** The words each kind of root understands, besides predicateType and threshold. */
const WORDS: Readonly<Record<Kind, readonly Word[]>> = {
  keys: ['key'],
  sigstore: ['identity', 'identityPattern', 'issuer'],
  x509: ['subject'],
  openpgp: ['key'],
};

type Word = 'key' | 'identity' | 'identityPattern' | 'issuer' | 'subject';

const EVERY_WORD: readonly Word[] = ['key', 'identity', 'identityPattern', 'issuer', 'subject'];

// Anybody may write a signature, and whoever is pushed to has to look at all a requirement says.
const DEPTH_MAX = 8;
const STATEMENTS_MAX = 200;

/** Everything that is wrong between roots and policies, for people who check a configuration. */
export function policyProblems({ roots, policies }: TrustWords): PolicyProblem[] {
  const seen = new Map<string, number>();
  return policies.flatMap((policy, index) => {
    const path: Path = ['policies', index];
    const first = seen.get(policy.repositories);
    const problems = [...demandProblems(policy, path), ...checkProblems(policy, path)];
    if (first === undefined) seen.set(policy.repositories, index);
    else problems.push(sameAs(first, path));
    if (policy.require !== undefined) problems.push(...treeProblems(policy.require, [...path, 'require'], roots));
    return problems;
  });
}

function sameAs(first: number, path: Path): PolicyProblem {
  return {
    path: [...path, 'repositories'],
    problem: `policy ${first + 1} is for the same repositories, so that this one never counts`,
    remedy: 'keep one of them',
  };
}

function demandProblems({ mode, pull, require }: PolicyWords, path: Path): PolicyProblem[] {
  if (require !== undefined || (mode === 'off' && pull === 'open')) return [];
  const what = mode === 'off' ? `pull ${pull}` : `mode ${mode}`;
  return [
    {
      path: [...path, 'require'],
      problem: `expected who has to have signed, since ${what} needs it, found nothing`,
      remedy: 'add a requirement such as { root: release }, or set mode: off and pull: open',
    },
  ];
}

/** Notary Project, trust-store-trust-policy.md v1.1.0, "Custom Verification Level". */
function checkProblems({ level, checks }: PolicyWords, path: Path): PolicyProblem[] {
  const exceptions = Object.entries(checks).filter(([, action]) => action !== undefined);
  return exceptions.flatMap(([check, action]) => {
    const where = [...path, 'checks', check];
    if (level === 'skip') {
      return { path: where, problem: 'the level skip has no exceptions', remedy: 'remove it, or choose another level' };
    }
    if (check === 'integrity') {
      const problem = 'integrity is enforced by every level: what fails it is no signature of this';
      return { path: where, problem, remedy: 'remove it' };
    }
    if (action === 'skip' && check !== 'revocation') {
      const problem = `${check} can be enforced or logged, only revocation can be skipped`;
      return { path: where, problem, remedy: 'set it to log' };
    }
    return [];
  });
}

function treeProblems(requirement: RequirementOptions, path: Path, roots: TrustWords['roots']): PolicyProblem[] {
  if (depthOf(requirement) > DEPTH_MAX) {
    return [
      { path, problem: `expected at most ${DEPTH_MAX} requirements within one another`, remedy: 'make it flatter' },
    ];
  }
  if (countOf(requirement) > STATEMENTS_MAX) {
    return [{ path, problem: `expected at most ${STATEMENTS_MAX} statements`, remedy: 'put keys into one root' }];
  }
  return requirementProblems(requirement, path, roots);
}

function depthOf(requirement: RequirementOptions): number {
  return 1 + Math.max(0, ...partsOf(requirement).map(depthOf));
}

function countOf(requirement: RequirementOptions): number {
  if ('root' in requirement) return 1;
  return partsOf(requirement).reduce((sum, part) => sum + countOf(part), 0);
}

function requirementProblems(requirement: RequirementOptions, path: Path, roots: TrustWords['roots']): PolicyProblem[] {
  if ('root' in requirement) return statementProblems(requirement, path, roots);
  const key = 'any' in requirement ? 'any' : 'all' in requirement ? 'all' : 'of';
  const parts = partsOf(requirement);
  const problems = parts.flatMap((part, index) => requirementProblems(part, [...path, key, index], roots));
  if ('of' in requirement && requirement.threshold > parts.length) {
    problems.push({
      path: [...path, 'threshold'],
      problem: `expected at most the ${parts.length} that are listed, found ${requirement.threshold}`,
      remedy: 'lower it, or list more',
    });
  }
  return problems;
}

function statementProblems(statement: StatementOptions, path: Path, roots: TrustWords['roots']): PolicyProblem[] {
  const root = Object.hasOwn(roots, statement.root) ? roots[statement.root] : undefined;
  if (root === undefined) {
    const names = Object.keys(roots);
    const remedy = names.length === 0 ? 'add it under trust.roots' : `the roots are ${names.join(', ')}`;
    return [{ path: [...path, 'root'], problem: `there is no root ${statement.root}`, remedy }];
  }
  const kind = kindOf(root);
  const strange = EVERY_WORD.filter((word) => statement[word] !== undefined && !WORDS[kind].includes(word));
  return [
    ...strange.map((word) => strangeWord(word, [...path, word], kind)),
    ...(kind === 'sigstore' ? keylessProblems(statement, path) : []),
    ...wordProblems(statement, path, kind),
    ...thresholdProblems(statement, path, root),
  ];
}

function kindOf(root: RootWords): Kind {
  if (root.keys !== undefined) return 'keys';
  if (root.sigstore !== undefined) return 'sigstore';
  return root.x509 === undefined ? 'openpgp' : 'x509';
}

function strangeWord(word: Word, path: Path, kind: Kind): PolicyProblem {
  const problem = `a root of ${kind} knows no ${word}`;
  return { path, problem, remedy: `remove it; ${kind} knows ${WORDS[kind].join(', ')}` };
}

function keylessProblems({ identity, identityPattern, issuer }: StatementOptions, path: Path): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  if (issuer === undefined) {
    problems.push({
      path: [...path, 'issuer'],
      problem: 'expected who vouches for the identity, found nothing',
      remedy: 'add the issuer, such as https://token.actions.example.com: an identity means nothing without',
    });
  }
  if (identity === undefined && identityPattern === undefined) {
    problems.push({
      path: [...path, 'identity'],
      problem: 'expected an identity or an identityPattern, found nothing',
      remedy: 'add one: a sigstore instance vouches for anybody who can log in',
    });
  }
  if (identity !== undefined && identityPattern !== undefined) {
    const problem = 'expected an identity or an identityPattern, found both';
    problems.push({ path: [...path, 'identityPattern'], problem, remedy: 'keep one of them' });
  }
  return problems;
}

function wordProblems({ identityPattern, subject, key }: StatementOptions, path: Path, kind: Kind): PolicyProblem[] {
  const found: [Word, string | undefined, string][] = [];
  if (kind === 'sigstore' && identityPattern !== undefined) {
    const remedy = 'write * for anything but a /, ** for anything; every other character is meant as it is';
    found.push(['identityPattern', identityPatternProblem(identityPattern), remedy]);
  }
  if (kind === 'x509' && subject !== undefined) {
    found.push([
      'subject',
      distinguishedNameProblem(subject),
      'write it as openssl x509 -subject -nameopt RFC2253 does',
    ]);
  }
  if (kind === 'keys' && key !== undefined) {
    const problem = isHex(key, 64) ? undefined : 'expected the 64 hexadecimal digits of a SHA-256';
    found.push(['key', problem, 'take it from openssl pkey -pubin -in FILE -outform der | sha256sum']);
  }
  if (kind === 'openpgp' && key !== undefined) {
    const problem = isHex(key, 40) || isHex(key, 64) ? undefined : fingerprintProblem(key);
    found.push(['key', problem, 'take the whole fingerprint from gpg --fingerprint']);
  }
  return found.flatMap(([word, problem, remedy]) =>
    problem === undefined ? [] : [{ path: [...path, word], problem, remedy }],
  );
}

function isHex(text: string, digits: number): boolean {
  const plain = text.replaceAll(' ', '');
  return plain.length === digits && /^[0-9a-f]+$/i.test(plain);
}

function fingerprintProblem(key: string): string {
  // Keys with the same short id are made in seconds.
  const found = /^(?:0x)?(?:[0-9a-f]{8}|[0-9a-f]{16})$/i.test(key)
    ? ': anybody can make a key with the same short id'
    : '';
  return `expected a fingerprint of 40 or 64 hexadecimal digits${found}`;
}

/** A threshold that no number of signatures reaches. */
function thresholdProblems(statement: StatementOptions, path: Path, root: RootWords): PolicyProblem[] {
  const { threshold, identity, key } = statement;
  if (threshold === undefined || threshold === 1) return [];
  const problem =
    key !== undefined
      ? `one key is one signer, found a threshold of ${threshold}`
      : identity !== undefined && root.sigstore !== undefined
        ? `one identity is one signer, found a threshold of ${threshold}`
        : undefined;
  return problem === undefined ? [] : [{ path: [...path, 'threshold'], problem, remedy: 'remove it' }];
}
