import type { Command } from 'commander';
import { UsageError } from './usage.ts';

/** Where something is to hold. */
export interface ScopeFlags {
  readonly namespace?: string;
  readonly repository?: string;
  readonly all?: boolean;
}

/** Adds the three ways to say where. */
export function addScopeFlags(command: Command): Command {
  return command
    .option('-n, --namespace <namespace>', 'every repository under this, such as team-a')
    .option('-r, --repository <name>', 'this repository alone, such as team-a/app')
    .option('--all', 'every repository');
}

/**
 * The scope that was said, as it is stored; undefined when none was.
 *
 * @throws {UsageError} more than one was said
 */
export function scopeFrom({ namespace, repository, all }: ScopeFlags): string | undefined {
  const said: string[] = [];
  if (namespace !== undefined) said.push(namespace.endsWith('/') ? namespace : `${namespace}/`);
  if (repository !== undefined) said.push(repository);
  if (all === true) said.push('*');
  if (said.length > 1) throw new UsageError('say one of --namespace, --repository and --all, not several');
  return said[0];
}

/** @throws {UsageError} none or more than one was said */
export function requiredScope(flags: ScopeFlags): string {
  const scope = scopeFrom(flags);
  if (scope === undefined) throw new UsageError('say where: --namespace NAMESPACE, --repository NAME or --all');
  return scope;
}
