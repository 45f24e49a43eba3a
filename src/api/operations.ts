import type { z } from 'zod';
import { eventOperations } from './events.ts';
import { groupOperations } from './groups.ts';
import { inUseOperations } from './in-use.ts';
import { keyOperations } from './keys.ts';
import { policyOperations } from './policy.ts';
import { pruneOperations } from './prune.ts';
import { robotOperations } from './robots.ts';
import { tagOperations } from './tags.ts';
import { trustOperations } from './trust.ts';
import { userOperations } from './users.ts';

/** Everything the API does. Routes, the OpenAPI document, clients and checks are all made from this. */
export const operations = {
  ...policyOperations,
  ...userOperations,
  ...groupOperations,
  ...robotOperations,
  ...keyOperations,
  ...eventOperations,
  ...tagOperations,
  ...pruneOperations,
  ...inUseOperations,
  ...trustOperations,
};

export type OperationId = keyof typeof operations;

/** What an operation takes. */
export type Input<K extends OperationId> = z.output<(typeof operations)[K]['input']>;

/** What an operation gives. */
export type Output<K extends OperationId> = z.output<(typeof operations)[K]['output']>;

/** Everything the API does, ready to be called: here, or on a server elsewhere. */
export type Administration = { readonly [K in OperationId]: (input: Input<K>) => Promise<Output<K>> };

/** What of it is about what is kept, what goes and what comes back. */
export type RetentionOperations = Pick<
  Administration,
  keyof typeof tagOperations | keyof typeof pruneOperations | keyof typeof inUseOperations
>;

/** What of it is about the gate. */
export type TrustOperations = Pick<Administration, keyof typeof trustOperations>;

/** The names of all operations, in the order of the table. */
export const operationIds: readonly OperationId[] = Object.keys(operations).filter(isOperationId);

function isOperationId(text: string): text is OperationId {
  return Object.hasOwn(operations, text);
}
