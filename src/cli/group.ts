import { Command } from 'commander';
import { type AdministrationFlags, addAdministrationFlags, withAdministration } from './administration.ts';
import { placeText, printAnswer, tableText } from './output.ts';

/** `gatehouse group`: who belongs together. */
export function groupCommand(): Command {
  return new Command('group')
    .description('manage groups, which roles can be given to')
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(addMemberCommand())
    .addCommand(removeMemberCommand())
    .addCommand(deleteCommand());
}

function createCommand(): Command {
  return addAdministrationFlags(
    new Command('create').description('create a group without members').argument('<name>', 'name of the group'),
  )
    .addHelpText('after', '\nExample:\n  gatehouse group create devs')
    .action(async (name: string, flags: AdministrationFlags) => {
      const answer = await withAdministration(flags, (administration) => administration.createGroup({ name }));
      printAnswer(flags, answer, () => `created group ${name}`);
    });
}

function listCommand(): Command {
  return addAdministrationFlags(new Command('list').description('list the groups and their members'))
    .addHelpText('after', '\nExample:\n  gatehouse group list')
    .action(async (flags: AdministrationFlags) => {
      const answer = await withAdministration(flags, (administration) => administration.listGroups({}));
      printAnswer(flags, answer, ({ groups }) =>
        tableText(
          ['GROUP', 'MEMBERS'],
          groups.map(({ name, members }) => [name, members.join(', ')]),
        ),
      );
    });
}

function addMemberCommand(): Command {
  return addAdministrationFlags(
    new Command('add-member')
      .description('take a user or robot into a group')
      .argument('<group>', 'name of the group')
      .argument('<member>', 'name of the user or robot'),
  )
    .addHelpText('after', '\nExample:\n  gatehouse group add-member devs alice')
    .action(async (name: string, member: string, flags: AdministrationFlags) => {
      const answer = await withAdministration(flags, (administration) =>
        administration.addGroupMember({ name, member }),
      );
      printAnswer(flags, answer, ({ added }) =>
        added ? `added ${member} to group ${name}` : `${member} is in group ${name} already`,
      );
    });
}

function removeMemberCommand(): Command {
  return addAdministrationFlags(
    new Command('remove-member')
      .description('take a user or robot out of a group')
      .argument('<group>', 'name of the group')
      .argument('<member>', 'name of the user or robot'),
  )
    .addHelpText('after', '\nExample:\n  gatehouse group remove-member devs alice')
    .action(async (name: string, member: string, flags: AdministrationFlags) => {
      const answer = await withAdministration(flags, (administration) =>
        administration.removeGroupMember({ name, member }),
      );
      printAnswer(flags, answer, () => `removed ${member} from group ${name}`);
    });
}

function deleteCommand(): Command {
  return addAdministrationFlags(
    new Command('delete')
      .description('delete a group, with the roles it was given; its members stay')
      .argument('<name>', 'name of the group'),
  )
    .addHelpText('after', '\nExample:\n  gatehouse group delete devs')
    .action(async (name: string, flags: AdministrationFlags) => {
      const answer = await withAdministration(flags, (administration) => administration.deleteGroup({ name }));
      printAnswer(flags, answer, ({ grants }) =>
        [`deleted group ${name}`, ...grants.map(({ role, scope }) => `took back ${role} on ${placeText(scope)}`)].join(
          '\n',
        ),
      );
    });
}
