import { Command, Option } from 'commander';
import type { Administration, Output } from '#api/operations.ts';
import { randomSecret } from '#base/secret.ts';
import { type AdministrationFlags, addAdministrationFlags, withAdministration } from './administration.ts';
import { fileText } from './input-file.ts';
import { momentText, placeText, printAnswer, tableText } from './output.ts';
import { type PasswordSource, readKnownPassword, readPassword } from './password-prompt.ts';
import { UsageError } from './usage.ts';

type UserFlags = AdministrationFlags & PasswordSource;

/** `gatehouse user`: who may come in. */
export function userCommand(): Command {
  return new Command('user')
    .description('manage the users who may come in')
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(setPasswordCommand())
    .addCommand(deleteCommand())
    .addCommand(importCommand());
}

function createCommand(): Command {
  const command = new Command('create')
    .description('create a user; asks for the password on a terminal, and makes one up if none is typed')
    .argument('<name>', 'user name: 1 to 64 of a-z 0-9 . _ @ -')
    .addOption(passwordStdinFlag());
  return addAdministrationFlags(command)
    .addHelpText(
      'after',
      '\nWhoever is new may do nothing: see `gatehouse policy add-role-to-user`.' +
        '\n\nExample:\n  gatehouse user create alice --password-stdin < alice.txt',
    )
    .action(async (name: string, flags: UserFlags) => {
      const typed = await readPassword(flags, `Password for ${name} (Enter makes one up)`);
      const isMadeUp = typed === '' && flags.passwordStdin !== true;
      const password = isMadeUp ? randomSecret() : typed;
      await withAdministration(flags, (administration) => administration.createUser({ name, password }));
      const ending = isMadeUp ? ` with the password ${password} (shown this once)` : '';
      printAnswer(flags, isMadeUp ? { name, password } : { name }, () => `created user ${name}${ending}`);
    });
}

function listCommand(): Command {
  return addAdministrationFlags(new Command('list').description('list the users'))
    .addHelpText('after', '\nExample:\n  gatehouse user list')
    .action(async (flags: AdministrationFlags) => {
      const answer = await withAdministration(flags, (administration) => administration.listUsers({}));
      printAnswer(flags, answer, ({ users }) =>
        tableText(
          ['NAME', 'CREATED', 'PASSWORD SET'],
          users.map(({ name, createdAt, passwordSetAt }) => [name, momentText(createdAt), momentText(passwordSetAt)]),
        ),
      );
    });
}

function setPasswordCommand(): Command {
  const command = new Command('set-password')
    .description('change a password; the old one stops working at once')
    .argument('<name>', 'user name')
    .addOption(passwordStdinFlag());
  return addAdministrationFlags(command)
    .addHelpText(
      'after',
      '\nYour own on a server: you are asked for the current one too; with --password-stdin it is the first of two lines.' +
        '\n\nExample:\n  gatehouse user set-password alice',
    )
    .action(async (name: string, flags: UserFlags) => {
      await withAdministration(flags, async (administration) => {
        const passwords = await newPassword(administration, name, flags);
        if (passwords.password === '') throw new UsageError('no password was given');
        await administration.setPassword({ name, ...passwords });
      });
      printAnswer(flags, { name }, () => `changed the password of ${name}`);
    });
}

/** Whoever is no system-admin proves that the password is theirs to change. */
async function newPassword(
  administration: Administration,
  name: string,
  { server, passwordStdin }: UserFlags,
): Promise<{ password: string; currentPassword?: string }> {
  const question = `New password for ${name}`;
  if (server === undefined || !(await mustProve(administration, name))) {
    return { password: await readPassword({ passwordStdin }, question) };
  }
  if (passwordStdin === true) {
    const [currentPassword = '', password = ''] = (await readPassword({ passwordStdin }, question)).split(/\r?\n/);
    return { password, currentPassword };
  }
  const currentPassword = await readKnownPassword({}, `Current password of ${name}`);
  return { password: await readPassword({}, question), currentPassword };
}

async function mustProve(administration: Administration, name: string): Promise<boolean> {
  const { name: own, permissions } = await administration.whoAmI({});
  return own === name && !permissions.some(({ permission, scopes }) => permission === 'system' && scopes.includes('*'));
}

function deleteCommand(): Command {
  const command = new Command('delete')
    .description('delete a user, who is out at once, with their roles; what they pushed stays')
    .argument('<name>', 'user name');
  return addAdministrationFlags(command)
    .addHelpText('after', '\nExample:\n  gatehouse user delete alice')
    .action(async (name: string, flags: AdministrationFlags) => {
      const answer = await withAdministration(flags, (administration) => administration.deleteUser({ name }));
      printAnswer(flags, answer, ({ grants, groups }) =>
        [
          `deleted user ${name}`,
          ...grants.map(({ role, scope }) => `took back ${role} on ${placeText(scope)}`),
          ...groups.map((group) => `removed from group ${group}`),
        ].join('\n'),
      );
    });
}

function importCommand(): Command {
  const command = new Command('import')
    .description('create the users of an htpasswd file, as docker-registry has it, with the passwords they have')
    .argument('<file>', 'the file, or - for standard input')
    .option('--replace', 'give users who exist the password of the file');
  return addAdministrationFlags(command)
    .addHelpText(
      'after',
      '\nTakes bcrypt hashes (htpasswd -B) and no others. Exit code 1 if any line was skipped.' +
        '\n\nExample:\n  gatehouse user import /etc/docker-registry/htpasswd',
    )
    .action(async (file: string, flags: AdministrationFlags & { replace?: boolean }) => {
      const htpasswd = await fileText(file);
      const { replace } = flags;
      const answer = await withAdministration(flags, (administration) =>
        administration.importUsers({ htpasswd, replace }),
      );
      printAnswer(flags, answer, importText);
      if (answer.skipped.length > 0) process.exitCode = 1;
    });
}

function importText({ imported, replaced, skipped }: Output<'importUsers'>): string {
  return [
    ...imported.map((name) => `created user ${name}`),
    ...replaced.map((name) => `changed the password of ${name}`),
    ...skipped.map(({ line, problem }) => `skipped line ${line}: ${problem}`),
    `${imported.length} created, ${replaced.length} changed, ${skipped.length} skipped`,
  ].join('\n');
}

function passwordStdinFlag(): Option {
  return new Option('--password-stdin', 'read the password from standard input');
}
