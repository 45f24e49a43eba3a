import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { originOf } from './administration.ts';
import { loginFile, readLogins, writeLogins } from './login-file.ts';
import { readKnownPassword } from './password-prompt.ts';
import { UsageError } from './usage.ts';

interface LoginFlags {
  readonly user: string;
  readonly passwordStdin?: boolean;
  readonly ca?: string;
}

/** `gatehouse login`: keeps a token for the commands that take `--server`. */
export function loginCommand(): Command {
  return new Command('login')
    .description('log in to a server, for the commands that take --server; keeps a token, never the password')
    .argument('<url>', 'the server, such as https://registry.example.com')
    .requiredOption('-u, --user <name>', 'user name')
    .option('--password-stdin', 'read the password from standard input')
    .option('--ca <file>', 'certificate of the authority that vouches for the server, PEM; kept with the login')
    .addHelpText(
      'after',
      '\nKept in $XDG_CONFIG_HOME/gatehouse/login.json, readable by you alone. Scripts can set GATEHOUSE_USER and' +
        '\nGATEHOUSE_PASSWORD instead.\n\nExample:\n  gatehouse login https://registry.example.com -u alice',
    )
    .action(async (text: string, flags: LoginFlags) => {
      const url = originOf(text);
      const ca = flags.ca === undefined ? undefined : await readCertificates(flags.ca);
      if (isExposed(url)) process.stderr.write(`gatehouse: ${url} is plain HTTP: others on the way can read along\n`);
      const password = await readKnownPassword(flags, `Password of ${flags.user}`);
      const { buyRefreshToken } = await import('./tokens.ts');
      const refreshToken = await buyRefreshToken({ url, ca }, flags.user, password);
      const file = loginFile(process.env);
      await writeLogins(file, { ...(await readLogins(file)), [url]: { user: flags.user, refreshToken, ca } });
      console.log(`logged in to ${url} as ${flags.user}`);
    });
}

/** `gatehouse logout`: forgets a login. */
export function logoutCommand(): Command {
  return new Command('logout')
    .description('forget the login for a server, or all of them')
    .argument('[url]', 'the server; every one when left out')
    .addHelpText('after', '\nExample:\n  gatehouse logout https://registry.example.com')
    .action(async (text: string | undefined) => {
      const file = loginFile(process.env);
      const logins = await readLogins(file);
      const url = text === undefined ? undefined : originOf(text);
      if (url !== undefined && logins[url] === undefined) throw new Error(`there is no login for ${url}`);
      const kept = Object.entries(logins).filter(([server]) => url !== undefined && server !== url);
      await writeLogins(file, Object.fromEntries(kept));
      console.log(url === undefined ? 'logged out of every server' : `logged out of ${url}`);
    });
}

async function readCertificates(file: string): Promise<string> {
  try {
    const text = await readFile(file, 'utf8');
    if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new UsageError(`--ca: ${file} cannot be read (${code})`, { cause: error });
  }
  throw new UsageError(`--ca: expected a certificate in PEM, found none in ${file}`);
}

function isExposed(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname);
}
