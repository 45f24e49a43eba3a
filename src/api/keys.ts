import { z } from 'zod';
import type { Operation } from './operation.ts';

/** The keys that sign tokens. */
export const keyOperations = {
  rotateKeys: {
    method: 'POST',
    path: '/api/v1/keys/rotate',
    summary: 'Has tokens signed with a new key; what older ones signed stays good unless it is revoked.',
    tag: 'keys',
    requires: { permission: 'system', on: 'system' },
    input: z.strictObject({
      revoke: z.boolean().optional().describe('whether every token signed so far is worth nothing from now on'),
    }),
    output: z.strictObject({ key: z.string().describe('id of the new key'), revoked: z.boolean() }),
    status: 200,
  },
} as const satisfies Record<string, Operation>;
