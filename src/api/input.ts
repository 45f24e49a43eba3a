import type { z } from 'zod';
import { type Administration, type Input, type OperationId, operationIds, operations } from './operations.ts';

/** What is wrong with one field. */
export interface FieldProblem {
  /** Dotted; empty for the whole input. */
  readonly field: string;
  readonly problem: string;
}

/** Why what came cannot be taken for an input: `invalid` for what it says, the others for how it came. */
export type InputFault = 'invalid' | 'too-large' | 'media-type';

/** An operation cannot be carried out as it was asked for. */
export class InputError extends Error {
  readonly fault: InputFault;
  readonly problems: readonly FieldProblem[];

  constructor(fault: InputFault, problems: readonly FieldProblem[]) {
    super(problems.map(({ field, problem }) => (field === '' ? problem : `${field}: ${problem}`)).join('; '));
    this.name = 'InputError';
    this.fault = fault;
    this.problems = problems;
  }
}

/**
 * Takes what came from outside for the input of an operation.
 *
 * @throws {InputError} invalid, with every problem at once
 */
export function parseInput<K extends OperationId>(id: K, raw: unknown): Input<K> {
  const { data, error } = operations[id].input.safeParse(raw);
  if (error !== undefined) throw new InputError('invalid', error.issues.flatMap(problemsOf));
  // The schema of this very operation has just made it.
  return data as Input<K>;
}

/** The same operations, each of which looks at its input first, as a server does. */
export function checkingInput(administration: Administration): Administration {
  const check =
    <K extends OperationId>(id: K) =>
    async (input: Input<K>) =>
      await administration[id](parseInput(id, input));
  // Each entry was made from the operation of its name.
  return Object.fromEntries(operationIds.map((id) => [id, check(id)])) as Administration;
}

function problemsOf(issue: z.core.$ZodIssue): FieldProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ field: [...issue.path, key].join('.'), problem: 'unknown field' }));
  }
  const problem = issue.message.replace(/^Invalid (?:input|option): /, '');
  return [{ field: issue.path.join('.'), problem: problem.replaceAll('|', ', ') }];
}
