import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { bySpecificity, compileGlob } from '#base/glob.ts';
import type { TrustOptions } from './options.ts';
import { type Policy, canonical, makePolicy } from './policy.ts';
import type { Root } from './root.ts';

/** Every policy that is in force. */
export interface Policies {
  /**
   * The one that counts for a repository: of those whose pattern fits the one that says most, of equals the one that is
   * written first. Undefined when none fits; one with mode off and pull open is a policy, too.
   */
  policyFor(repository: string): Policy | undefined;
  /** Also those no policy names. */
  readonly roots: ReadonlyMap<string, Root>;
  /** In the order in which they are written. */
  readonly all: readonly Policy[];
  /** Changes with every word of the options and every byte of the roots. Hex. */
  readonly version: string;
}

// Anybody may ask for any name; so many repositories are asked for time and again.
const REMEMBERED = 10_000;

/** Makes policies of options without problems; see policy-problems.ts. */
export function compilePolicies(options: TrustOptions, roots: ReadonlyMap<string, Root>): Policies {
  const written = options.policies.map((policy, index) => ({
    glob: compileGlob(policy.repositories),
    policy: makePolicy(policy, `policy ${index + 1} (${policy.repositories})`, roots),
  }));
  const ranked = written.toSorted((one, other) => bySpecificity(one.glob, other.glob));
  const remembered = new LRUCache<string, { readonly policy: Policy | undefined }>({ max: REMEMBERED });
  return {
    roots,
    all: written.map(({ policy }) => policy),
    version: versionOf(options, written, roots),
    policyFor(repository) {
      const known = remembered.get(repository);
      if (known !== undefined) return known.policy;
      const policy = ranked.find(({ glob }) => glob.matches(repository))?.policy;
      remembered.set(repository, { policy });
      return policy;
    },
  };
}

function versionOf(
  options: TrustOptions,
  written: readonly { readonly policy: Policy }[],
  roots: ReadonlyMap<string, Root>,
): string {
  const made = [...roots].map(([name, { kind, version, problem }]) => [name, kind, version, problem ?? null]);
  const policies = written.map(({ policy }) => policy.version);
  const parts = [
    canonical(options),
    policies,
    made.toSorted(([one = ''], [other = '']) => ((one ?? '') < (other ?? '') ? -1 : 1)),
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
