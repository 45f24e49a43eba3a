import { Command } from 'commander';
import type { Output } from '#api/operations.ts';
import { type AdministrationFlags, addAdministrationFlags, withAdministration } from './administration.ts';
import { momentText, placeText, printAnswer, tableText } from './output.ts';
import { type ScopeFlags, addScopeFlags, requiredScope } from './scope-flags.ts';

interface CreateFlags extends AdministrationFlags, ScopeFlags {
  readonly role?: string;
  readonly description?: string;
  readonly expiresIn?: string;
}

/** `gatehouse robot`: service accounts. */
export function robotCommand(): Command {
  return new Command('robot')
    .description('manage robots: accounts for machines, bound to a scope')
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(rotateCommand())
    .addCommand(switchCommand('disable'))
    .addCommand(switchCommand('enable'))
    .addCommand(deleteCommand());
}

function createCommand(): Command {
  const command = new Command('create')
    .description('create a robot and show its secret, once')
    .argument('<name>', 'name, with or without robot+ in front')
    .option('--role <role>', 'give it this role in its scope')
    .option('--description <text>', 'what it is for')
    .option('--expires-in <duration>', 'a duration such as 90d; never when left out');
  return addAdministrationFlags(addScopeFlags(command))
    .addHelpText('after', '\nExample:\n  gatehouse robot create ci -n team-a --role registry-editor --expires-in 90d')
    .action(async (name: string, flags: CreateFlags) => {
      const { parseInput } = await import('#api/input.ts');
      const { role, description, expiresIn } = flags;
      const scope = requiredScope(flags);
      const input = parseInput('createRobot', { name, scope, role, description, expiresIn });
      const answer = await withAdministration(flags, (administration) => administration.createRobot(input));
      const what = role === undefined ? `bound to ${placeText(scope)}` : `with ${role} on ${placeText(scope)}`;
      printAnswer(flags, answer, (robot) => `created ${robot.name} ${what}\n${secretText(robot)}`);
    });
}

function listCommand(): Command {
  return addAdministrationFlags(new Command('list').description('list the robots you may manage'))
    .addHelpText('after', '\nExample:\n  gatehouse robot list')
    .action(async (flags: AdministrationFlags) => {
      const answer = await withAdministration(flags, (administration) => administration.listRobots({}));
      printAnswer(flags, answer, ({ robots }) =>
        tableText(
          ['NAME', 'SCOPE', 'STATE', 'EXPIRES', 'ROTATED', 'DESCRIPTION'],
          robots.map((robot) => [
            robot.name,
            robot.scope,
            stateOf(robot),
            momentText(robot.expiresAt),
            momentText(robot.rotatedAt),
            robot.description,
          ]),
        ),
      );
    });
}

function rotateCommand(): Command {
  return addAdministrationFlags(
    new Command('rotate')
      .description('make a new secret and show it, once; the old one stops working at once')
      .argument('<name>', 'name of the robot')
      .option('--expires-in <duration>', 'a duration such as 90d, or never; as before when left out'),
  )
    .addHelpText('after', '\nExample:\n  gatehouse robot rotate ci --expires-in 90d')
    .action(async (name: string, flags: AdministrationFlags & { expiresIn?: string }) => {
      const { expiresIn } = flags;
      const answer = await withAdministration(flags, (administration) =>
        administration.rotateRobot({ name, expiresIn }),
      );
      printAnswer(flags, answer, (robot) => `rotated ${robot.name}\n${secretText(robot)}`);
    });
}

function switchCommand(verb: 'disable' | 'enable'): Command {
  const description = {
    disable: 'keep a robot out, at once, until it is enabled',
    enable: 'let a robot in again, with the secret it has',
  };
  return addAdministrationFlags(
    new Command(verb).description(description[verb]).argument('<name>', 'name of the robot'),
  )
    .addHelpText('after', `\nExample:\n  gatehouse robot ${verb} ci`)
    .action(async (name: string, flags: AdministrationFlags) => {
      const answer = await withAdministration(flags, (administration) => administration[`${verb}Robot`]({ name }));
      printAnswer(flags, answer, (robot) => `${verb}d ${robot.name}`);
    });
}

function deleteCommand(): Command {
  return addAdministrationFlags(
    new Command('delete')
      .description('delete a robot, with its roles and memberships; what it pushed stays')
      .argument('<name>', 'name of the robot'),
  )
    .addHelpText('after', '\nExample:\n  gatehouse robot delete ci')
    .action(async (name: string, flags: AdministrationFlags) => {
      const answer = await withAdministration(flags, (administration) => administration.deleteRobot({ name }));
      printAnswer(flags, answer, (robot) => `deleted ${robot.name}`);
    });
}

function secretText({ secret, expiresAt }: Output<'createRobot'>): string {
  return `secret: ${secret} (shown this once; ${expiresAt === null ? 'never expires' : `expires ${momentText(expiresAt)}`})`;
}

function stateOf({ disabledAt, expiresAt }: Output<'disableRobot'>): string {
  if (disabledAt !== null) return 'disabled';
  return expiresAt !== null && Date.parse(expiresAt) <= Date.now() ? 'expired' : 'active';
}
