import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, findProgram } from './processes.ts';

/** Where a server listens and keeps its files. */
export interface Place {
  readonly folder: string;
  readonly port: number;
}

/** A registry the bench knows how to start. */
export interface Registry {
  readonly name: string;
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Answer to `GET /v2/` without a login. */
  readonly anonymousStatus: 200 | 401;
  /** Why it cannot run here, if it cannot. */
  readonly missing: () => string | undefined;
  /** Writes its configuration and says how to start it. */
  readonly prepare: (place: Place) => Command;
  /** How its users start it, where that is more than the program itself. */
  readonly launcher?: (place: Place) => Command;
  /** Frees the bytes of deleted blobs, for a server that runs or not. */
  readonly collectGarbage?: (place: Place) => Command;
}

/** Root of the working tree. */
export const root = join(import.meta.dirname, '..', '..');

// New on every run: the default limit on failed logins and the password rules see an ordinary strong password.
const password = randomUUID();

const gatehouse: Registry = {
  name: 'gatehouse',
  headers: { authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}` },
  anonymousStatus: 401,
  missing: () => undefined,
  prepare: (place) => gatehouseCommand('serve', gatehouseConfig(place)),
  launcher: ({ folder }) => ({
    program: join(root, 'scripts', 'start'),
    args: ['--config', join(folder, 'gatehouse.yaml')],
  }),
  collectGarbage: ({ folder }) => gatehouseCommand('gc', join(folder, 'gatehouse.yaml'), '--minimum-age', '0s'),
};

/** Gatehouse as it would be if nobody were asked who they are. Only the access measure uses it. */
export const openDoor: Registry = {
  name: 'open-door',
  headers: {},
  anonymousStatus: 200,
  missing: () => undefined,
  prepare(place) {
    // With Node set as scripts/gatehouse sets it.
    const script = '. "$root/scripts/lib/node.sh"; use_node; use_compile_cache; use_little_memory; exec node "$@"';
    const main = join(root, 'test', 'bench', 'open-door.ts');
    return { program: 'sh', args: ['-c', script, 'sh', main, gatehouseConfig(place)], env: { root } };
  },
};

const dockerRegistry: Registry = {
  name: 'docker-registry',
  headers: {},
  anonymousStatus: 200,
  missing: () => lacking('docker-registry', 'apt-get install docker-registry'),
  prepare: (place) => ({ program: 'docker-registry', args: ['serve', distributionConfig(place)] }),
  collectGarbage: ({ folder }) => ({
    program: 'docker-registry',
    args: ['garbage-collect', join(folder, 'registry.yml')],
  }),
};

const zot: Registry = {
  name: 'zot',
  headers: {},
  anonymousStatus: 200,
  missing: () =>
    lacking('zot', 'no Debian package; put the release binary of github.com/project-zot/zot on PATH as zot'),
  prepare({ folder, port }) {
    const config = {
      distSpecVersion: '1.1.0',
      storage: { rootDirectory: join(folder, 'storage'), gc: false, dedupe: false },
      http: { address: '127.0.0.1', port: String(port) },
      log: { level: 'error' },
    };
    return { program: 'zot', args: ['serve', write(folder, 'zot.json', JSON.stringify(config))] };
  },
};

/** The registries, ours first. @param distribution path or name of the distribution v3 binary */
export function knownRegistries(distribution: string): Registry[] {
  // Without this v3 tries to reach an OpenTelemetry collector and logs each failure.
  const env = { OTEL_TRACES_EXPORTER: 'none' };
  const distributionV3: Registry = {
    ...dockerRegistry,
    name: 'distribution-v3',
    missing: () =>
      lacking(
        distribution,
        'golang; go install github.com/distribution/distribution/v3/cmd/registry@v3.1.2, then --distribution PATH',
      ),
    prepare: (place) => ({ program: distribution, args: ['serve', distributionConfig(place)], env }),
    collectGarbage: ({ folder }) => ({
      program: distribution,
      args: ['garbage-collect', join(folder, 'registry.yml')],
      env,
    }),
  };
  return [gatehouse, dockerRegistry, distributionV3, zot];
}

/** nginx that serves one folder with sendfile. It is no registry: only the pull measure uses it. */
export const nginx: Registry = {
  name: 'nginx',
  headers: {},
  anonymousStatus: 200,
  missing: () => lacking('nginx', 'apt-get install nginx-light'),
  prepare({ folder, port }) {
    const served = join(folder, 'served');
    mkdirSync(join(served, 'v2'), { recursive: true });
    writeFileSync(join(served, 'v2', 'index.html'), '');
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (use) => `  ${use}_temp_path ${join(folder, use)};`,
    );
    const config = `${process.getuid?.() === 0 ? 'user root;\n' : ''}daemon off;
worker_processes auto;
pid ${join(folder, 'nginx.pid')};
error_log ${join(folder, 'error.log')} error;
events {}
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  default_type application/octet-stream;
${temporary.join('\n')}
  server { listen 127.0.0.1:${port}; root ${served}; }
}
`;
    const program = findProgram('nginx') ?? 'nginx';
    return { program, args: ['-e', join(folder, 'error.log'), '-c', write(folder, 'nginx.conf', config)] };
  },
};

function distributionConfig({ folder, port }: Place): string {
  const config = `version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: ${join(folder, 'storage')} }, delete: { enabled: true } }
http: { addr: 127.0.0.1:${port} }
`;
  return write(folder, 'registry.yml', config);
}

function gatehouseConfig({ folder, port }: Place): string {
  const config = `http: { listen: "127.0.0.1:${port}" }
storage: { filesystem: { root: ${join(folder, 'storage')} } }
metadata: { sqlite: { path: ${join(folder, 'gatehouse.sqlite')} } }
`;
  mkdirSync(join(folder, 'storage'), { recursive: true });
  return write(folder, 'gatehouse.yaml', config);
}

function gatehouseCommand(command: string, config: string, ...options: string[]): Command {
  // Through the script that users start it with: the settings of Node are in there, and it becomes the process itself.
  const args = [command, '--config', config, ...options];
  return { program: join(root, 'scripts', 'gatehouse'), args, env: { GATEHOUSE_ADMIN_PASSWORD: password } };
}

function lacking(program: string, remedy: string): string | undefined {
  return findProgram(program) === undefined ? `${program} is not here (${remedy})` : undefined;
}

function write(folder: string, name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}
