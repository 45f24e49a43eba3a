import { z } from 'zod';
import type { Operation } from './operation.ts';
import { grantKey, moment, name, permission, repository, role, scope, subjectKind } from './values.ts';

const grant = z.strictObject({ ...grantKey.shape, createdAt: moment, createdBy: z.string() });

const through = z.strictObject({
  role: z.string(),
  scope,
  group: name.optional().describe('the group that was given the role, when it was not the subject itself'),
});

/** Who may do what. */
export const policyOperations = {
  whoAmI: {
    method: 'GET',
    path: '/api/v1/whoami',
    summary: 'Who the caller is, and where they have which permission.',
    tag: 'policy',
    requires: 'authenticated',
    input: z.strictObject({}),
    output: z.strictObject({
      name: z.string(),
      kind: z.string().describe('user, robot, workload, certificate or local'),
      permissions: z
        .array(z.strictObject({ permission, scopes: z.array(scope) }))
        .describe('permissions the caller has anywhere, each with the scopes it holds in'),
    }),
    status: 200,
  },
  listRoles: {
    method: 'GET',
    path: '/api/v1/roles',
    summary: 'The roles there are, and what each may do.',
    tag: 'policy',
    requires: 'authenticated',
    input: z.strictObject({}),
    output: z.strictObject({ roles: z.array(z.strictObject({ role, permissions: z.array(permission) })) }),
    status: 200,
  },
  listGrants: {
    method: 'GET',
    path: '/api/v1/grants',
    summary: "Roles given in scopes where the caller may give them, and the caller's own.",
    tag: 'policy',
    requires: 'authenticated',
    input: z.strictObject({ subject: name.optional(), scope: scope.optional(), role: role.optional() }),
    output: z.strictObject({ grants: z.array(grant) }),
    status: 200,
  },
  addGrant: {
    method: 'POST',
    path: '/api/v1/grants',
    summary: 'Gives a role; nobody can give what they do not have.',
    tag: 'policy',
    requires: { permission: 'grant', on: 'scope' },
    input: z.strictObject({ kind: subjectKind, subject: name, role, scope }),
    output: z.strictObject({ ...grantKey.shape, added: z.boolean().describe('false when it had been given before') }),
    status: 200,
  },
  removeGrant: {
    method: 'DELETE',
    path: '/api/v1/grants',
    summary: 'Takes a role back.',
    tag: 'policy',
    requires: { permission: 'grant', on: 'scope' },
    input: z.strictObject({ kind: subjectKind, subject: name, role, scope }),
    output: grantKey,
    status: 200,
  },
  whoCan: {
    method: 'GET',
    path: '/api/v1/who-can',
    summary: 'Everybody who has a permission in a repository, with the roles that let them.',
    tag: 'policy',
    requires: { permission: 'grant', on: 'repository' },
    input: z.strictObject({ permission, repository }),
    output: z.strictObject({
      subjects: z.array(z.strictObject({ kind: z.enum(['user', 'robot', 'group']), name, through: z.array(through) })),
    }),
    status: 200,
  },
  canI: {
    method: 'GET',
    path: '/api/v1/can-i',
    summary: 'Whether the caller, or somebody else, has a permission in a repository, and why.',
    tag: 'policy',
    requires: { permission: 'grant', on: 'repository', orSelf: 'as' },
    input: z.strictObject({ permission, repository, as: name.optional().describe('the caller when left out') }),
    output: z.strictObject({ name, allowed: z.boolean(), reason: z.string() }),
    status: 200,
  },
} as const satisfies Record<string, Operation>;
