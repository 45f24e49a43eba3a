import { type Command, Option } from 'commander';
import type { Remote } from '#api/client.ts';
import type { Administration } from '#api/operations.ts';
import { type ConfigFlag, configFlag, withInstallation } from './installation.ts';
import { loginFile, readLogins } from './login-file.ts';
import type { OutputFlags } from './output.ts';
import { UsageError } from './usage.ts';

/** What every command of administration can be told. */
export type AdministrationFlags = ConfigFlag & OutputFlags & { readonly server?: string };

/** Adds `--server`, `--json` and `--config`. */
export function addAdministrationFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--server <url>', 'administer that server, with the login kept for it, and not the data here').env(
        'GATEHOUSE_SERVER',
      ),
    )
    .option('--json', 'print JSON')
    .addOption(configFlag());
}

/** Opens administration where a command was pointed at: a server, or the data of this machine. */
export async function withAdministration<T>(
  flags: AdministrationFlags,
  work: (administration: Administration) => Promise<T>,
): Promise<T> {
  // Loaded here and not above: --help needs none of it.
  const { checkingInput } = await import('#api/input.ts');
  if (flags.server !== undefined) {
    return await work(checkingInput(await remote(originOf(flags.server), process.env)));
  }
  return await withInstallation(flags, (installation) =>
    work(checkingInput(installation.administration(installation.localCaller))),
  );
}

/** What to type behind another command to point it at the same place; what the environment says needs no word. */
export function samePlaceText({ server, config }: AdministrationFlags): string {
  const [flag, value] = server === undefined ? ['--config', config] : ['--server', server];
  if (value === undefined || value === process.env['GATEHOUSE_SERVER']) return '';
  const isPlain = /^[\w./:@%+=-]+$/.test(value);
  return ` ${flag} ${isPlain ? value : `'${value.replaceAll("'", `'\\''`)}'`}`;
}

/**
 * The origin of a server, from what people type: `registry.example.com` means https.
 *
 * @throws {UsageError}
 */
export function originOf(text: string): string {
  const url = URL.parse(text.includes('://') ? text : `https://${text}`);
  const isOrigin = url !== null && ['http:', 'https:'].includes(url.protocol) && url.pathname === '/';
  if (isOrigin && url.search === '' && url.username === '' && url.password === '') return url.origin;
  throw new UsageError(`expected the URL of a server, such as https://registry.example.com, found ${text}`);
}

async function remote(url: string, environment: NodeJS.ProcessEnv): Promise<Administration> {
  const { remoteAdministration } = await import('#api/client.ts');
  const { GATEHOUSE_USER: user, GATEHOUSE_PASSWORD: password } = environment;
  const file = loginFile(environment);
  const login = (await readLogins(file))[url];
  const target: Remote = { url, ca: login?.ca };
  if (user !== undefined && password !== undefined) {
    const header = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    return remoteAdministration(target, () => Promise.resolve(header));
  }
  if (login === undefined) {
    throw new Error(
      `there is no login for ${url}: gatehouse login ${url}, or set GATEHOUSE_USER and GATEHOUSE_PASSWORD`,
    );
  }
  const { redeem } = await import('./tokens.ts');
  // One command is over long before the token is.
  const token = redeem(target, login.refreshToken);
  return remoteAdministration(target, async () => `Bearer ${await token}`);
}
