import type { z } from 'zod';
import type { PermissionName } from './values.ts';

/**
 * Who may ask for an operation.
 *
 * - `authenticated`: whoever proved to be somebody; what the answer holds depends on who it is
 * - a permission on `system`: everywhere
 * - on `scope`, `repository`: in the place that the field of that name holds
 * - on `robot`: in the scope of the robot that the field `name` names; to everybody else there is no such robot
 * - on `repository-or-system`: in the repository of that field; `system` when the field is left out
 *
 * `orSelf` is a field. Where it is left out or holds the caller's own name, nothing more is required.
 *
 * `unseen: nothing`: whoever may not see the repository is answered as if it were not there, by the same code that answers
 * for what is not.
 */
export type OperationRequirement =
  | 'authenticated'
  | {
      readonly permission: PermissionName;
      readonly on: 'system' | 'scope' | 'repository' | 'robot' | 'repository-or-system';
      readonly orSelf?: string;
      readonly unseen?: 'nothing';
    };

/** One thing the API does. */
export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Fields of the input in braces stand in the path. */
  readonly path: `/api/v1/${string}`;
  readonly summary: string;
  readonly tag: 'policy' | 'users' | 'groups' | 'keys' | 'robots' | 'audit' | 'tags' | 'retention' | 'trust';
  readonly requires: OperationRequirement;
  /** Work that grows with the registry: whoever asks waits for minutes. */
  readonly takesLong?: boolean;
  /** One flat object: fields of the path; of the rest, query for GET and DELETE, a JSON body for POST and PUT. */
  readonly input: z.ZodObject;
  readonly output: z.ZodObject;
  readonly status: 200 | 201;
}

/** Names of the fields that stand in the path, in order. */
export function pathFields({ path }: Pick<Operation, 'path'>): string[] {
  return Array.from(path.matchAll(/\{(\w+)\}/g), (match) => match[1] ?? '');
}

/** Names of the fields that do not stand in the path, in order. */
export function otherFields(operation: Pick<Operation, 'path' | 'input'>): string[] {
  const inPath = new Set(pathFields(operation));
  return Object.keys(operation.input.shape).filter((field) => !inPath.has(field));
}

/** Where the fields go that do not stand in the path. */
export function placeOfFields({ method }: Pick<Operation, 'method'>): 'query' | 'body' {
  return method === 'GET' || method === 'DELETE' ? 'query' : 'body';
}
