import { z } from 'zod';
import type { Operation } from './operation.ts';
import { departed, name } from './values.ts';

const SYSTEM = { permission: 'system', on: 'system' } as const;
const membership = z.strictObject({ name, member: name });

/** Who belongs together. */
export const groupOperations = {
  listGroups: {
    method: 'GET',
    path: '/api/v1/groups',
    summary: 'The groups kept here, with their members.',
    tag: 'groups',
    requires: SYSTEM,
    input: z.strictObject({}),
    output: z.strictObject({ groups: z.array(z.strictObject({ name, members: z.array(name) })) }),
    status: 200,
  },
  createGroup: {
    method: 'POST',
    path: '/api/v1/groups',
    summary: 'Creates a group without members.',
    tag: 'groups',
    requires: SYSTEM,
    input: z.strictObject({ name }),
    output: z.strictObject({ name }),
    status: 201,
  },
  deleteGroup: {
    method: 'DELETE',
    path: '/api/v1/groups/{name}',
    summary: 'Deletes a group, with the roles it was given; its members stay.',
    tag: 'groups',
    requires: SYSTEM,
    input: z.strictObject({ name }),
    output: departed.omit({ groups: true }),
    status: 200,
  },
  addGroupMember: {
    method: 'PUT',
    path: '/api/v1/groups/{name}/members/{member}',
    summary: 'Takes a user or robot into a group.',
    tag: 'groups',
    requires: SYSTEM,
    input: membership,
    output: z.strictObject({ ...membership.shape, added: z.boolean().describe('false when they were in it before') }),
    status: 200,
  },
  removeGroupMember: {
    method: 'DELETE',
    path: '/api/v1/groups/{name}/members/{member}',
    summary: 'Takes a user or robot out of a group.',
    tag: 'groups',
    requires: SYSTEM,
    input: membership,
    output: membership,
    status: 200,
  },
} as const satisfies Record<string, Operation>;
