import { z } from 'zod';
import type { Operation } from './operation.ts';
import { departed, moment, name, password } from './values.ts';

const SYSTEM = { permission: 'system', on: 'system' } as const;

/** Who may come in with a password. */
export const userOperations = {
  listUsers: {
    method: 'GET',
    path: '/api/v1/users',
    summary: 'The users kept here.',
    tag: 'users',
    requires: SYSTEM,
    input: z.strictObject({}),
    output: z.strictObject({
      users: z.array(z.strictObject({ name, createdAt: moment, passwordSetAt: moment })),
    }),
    status: 200,
  },
  createUser: {
    method: 'POST',
    path: '/api/v1/users',
    summary: 'Creates a user, who may do nothing before a role is given.',
    tag: 'users',
    requires: SYSTEM,
    input: z.strictObject({ name, password }),
    output: z.strictObject({ name }),
    status: 201,
  },
  setPassword: {
    method: 'PUT',
    path: '/api/v1/users/{name}/password',
    summary: 'Changes a password; the old one, and what was logged in with it, stop working at once.',
    tag: 'users',
    requires: { ...SYSTEM, orSelf: 'name' },
    input: z.strictObject({
      name,
      password,
      currentPassword: password.optional().describe('required of those who change their own and are no system-admin'),
    }),
    output: z.strictObject({ name }),
    status: 200,
  },
  deleteUser: {
    method: 'DELETE',
    path: '/api/v1/users/{name}',
    summary: 'Deletes a user, with their roles and memberships; what they pushed stays.',
    tag: 'users',
    requires: SYSTEM,
    input: z.strictObject({ name }),
    output: departed,
    status: 200,
  },
  importUsers: {
    method: 'POST',
    path: '/api/v1/users/htpasswd',
    summary: 'Creates the users of an htpasswd file, with the passwords they have.',
    tag: 'users',
    requires: SYSTEM,
    input: z.strictObject({
      htpasswd: z.string().max(1_000_000).describe('lines of name:hash; bcrypt hashes only, as htpasswd -B makes them'),
      replace: z.boolean().optional().describe('give users who exist the password of the file; false unless given'),
    }),
    output: z.strictObject({
      imported: z.array(name).describe('users who were created'),
      replaced: z.array(name).describe('users who existed and have the password of the file now'),
      skipped: z.array(z.strictObject({ line: z.int().describe('counted from one'), problem: z.string() })),
    }),
    status: 200,
  },
} as const satisfies Record<string, Operation>;
