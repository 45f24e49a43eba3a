import { z } from 'zod';

/** What can be allowed, smallest first; the access room says what each means. */
export const permission = z
  .enum(['pull', 'attach', 'push', 'untag', 'delete', 'grant', 'system'])
  .describe('what can be allowed');

/** One of {@link permission}. */
export type PermissionName = z.output<typeof permission>;

/** The roles there are. */
export const role = z
  .enum(['registry-viewer', 'registry-signer', 'registry-editor', 'registry-admin', 'system-admin'])
  .describe('a named set of permissions');

/** Whom a role is given to. Robots, workloads and certificates are users. */
export const subjectKind = z.enum(['user', 'group']).describe('robots, workloads and certificates are users');

/** A name as it is asked for; what it may look like is for the access room to say. */
export const name = z.string().min(1).max(400);

/** Where a role holds. */
export const scope = z
  .string()
  .min(1)
  .max(256)
  .describe('`*` for every repository, `team-a/` for every repository under team-a, `team-a/app` for that one');

/** One repository. */
export const repository = z.string().min(1).max(255).describe('name of a repository, such as team-a/app');

/** One tag. */
export const tag = z.string().min(1).max(128).describe('a tag, such as 1.4');

/** One manifest. */
export const digest = z.string().min(1).max(256).describe('sha256: or sha512: and its hex');

/** A password, wherever one is sent. */
export const password = z.string().max(4096).meta({ format: 'password' });

/** A moment. */
export const moment = z.iso.datetime().describe('ISO 8601, UTC');

/** How long something is to last. */
export const lifetime = z.string().min(1).max(16).describe('a duration such as 12h or 90d, or never');

/** What tells one grant from any other. */
export const grantKey = z.strictObject({ kind: subjectKind, subject: name, role: z.string(), scope });

/** One of {@link grantKey}. */
export type GrantKeyValue = z.output<typeof grantKey>;

/** Somebody who is gone, with what went along. */
export const departed = z.strictObject({
  name,
  grants: z.array(grantKey).describe('roles that were taken back'),
  groups: z.array(name).describe('groups they are no longer in'),
});
