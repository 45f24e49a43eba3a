import { Command, Option } from 'commander';
import { randomSecret } from '#base/secret.ts';
import { type ConfigFlag, configFlag, withInstallation } from './installation.ts';
import { type PasswordSource, readPassword } from './password-prompt.ts';
import { UsageError } from './usage.ts';

type UserFlags = ConfigFlag & PasswordSource;

/** `gatehouse user`: who may come in. */
export function userCommand(): Command {
  return new Command('user')
    .description('manage the users who may come in')
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(setPasswordCommand())
    .addCommand(deleteCommand());
}

function createCommand(): Command {
  return new Command('create')
    .description('create a user; asks for the password on a terminal, and makes one up if none is typed')
    .argument('<name>', 'user name: 1 to 64 of a-z 0-9 . _ @ -')
    .addOption(passwordStdinFlag())
    .addOption(configFlag())
    .addHelpText('after', '\nExample:\n  gatehouse user create alice --password-stdin < alice.txt')
    .action(async (name: string, flags: UserFlags) => {
      const typed = await readPassword(flags, `Password for ${name} (Enter makes one up)`);
      const isMadeUp = typed === '' && flags.passwordStdin !== true;
      const password = isMadeUp ? randomSecret() : typed;
      await withInstallation(flags, ({ users }) => users.create(name, password));
      const ending = isMadeUp ? ` with the password ${password} (shown this once)` : '';
      console.log(`created user ${name}${ending}`);
    });
}

function listCommand(): Command {
  return new Command('list')
    .description('list the users')
    .addOption(configFlag())
    .addHelpText('after', '\nExample:\n  gatehouse user list')
    .action(async (flags: ConfigFlag) => {
      const users = await withInstallation(flags, (installation) => installation.users.list());
      const width = Math.max(4, ...users.map(({ name }) => name.length));
      const line = (name: string, created: string, changed: string): string =>
        `${name.padEnd(width)}  ${created.padEnd(20)}  ${changed}`;
      console.log(line('NAME', 'CREATED', 'PASSWORD SET'));
      for (const { name, createdAt, updatedAt } of users) console.log(line(name, moment(createdAt), moment(updatedAt)));
    });
}

function setPasswordCommand(): Command {
  return new Command('set-password')
    .description('change a password; the old one stops working at once')
    .argument('<name>', 'user name')
    .addOption(passwordStdinFlag())
    .addOption(configFlag())
    .addHelpText('after', '\nExample:\n  gatehouse user set-password alice')
    .action(async (name: string, flags: UserFlags) => {
      const password = await readPassword(flags, `New password for ${name}`);
      if (password === '') throw new UsageError('no password was given');
      await withInstallation(flags, ({ users }) => users.setPassword(name, password));
      console.log(`changed the password of ${name}`);
    });
}

function deleteCommand(): Command {
  return new Command('delete')
    .description('delete a user, who is out at once; what they pushed stays')
    .argument('<name>', 'user name')
    .addOption(configFlag())
    .addHelpText('after', '\nExample:\n  gatehouse user delete alice')
    .action(async (name: string, flags: ConfigFlag) => {
      await withInstallation(flags, ({ users }) => users.remove(name));
      console.log(`deleted user ${name}`);
    });
}

function passwordStdinFlag(): Option {
  return new Option('--password-stdin', 'read the password from standard input');
}

function moment(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+/, '');
}
