import type { Administration } from '#api/operations.ts';
import { addMember, deleteGroup, groupExists, insertGroup, listGroups, removeMember } from '#metadata/groups.ts';
import { keepingAdministrator } from './administrators.ts';
import { type AdministrationContext, change } from './change.ts';
import { checkLocalName } from './checks.ts';
import { takeGrantsBack } from './departure.ts';
import { AccessError } from './errors.ts';
import type { Caller } from './session.ts';
import { checkMember, unknownGroup } from './subjects.ts';

/** Groups kept here. */
export function groupAdministration(
  context: AdministrationContext,
  caller: Caller,
): Pick<Administration, 'listGroups' | 'createGroup' | 'deleteGroup' | 'addGroupMember' | 'removeGroupMember'> {
  return {
    async listGroups() {
      const groups = await listGroups(context.metadata);
      return { groups: groups.map(({ name, members }) => ({ name, members: [...members] })) };
    },

    async createGroup({ name }) {
      checkLocalName('group', name);
      await change(context, caller, async ({ sql, now, record }) => {
        if (!(await insertGroup(sql, name, now))) {
          throw new AccessError('group-exists', `there is already a group ${name}`);
        }
        await record({ kind: 'group.create', reference: name });
      });
      return { name };
    },

    async deleteGroup({ name }) {
      const grants = await change(context, caller, (one) =>
        keepingAdministrator(one, async () => {
          const members = (await listGroups(one.sql)).find((group) => group.name === name)?.members ?? [];
          if (!(await deleteGroup(one.sql, name))) throw unknownGroup(name);
          await one.record({ kind: 'group.delete', reference: name, detail: { members } });
          return await takeGrantsBack(one, 'group', name);
        }),
      );
      return { name, grants };
    },

    async addGroupMember({ name, member }) {
      const added = await change(context, caller, async ({ sql, now, record }) => {
        if (!(await groupExists(sql, name))) throw unknownGroup(name);
        await checkMember(sql, member);
        const isNew = await addMember(sql, name, member, now);
        if (isNew) await record({ kind: 'group.member.add', reference: name, detail: { member } });
        return isNew;
      });
      return { name, member, added };
    },

    async removeGroupMember({ name, member }) {
      await change(context, caller, (one) =>
        keepingAdministrator(one, async () => {
          if (!(await groupExists(one.sql, name))) throw unknownGroup(name);
          if (!(await removeMember(one.sql, name, member))) {
            throw new AccessError('member-unknown', `${member} is not in the group ${name}`);
          }
          await one.record({ kind: 'group.member.remove', reference: name, detail: { member } });
        }),
      );
      return { name, member };
    },
  };
}
