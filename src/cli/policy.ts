import { Command, Option } from 'commander';
import type { Output } from '#api/operations.ts';
import { type AdministrationFlags, addAdministrationFlags, withAdministration } from './administration.ts';
import { momentText, placeText, printAnswer, tableText } from './output.ts';
import { type ScopeFlags, addScopeFlags, requiredScope, scopeFrom } from './scope-flags.ts';

type GrantFlags = AdministrationFlags & ScopeFlags;
type ListFlags = GrantFlags & { readonly subject?: string; readonly role?: string };

/** `gatehouse policy`: who may do what. */
export function policyCommand(): Command {
  return new Command('policy')
    .description('give and take roles, and ask who may do what')
    .addCommand(addCommand('user'))
    .addCommand(addCommand('group'))
    .addCommand(removeCommand('user'))
    .addCommand(removeCommand('group'))
    .addCommand(listCommand())
    .addCommand(rolesCommand())
    .addCommand(whoCanCommand())
    .addCommand(canICommand());
}

const NOTES = {
  user: 'Robots are users: robot+ci. Names that an OIDC issuer vouches for hold a colon.',
  group: 'system:authenticated is everybody who logs in, system:anonymous everybody.',
};
const EXAMPLES = { user: 'registry-viewer alice', group: 'registry-editor devs' };

function addCommand(kind: 'user' | 'group'): Command {
  const command = new Command(`add-role-to-${kind}`)
    .description(`give a role to a ${kind}; \`gatehouse policy roles\` lists them`)
    .argument('<role>', 'name of the role')
    .argument(`<${kind}>`, `name of the ${kind}`);
  return addAdministrationFlags(addScopeFlags(command))
    .addHelpText(
      'after',
      `\n${NOTES[kind]}\n\nExample:\n  gatehouse policy add-role-to-${kind} ${EXAMPLES[kind]} -n team-a`,
    )
    .action(async (role: string, subject: string, flags: GrantFlags) => {
      const answer = await withAdministration(flags, async (administration) =>
        administration.addGrant(await grantOf({ kind, role, subject }, flags)),
      );
      printAnswer(flags, answer, ({ added, scope }) =>
        added
          ? `gave ${role} on ${placeText(scope)} to ${kind} ${subject}`
          : `${kind} ${subject} has ${role} on ${placeText(scope)} already`,
      );
    });
}

function removeCommand(kind: 'user' | 'group'): Command {
  const command = new Command(`remove-role-from-${kind}`)
    .description(`take a role back from a ${kind}`)
    .argument('<role>', 'name of the role')
    .argument(`<${kind}>`, `name of the ${kind}`);
  return addAdministrationFlags(addScopeFlags(command))
    .addHelpText('after', `\nExample:\n  gatehouse policy remove-role-from-${kind} ${EXAMPLES[kind]} -n team-a`)
    .action(async (role: string, subject: string, flags: GrantFlags) => {
      const answer = await withAdministration(flags, async (administration) =>
        administration.removeGrant(await grantOf({ kind, role, subject }, flags)),
      );
      printAnswer(flags, answer, ({ scope }) => `took ${role} on ${placeText(scope)} from ${kind} ${subject}`);
    });
}

/** What was typed, as the input of an operation. */
async function grantOf(
  grant: { readonly kind: 'user' | 'group'; readonly role: string; readonly subject: string },
  flags: ScopeFlags,
) {
  const { parseInput } = await import('#api/input.ts');
  // There is nothing to say where: it is a role everywhere or nowhere.
  const scope = grant.role === 'system-admin' ? (scopeFrom(flags) ?? '*') : requiredScope(flags);
  return parseInput('addGrant', { ...grant, scope });
}

function listCommand(): Command {
  const command = new Command('list')
    .description('list who was given which role where')
    .option('--subject <name>', 'only of this user, robot or group')
    .option('--role <role>', 'only this role');
  return addAdministrationFlags(addScopeFlags(command))
    .addHelpText('after', '\nExample:\n  gatehouse policy list -n team-a')
    .action(async (flags: ListFlags) => {
      const { parseInput } = await import('#api/input.ts');
      const { subject, role } = flags;
      const filter = parseInput('listGrants', { subject, role, scope: scopeFrom(flags) });
      const answer = await withAdministration(flags, (administration) => administration.listGrants(filter));
      printAnswer(flags, answer, grantsText);
    });
}

function grantsText({ grants }: Output<'listGrants'>): string {
  return tableText(
    ['SCOPE', 'ROLE', 'KIND', 'SUBJECT', 'GIVEN BY', 'GIVEN'],
    grants.map(({ scope, role, kind, subject, createdBy, createdAt }) => [
      scope,
      role,
      kind,
      subject,
      createdBy,
      momentText(createdAt),
    ]),
  );
}

function rolesCommand(): Command {
  return addAdministrationFlags(new Command('roles').description('list the roles there are, and what each may do'))
    .addHelpText('after', '\nExample:\n  gatehouse policy roles')
    .action(async (flags: AdministrationFlags) => {
      const answer = await withAdministration(flags, (administration) => administration.listRoles({}));
      printAnswer(flags, answer, ({ roles }) =>
        tableText(
          ['ROLE', 'PERMISSIONS'],
          roles.map(({ role, permissions }) => [role, permissions.join(', ')]),
        ),
      );
    });
}

function whoCanCommand(): Command {
  const command = new Command('who-can')
    .description('list everybody who has a permission in a repository, and the roles that let them')
    .argument('<permission>', 'pull, attach, push, untag, delete, grant or system')
    .argument('<repository>', 'such as team-a/app');
  return addAdministrationFlags(command)
    .addHelpText('after', '\nExample:\n  gatehouse policy who-can push team-a/app')
    .action(async (permission: string, repository: string, flags: AdministrationFlags) => {
      const { parseInput } = await import('#api/input.ts');
      const question = parseInput('whoCan', { permission, repository });
      const answer = await withAdministration(flags, (administration) => administration.whoCan(question));
      printAnswer(flags, answer, holdersText);
    });
}

function holdersText({ subjects }: Output<'whoCan'>): string {
  const roleText = ({ role, scope, group }: Output<'whoCan'>['subjects'][number]['through'][number]): string =>
    `${role} on ${placeText(scope)}${group === undefined ? '' : ` through group ${group}`}`;
  return tableText(
    ['KIND', 'NAME', 'THROUGH'],
    subjects.map(({ kind, name, through }) => [kind, name, through.map(roleText).join(', ')]),
  );
}

function canICommand(): Command {
  const command = new Command('can-i')
    .description('say whether you, or somebody else, have a permission in a repository, and why')
    .argument('<permission>', 'pull, attach, push, untag, delete, grant or system')
    .argument('<repository>', 'such as team-a/app')
    .addOption(new Option('--as <name>', 'ask for this user, robot or system:anonymous'));
  return addAdministrationFlags(command)
    .addHelpText(
      'after',
      '\nExit code 0 for yes, 1 for no.\n\nExample:\n  gatehouse policy can-i --as alice push team-a/app',
    )
    .action(async (permission: string, repository: string, flags: AdministrationFlags & { as?: string }) => {
      const { parseInput } = await import('#api/input.ts');
      const question = parseInput('canI', { permission, repository, as: flags.as });
      const answer = await withAdministration(flags, (administration) => administration.canI(question));
      printAnswer(flags, answer, ({ allowed, reason }) => `${allowed ? 'yes' : 'no'}: ${reason}`);
      if (!answer.allowed) process.exitCode = 1;
    });
}
