import type { GrantKeyValue } from '#api/values.ts';
import { type GrantKey, deleteGrantsOf } from '#metadata/grants.ts';
import { groupsOf, removeMemberEverywhere } from '#metadata/groups.ts';
import { deleteRefreshTokensOf } from '#metadata/refresh-tokens.ts';
import type { Change } from './change.ts';
import { isNamespace } from './scope.ts';

/**
 * Takes back all that a user or robot who is gone was given, so that whoever takes their name starts with nothing.
 *
 * @returns what it was
 */
export async function takeBack(change: Change, name: string): Promise<{ grants: GrantKeyValue[]; groups: string[] }> {
  const { sql, record } = change;
  const groups = await groupsOf(sql, name);
  await removeMemberEverywhere(sql, name);
  for (const group of groups) {
    await record({ kind: 'group.member.remove', reference: group, detail: { member: name } });
  }
  await deleteRefreshTokensOf(sql, name);
  return { grants: await takeGrantsBack(change, 'user', name), groups };
}

/** Takes back every role that somebody or a group was given; returns them. */
export async function takeGrantsBack(
  { sql, record }: Change,
  kind: GrantKey['kind'],
  name: string,
): Promise<GrantKeyValue[]> {
  const grants = await deleteGrantsOf(sql, kind, name);
  for (const grant of grants) await record(grantEvent('grant.remove', grant));
  return grants.map((grant) => ({ ...grant }));
}

/** The event of a role given or taken back. One for a single repository shows among the events of that repository. */
export function grantEvent(kind: 'grant.add' | 'grant.remove', grant: GrantKey) {
  const { subject, scope, role } = grant;
  const isRepository = scope !== '*' && !isNamespace(scope);
  return {
    kind,
    reference: subject,
    ...(isRepository ? { repository: scope } : {}),
    detail: { kind: grant.kind, role, scope },
  };
}
