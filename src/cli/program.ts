import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { auditCommand } from './audit.ts';
import { configCommand } from './config.ts';
import { gcCommand } from './gc.ts';
import { groupCommand } from './group.ts';
import { inUseCommand } from './in-use.ts';
import { keysCommand } from './keys.ts';
import { loginCommand, logoutCommand } from './login.ts';
import { policyCommand } from './policy.ts';
import { pruneCommand } from './prune.ts';
import { restoreCommand } from './restore.ts';
import { robotCommand } from './robot.ts';
import { serveCommand } from './serve.ts';
import { tagCommand } from './tag.ts';
import { trustCommand } from './trust.ts';
import { userCommand } from './user.ts';
import { verifyCommand } from './verify.ts';

/**
 * What a process says when it ends: 0 all went well, 1 it did not, 2 the command or the configuration is wrong, 3 the
 * answer is no.
 */
export type ExitCode = 0 | 1 | 2 | 3;

/**
 * Carries out a command line, without node and script in front. Errors become one line on stderr; with
 * `GATEHOUSE_DEBUG` set they keep their stack.
 */
export async function run(words: readonly string[]): Promise<ExitCode> {
  const program = gatehouseCommand();
  try {
    await program.parseAsync(words, { from: 'user' });
    return process.exitCode === 1 || process.exitCode === 3 ? process.exitCode : 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`gatehouse: ${describe(error)}\n`);
    return exitCodeOf(error);
  }
}

function gatehouseCommand(): Command {
  const program = new Command('gatehouse')
    .description('a private OCI registry with trust built in')
    .version(version(), '--version', 'print the version')
    // Else what stands behind `prune show` would be read as options of `prune`, and here is where that begins.
    .enablePositionalOptions()
    .addCommand(serveCommand())
    .addCommand(policyCommand())
    .addCommand(userCommand())
    .addCommand(groupCommand())
    .addCommand(keysCommand())
    .addCommand(robotCommand())
    .addCommand(auditCommand())
    .addCommand(tagCommand())
    .addCommand(restoreCommand())
    .addCommand(pruneCommand())
    .addCommand(inUseCommand())
    .addCommand(trustCommand())
    .addCommand(loginCommand())
    .addCommand(logoutCommand())
    .addCommand(configCommand())
    .addCommand(verifyCommand())
    .addCommand(gcCommand())
    .addHelpText('after', '\nExit codes: 0 all went well, 1 it did not, 2 the command or the configuration is wrong.')
    .addHelpText('after', '\nExample:\n  gatehouse serve --config /etc/gatehouse.yaml');
  throwAtTheEnd(program);
  return program;
}

/** Has commander throw where it would end the process; subcommands do not inherit it. */
function throwAtTheEnd(command: Command): void {
  command.exitOverride().showHelpAfterError('(--help tells more)');
  for (const child of command.commands) throwAtTheEnd(child);
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const manifest: unknown = JSON.parse(text);
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '';
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return process.env['GATEHOUSE_DEBUG'] === undefined ? error.message : (error.stack ?? error.message);
}

function exitCodeOf(error: unknown): ExitCode {
  // By name: the classes are loaded only by commands that need them.
  return error instanceof Error && ['UsageError', 'ConfigError', 'InputError'].includes(error.name) ? 2 : 1;
}
