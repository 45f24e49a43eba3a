import { type PolicyOptions, type RequirementOptions, policyOptions } from '#trust/options.ts';
import { type Policy, makePolicy } from '#trust/policy.ts';
import type { Root } from '#trust/root.ts';
import { CHECKS, type Check, type CheckResult, type Checks, type Finding, type Testimony } from '#trust/testimony.ts';

/** The repository that findings are about when a test names no other. */
export const REPOSITORY = 'team-a/app';

/** Results of all checks: everything passes but what is told. */
export function checks(but: Partial<Record<Check, CheckResult['outcome']>> = {}): Checks {
  const result = (check: Check): CheckResult => ({
    outcome: but[check] ?? 'pass',
    why: `${check}, as the test has it`,
  });
  const [integrity, authenticity, timestamp, expiry, revocation] = CHECKS;
  return {
    integrity: result(integrity),
    authenticity: result(authenticity),
    timestamp: result(timestamp),
    expiry: result(expiry),
    revocation: result(revocation),
  };
}

/** What one root says of one signature; by default that alice's key of it made a sound one. */
export function aTestimony(root: string, but: Partial<Testimony> = {}): Testimony {
  return {
    root,
    signer: { name: 'alice', ids: ['spki:alice'] },
    checks: checks(),
    predicateType: undefined,
    reference: undefined,
    goodUntil: undefined,
    ...but,
  };
}

/** A signature with what roots say of it. */
export function aFinding(...testimonies: readonly Testimony[]): Finding {
  return { isAboutSubject: true, problem: undefined, testimonies };
}

/** A signature by somebody with a key, as a root of keys sees it. */
export function signedBy(name: string, root: string, but: Partial<Testimony> = {}): Finding {
  return aFinding(aTestimony(root, { signer: { name, ids: [`spki:${name}`] }, ...but }));
}

/** A root with nothing in it: to a policy only its name, kind, version and problem matter. */
export function aRoot(
  name: string,
  kind: Root['kind'] = 'keys',
  but: { version?: string; problem?: string } = {},
): Root {
  const made = { name, version: but.version ?? `${name} 1`, problem: but.problem };
  switch (kind) {
    case 'keys':
      return { ...made, kind, keys: [] };
    case 'sigstore':
      return { ...made, kind, trustedRoot: undefined };
    case 'x509':
      return { ...made, kind, store: 'ca', authorities: [], timeStampAuthorities: [], revocationLists: [] };
    case 'openpgp':
      return { ...made, kind, keys: [] };
  }
}

/** Roots by name, one of each kind: keys, sigstore, x509, openpgp. */
export const ROOTS: ReadonlyMap<string, Root> = new Map(
  [
    aRoot('release'),
    aRoot('other'),
    aRoot('ci', 'sigstore'),
    aRoot('corp', 'x509'),
    aRoot('ops', 'openpgp'),
    aRoot('broken', 'keys', { problem: 'there is no file broken.pub' }),
  ].map((root) => [root.name, root]),
);

/** A policy for every repository. */
export function aPolicy(
  require: RequirementOptions,
  but: Partial<PolicyOptions> = {},
  roots: ReadonlyMap<string, Root> = ROOTS,
): Policy {
  const options = { ...policyOptions.parse({ repositories: '**' }), require, ...but };
  return makePolicy(options, 'policy 1 (**)', roots);
}
