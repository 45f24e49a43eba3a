import type { Administration } from '#api/operations.ts';
import { type GrantKey, deleteGrant, insertGrant, listGrants } from '#metadata/grants.ts';
import { groupsOf } from '#metadata/groups.ts';
import { keepingAdministrator } from './administrators.ts';
import { type AdministrationContext, type Change, change, momentOf } from './change.ts';
import { checkScope } from './checks.ts';
import { grantEvent } from './departure.ts';
import { AccessError } from './errors.ts';
import { ROLES, ROLE_NAMES, type Role } from './permissions.ts';
import { EVERYWHERE, scopeText } from './scope.ts';
import type { Caller, Session } from './session.ts';
import { ANONYMOUS, AUTHENTICATED, type Subject, subjectOf } from './subject.ts';
import { checkSubject } from './subjects.ts';

/** Roles that whole crowds may be given: more would open the registry to people nobody here knows. */
const CROWDS: Readonly<Record<string, readonly Role[]>> = {
  [ANONYMOUS]: ['registry-viewer'],
  [AUTHENTICATED]: ['registry-viewer', 'registry-signer', 'registry-editor'],
};

/** Roles and who has them. */
export function grantAdministration(
  context: AdministrationContext,
  caller: Caller,
): Pick<Administration, 'listRoles' | 'listGrants' | 'addGrant' | 'removeGrant'> {
  return {
    async listRoles() {
      return { roles: ROLE_NAMES.map((role) => ({ role, permissions: [...ROLES[role]] })) };
    },

    async listGrants(filter) {
      const { session } = caller;
      const { name } = session.principal;
      const own = new Set([...(await groupsOf(context.metadata, name)), AUTHENTICATED, ANONYMOUS]);
      const grants = (await listGrants(context.metadata)).filter(
        ({ kind, subject, scope, role }) =>
          (session.holds('grant', scope) || (kind === 'user' ? subject === name : own.has(subject))) &&
          [subject, undefined].includes(filter.subject) &&
          [scope, undefined].includes(filter.scope) &&
          (filter.role ?? role) === role,
      );
      return { grants: grants.map((grant) => ({ ...grant, createdAt: momentOf(grant.createdAt) })) };
    },

    async addGrant({ kind, subject: name, role, scope }) {
      const subject = subjectOf(kind, name);
      checkGrantable(caller.session, role, scope);
      checkCrowd(subject, role);
      return await change(context, caller, async (one) => {
        await checkSubject(one, subject, scope);
        return await giveRole(one, { kind: subject.kind, subject: subject.name, role, scope });
      });
    },

    async removeGrant({ kind, subject: name, role, scope }) {
      const subject = subjectOf(kind, name);
      checkGrantable(caller.session, role, scope);
      const grant = { kind: subject.kind, subject: subject.name, role, scope };
      await change(context, caller, (one) =>
        keepingAdministrator(one, async () => {
          if (!(await deleteGrant(one.sql, grant))) throw unknownGrant(grant);
          await one.record(grantEvent('grant.remove', grant));
        }),
      );
      return grant;
    },
  };
}

/** Gives a role that was found to be the caller's to give. */
export async function giveRole<T extends GrantKey>(
  { sql, by, now, record }: Change,
  grant: T,
): Promise<T & { added: boolean }> {
  const added = await insertGrant(sql, grant, by, now);
  if (added) await record(grantEvent('grant.add', grant));
  return { ...grant, added };
}

/**
 * Refuses a role that the caller could not have given: nobody gives or takes what they do not have.
 *
 * @throws {AccessError} invalid, denied
 */
export function checkGrantable(session: Session, role: Role, scope: string): void {
  checkScope(scope);
  if (role === 'system-admin' && scope !== EVERYWHERE) {
    throw new AccessError('invalid', `system-admin is a role everywhere or nowhere: its scope is *, found ${scope}`);
  }
  const missing = ROLES[role].filter((permission) => !session.holds(permission, scope));
  if (missing.length === 0) return;
  const message = `${role} holds ${missing.join(', ')}, which you do not have on ${scopeText(scope)}`;
  throw new AccessError('denied', message);
}

function checkCrowd({ name }: Subject, role: Role): void {
  const allowed = CROWDS[name];
  if (allowed === undefined || allowed.includes(role)) return;
  throw new AccessError('invalid', `${name} may be given ${allowed.join(', ')}, and nothing more: not ${role}`);
}

function unknownGrant({ subject, role, scope }: GrantKey): AccessError {
  return new AccessError('grant-unknown', `${subject} was not given ${role} on ${scopeText(scope)}`);
}
