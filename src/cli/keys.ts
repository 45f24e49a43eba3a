import { Command } from 'commander';
import { type AdministrationFlags, addAdministrationFlags, withAdministration } from './administration.ts';
import { printAnswer } from './output.ts';

type RotateFlags = AdministrationFlags & { readonly revoke?: boolean };

/** `gatehouse keys`: the keys that sign tokens. */
export function keysCommand(): Command {
  return new Command('keys').description('change the keys that sign tokens').addCommand(rotateCommand());
}

function rotateCommand(): Command {
  return addAdministrationFlags(
    new Command('rotate')
      .description('sign with a new key from now on; the server does so by itself in its time')
      .option('--revoke', 'make every token signed so far worthless at once, on every node'),
  )
    .addHelpText('after', '\nNobody has to log in again.\n\nExample:\n  gatehouse keys rotate --revoke')
    .action(async (flags: RotateFlags) => {
      const answer = await withAdministration(flags, (administration) =>
        administration.rotateKeys({ revoke: flags.revoke === true }),
      );
      printAnswer(flags, answer, ({ key, revoked }) =>
        revoked ? `signing with key ${key}; what others signed is worth nothing` : `signing with key ${key}`,
      );
    });
}
