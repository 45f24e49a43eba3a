import type { Policy } from './policy.ts';
import { type StatementOptions, statementsOf } from './requirement.ts';
import type { Root } from './root.ts';
import { enforcedChecks, fits, isSound } from './statement.ts';
import type { Testimony } from './testimony.ts';

/** Why a signature does not count under a policy, in words for people; undefined: it does. */
export function shortfallOf(testimony: Testimony, policy: Policy, repository: string): string | undefined {
  const { options } = policy;
  const roots = new Map(policy.roots.map((root) => [root.name, root]));
  const root = roots.get(testimony.root);
  if (options.require === undefined || root === undefined) return `nothing is asked of ${testimony.root}`;
  if (root.problem !== undefined) return `${root.name} cannot be used: ${root.problem}`;
  const failed = enforcedChecks(options).find((check) => testimony.checks[check].outcome === 'fail');
  if (failed !== undefined) return `${failed}: ${testimony.checks[failed].why}`;
  if (!isSound(testimony, { options, roots, repository })) {
    return `it is for ${testimony.reference ?? 'another repository'}, and not for ${repository}`;
  }
  const statements = statementsOf(options.require).filter((statement) => statement.root === root.name);
  return statements.some((statement) => fits(statement, testimony, root))
    ? undefined
    : misfit(statements, testimony, root);
}

function misfit(statements: readonly StatementOptions[], testimony: Testimony, root: Root): string {
  const { predicateType } = testimony;
  const isAskedOfSigner = statements.some((statement) => fits({ ...statement, predicateType }, testimony, root));
  if (!isAskedOfSigner) return `the policy asks ${root.name} for another signer`;
  return predicateType === undefined
    ? 'it is a plain signature, and an attestation is asked for'
    : `it is an attestation of type ${predicateType}, and that is not asked for`;
}
