import type { z } from 'zod';
import { InputError } from '#api/input.ts';
import type { Input, Output } from '#api/operations.ts';
import { globProblem } from '#base/glob.ts';
import type { TrustEngine } from './engine.ts';
import { type TrustOptions, trustOptions } from './options.ts';

// A screenful or two.
const ITEMS = 100;

/**
 * Holds today's tags against intended policies. Roots that come with them are read from the disk of the server, so only
 * those who sit there may bring any; to all others the names of roots mean those in force.
 *
 * @throws {InputError} invalid: what is wrong with them
 */
export async function preview(
  engine: TrustEngine,
  { trust, repositories, limit = ITEMS }: Input<'trustPreview'>,
  isLocal: boolean,
): Promise<Output<'trustPreview'>> {
  const problem = repositories === undefined ? undefined : globProblem(repositories);
  if (problem !== undefined) throw invalid('repositories', problem);
  const options = intended(engine, trust, isLocal);
  const tags = { free: 0, pass: 0, warn: 0, hold: 0, refuse: 0, block: 0 };
  const items: Output<'trustPreview'>['items'] = [];
  const seen = { repositories: 0, repository: '', failing: 0 };
  for await (const item of engine.preview(options, { repositories })) {
    if (item.repository !== seen.repository) seen.repositories += 1;
    seen.repository = item.repository;
    tags[item.fate] += 1;
    const { fate } = item;
    if (fate === 'free' || fate === 'pass') continue;
    seen.failing += 1;
    if (items.length < limit) items.push({ ...item, fate });
  }
  return { repositories: seen.repositories, tags, items, omitted: seen.failing - items.length };
}

/** @throws {InputError} invalid */
function intended(engine: TrustEngine, trust: Readonly<Record<string, unknown>>, isLocal: boolean): TrustOptions {
  const { roots, ...rest } = trust;
  const isBare = roots === undefined || roots === null || Object.keys(roots).length === 0;
  if (!isBare && !isLocal) {
    throw invalid('trust.roots', 'the roots are those of the server: leave them out, or preview on the server itself');
  }
  const { data, error } = trustOptions.safeParse({ ...rest, roots: isBare ? engine.options().roots : roots });
  if (data !== undefined) return data;
  throw new InputError(
    'invalid',
    error.issues.map((issue) => ({ field: ['trust', ...issue.path].join('.'), problem: problemOf(issue) })),
  );
}

function problemOf(issue: z.core.$ZodIssue): string {
  const remedy: unknown = issue.code === 'custom' ? issue.params?.['remedy'] : undefined;
  return typeof remedy === 'string' ? `${issue.message}; ${remedy}` : issue.message;
}

function invalid(field: string, problem: string): InputError {
  return new InputError('invalid', [{ field, problem }]);
}
