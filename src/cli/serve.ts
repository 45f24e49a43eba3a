import { Command } from 'commander';
import type { Config } from '#config/schema.ts';
import type { Installation, RunningServer } from '../app.ts';
import { type ConfigFlag, configFlag, withInstallation } from './installation.ts';
import { aborted, onInterrupt } from './interrupt.ts';
import { welcomeText } from './welcome.ts';

/** `gatehouse serve`: the registry itself, until it is told to stop. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('run the registry; SIGTERM or Ctrl-C lets accepted requests end, a second one does not')
    .addOption(configFlag())
    .addHelpText(
      'after',
      '\nThe first start creates the user admin. GATEHOUSE_ADMIN_PASSWORD sets its password; else one is made up and shown.' +
        '\nWhat changes under trust in the configuration, or in the files it names, counts within seconds; SIGHUP looks at once.' +
        '\n\nExample:\n  gatehouse serve --config /etc/gatehouse.yaml',
    )
    .action(async (flags: ConfigFlag) => {
      const stop = onInterrupt();
      await withInstallation(flags, async (installation, config) => {
        const server = await start(installation, config);
        if (process.stderr.isTTY) console.error(`Gatehouse answers at ${server.url} (Ctrl-C stops it)`);
        const reload = (): void => void server.reload();
        process.on('SIGHUP', reload);
        await aborted(stop);
        process.off('SIGHUP', reload);
        await server.stop();
      });
    });
}

async function start(installation: Installation, config: Config): Promise<RunningServer> {
  const password = await installation.users.ensureAdmin(process.env['GATEHOUSE_ADMIN_PASSWORD']);
  let url = config.http.publicUrl ?? addressText(config);
  let caFingerprint: string | undefined;
  try {
    const server = await installation.serve().catch((error: unknown) => {
      throw explained(error, config);
    });
    url = config.http.publicUrl ?? server.url;
    ({ caFingerprint } = server);
    return server;
  } finally {
    // Even if the port was taken: the user is there now, and nothing else knows this password.
    if (password !== undefined) process.stderr.write(welcomeText({ name: 'admin', password, url, caFingerprint }));
  }
}

function addressText({ http: { listen, tls } }: Config): string {
  return `${tls.mode === 'off' ? 'http' : 'https'}://${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${listen.port}`;
}

function explained(error: unknown, { http: { listen } }: Config): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const { host, port } = listen;
  switch (code) {
    case 'EADDRINUSE':
      return new Error(`port ${port} of ${host} is in use: stop what runs there, or set http.listen to another port`, {
        cause: error,
      });
    case 'EACCES':
      return new Error(`this user may not listen on port ${port} of ${host}: set http.listen to a port above 1023`, {
        cause: error,
      });
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new Error(`${host} is no address of this machine: set http.listen to one that is`, { cause: error });
    default:
      return error;
  }
}
