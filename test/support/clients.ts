import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, it } from 'vitest';
import { PASSWORD, USER } from './gatehouse.ts';

/** How a program ended. */
export interface Ending {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly folder?: string;
  /** The program is ended after this long; a minute unless given. */
  readonly limitSeconds?: number;
}

/** What somebody comes in with. */
export interface Login {
  readonly name: string;
  readonly password: string;
}

/** A program that has begun and whose end has not been waited for. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ending>;
}

/**
 * Someone's machine: home, logins and image stores of its own, empty at first, gone afterwards. A second one is what
 * "a fresh store" means here.
 */
export interface Workstation {
  readonly folder: string;
  /** Runs a client to its end, whatever the end. */
  run(program: string, args: readonly string[], options?: RunOptions): Promise<Ending>;
  /** Runs a client that must succeed; returns what it printed, trimmed. */
  succeed(program: string, args: readonly string[], options?: RunOptions): Promise<string>;
  /** Runs a client that must not succeed; returns what it complained about. */
  fail(program: string, args: readonly string[], options?: RunOptions): Promise<string>;
  start(program: string, args: readonly string[], options?: RunOptions): Running;
  /** What a client is started with here, before arguments of its own; for scripts that call it. */
  wordsOf(program: string): readonly string[];
  /** Logs a client in, as the administrator unless told otherwise, and leaves the login where the client keeps it. */
  logIn(program: string, host: string, login?: Partial<Login>): Promise<Ending>;
  remove(): Promise<void>;
}

/** What a workstation has beside what every one has. */
export interface WorkstationOptions {
  /**
   * Names that it alone knows, with their addresses. Given, `/etc/containers` and `/etc/docker` are its own as well, for
   * every program it runs: empty at first, so that it trusts no authority, and gone with it.
   */
  readonly names?: Readonly<Record<string, string>>;
}

const LIMIT_SECONDS = 60;
const SYSTEM_STORE = '/var/lib/containers';
/** What lies in a workstation's folder → where the programs of a workstation with an /etc of its own find it. */
const OWN_ETC = { 'etc/containers': '/etc/containers', 'etc/docker': '/etc/docker', 'etc/hosts': '/etc/hosts' };
// Without root these set up user namespaces, which is a test of the machine and not of the registry.
const ROOT_ONLY = ['podman', 'buildah', 'dockerd'];
const isRoot = process.getuid?.() === 0;

// Only what was started here is ever ended, also when the run is broken off.
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) endGroup(child, 'SIGKILL');
});

/**
 * Tests that drive programs we did not write. Without one of them the tests are skipped, by name and reason, on a
 * workstation; in CI they fail.
 */
export function describeClient(programs: string | readonly string[], tests: () => void): void {
  const wanted = [programs].flat();
  const [reason] = wanted.flatMap((program) => obstacleTo(program) ?? []);
  describeIfPossible(wanted.join(', '), reason, tests);
}

/** The same for whatever else may stand in the way; without a reason the tests run. */
export function describeIfPossible(title: string, reason: string | undefined, tests: () => void): void {
  if (reason === undefined) {
    describe(title, tests);
    return;
  }
  if (process.env.CI !== undefined && process.env.CI !== '') {
    it(title, () => {
      throw new Error(`expected to run every test in CI, found that ${reason}`);
    });
    return;
  }
  describe.skip(`${title} (skipped: ${reason})`, tests);
}

function obstacleTo(program: string): string | undefined {
  if (findProgram(program) === undefined) return `${program} is not installed: nothing on PATH has that name`;
  if (ROOT_ONLY.includes(program) && !isRoot) return `${program} is driven as root here, and this user is not root`;
  return undefined;
}

/** Where a program lies on PATH, or where Debian keeps what only root runs. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

export async function aWorkstation({ names }: WorkstationOptions = {}): Promise<Workstation> {
  const folder = await mkdtemp(join(tmpdir(), 'workstation-'));
  for (const name of ['run', 'system-store', '.config/containers', '.docker']) {
    await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
  }
  await writeFile(join(folder, '.config/containers/policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}');
  if (names !== undefined) await makeOwnEtc(folder, names);
  const mounts = names === undefined ? {} : OWN_ETC;
  const wordsOf = (program: string): readonly string[] => [
    ...wrapperOf(program, folder, mounts),
    program,
    ...globalArguments(program, folder),
  ];
  const start = (program: string, args: readonly string[], options?: RunOptions): Running =>
    launch([...wordsOf(program), ...args], { ...options, environment: environmentOf(folder) });
  const run: Workstation['run'] = (program, args, options) => start(program, args, options).ended;
  return {
    folder,
    start,
    wordsOf,
    run,
    async succeed(program, args, options) {
      const ending = await run(program, args, options);
      if (ending.code === 0) return ending.stdout.trim();
      throw new Error(`expected success, found ${describeEnding(program, args, ending)}`);
    },
    async fail(program, args, options) {
      const ending = await run(program, args, options);
      if (ending.code !== undefined && ending.code !== 0) return ending.stderr + ending.stdout;
      throw new Error(`expected failure, found ${describeEnding(program, args, ending)}`);
    },
    async logIn(program, host, { name = USER, password = PASSWORD } = {}) {
      // regctl alone has to be told of plain HTTP once and for all.
      if (program === 'regctl') await run('regctl', ['registry', 'set', '--skip-check', '--tls', 'disabled', host]);
      return await run(program, loginArguments(program, host, name), { input: password });
    },
    // Image stores hold what root put there with any mode; maxRetries for a daemon that has just let go of it.
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}

/** Starts a program in a process group of its own. */
export function launch(
  [program = '', ...args]: readonly string[],
  { environment, input, folder, limitSeconds = LIMIT_SECONDS }: RunOptions & { environment?: NodeJS.ProcessEnv },
): Running {
  const options: SpawnOptions = { env: environment, detached: true, cwd: folder, stdio: 'pipe' };
  const child = spawn(findProgram(program) ?? program, args, options);
  running.add(child);
  return { child, ended: endingOf(child, input, limitSeconds) };
}

/** Asks a program to end and waits; after the limit it is made to. */
export async function stopProgram({ child, ended }: Running, limitSeconds = 20): Promise<Ending> {
  endGroup(child, 'SIGTERM');
  const timer = setTimeout(() => endGroup(child, 'SIGKILL'), limitSeconds * 1000);
  try {
    return await ended;
  } finally {
    clearTimeout(timer);
  }
}

async function endingOf(child: ChildProcess, input: string | undefined, limitSeconds: number): Promise<Ending> {
  const output = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  // A client that does not read its input closes it; how it ends says more than that.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  const timer = setTimeout(() => {
    output.stderr += `\nended after ${limitSeconds} s`;
    endGroup(child, 'SIGKILL');
  }, limitSeconds * 1000);
  try {
    const [code] = await once(child, 'close');
    return { code: typeof code === 'number' ? code : undefined, ...output };
  } finally {
    clearTimeout(timer);
    running.delete(child);
  }
}

function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Gone between the look and the signal.
  }
}

/** As few variables as a client needs, so that no setting of the machine's owner takes part. */
function environmentOf(folder: string): NodeJS.ProcessEnv {
  return {
    PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin`,
    HOME: folder,
    TMPDIR: folder,
    XDG_RUNTIME_DIR: join(folder, 'run'),
    DOCKER_HOST: `unix://${join(folder, 'docker.sock')}`,
    // The classic builder: the other one wants a download.
    DOCKER_BUILDKIT: '0',
    NO_COLOR: '1',
    // Of the keys that cosign makes for a test.
    COSIGN_PASSWORD: '',
  };
}

/** Global options that keep a client's state in the workstation's folder. */
function globalArguments(program: string, folder: string): string[] {
  const store = ['--root', join(folder, 'store'), '--runroot', join(folder, 'run/store'), '--storage-driver', 'vfs'];
  if (program === 'buildah') return store;
  if (program !== 'podman') return [];
  const state = ['--tmpdir', join(folder, 'run/libpod'), '--cgroup-manager', 'cgroupfs', '--events-backend', 'file'];
  return [...store, ...state];
}

/**
 * What a client is started through. Root's podman, skopeo and buildah remember which blob lies in which repository under
 * /var/lib/containers, and no option moves that: they get a mount namespace in which the workstation's folder lies there.
 * So does every program of a workstation that has an /etc of its own. A docker engine mounts things too, and has to end
 * with its tests, however those end.
 */
function wrapperOf(program: string, folder: string, ownEtc: Readonly<Record<string, string>>): string[] {
  if (!isRoot) return [];
  const hasStore = ['podman', 'skopeo', 'buildah'].includes(program);
  const mounts = Object.entries({ ...(hasStore ? { 'system-store': SYSTEM_STORE } : {}), ...ownEtc });
  const commands = mounts.map(([name, at]) => `{ [ -e ${at} ] || mkdir -p ${at}; } && mount --bind "$0/${name}" ${at}`);
  const tied = program === 'dockerd' ? ['setpriv', '--pdeathsig', 'TERM'] : [];
  if (mounts.length === 0) return tied.length === 0 ? [] : ['unshare', '--mount', ...tied];
  return ['unshare', '--mount', 'sh', '-c', [...commands, 'exec "$@"'].join(' && '), folder, ...tied];
}

async function makeOwnEtc(folder: string, names: Readonly<Record<string, string>>): Promise<void> {
  for (const name of ['etc/containers', 'etc/docker']) await mkdir(join(folder, name), { recursive: true });
  const lines = Object.entries(names).map(([name, address]) => `${address} ${name}\n`);
  await writeFile(join(folder, 'etc/hosts'), `127.0.0.1 localhost\n${lines.join('')}`);
}

function loginArguments(program: string, host: string, name: string): string[] {
  const user = ['--username', name];
  switch (program) {
    case 'podman':
    case 'buildah':
    case 'skopeo':
      return ['login', '--tls-verify=false', ...user, '--password-stdin', host];
    case 'crane':
      return ['auth', 'login', ...user, '--password-stdin', host];
    case 'regctl':
      return ['registry', 'login', '--user', name, '--pass-stdin', host];
    case 'helm':
      return ['registry', 'login', '--plain-http', ...user, '--password-stdin', host];
    case 'oras':
      return ['login', '--plain-http', ...user, '--password-stdin', host];
    default:
      return ['login', ...user, '--password-stdin', host];
  }
}

function describeEnding(program: string, args: readonly string[], { code, stdout, stderr }: Ending): string {
  const said = `${stdout}\n${stderr}`.trim().split('\n').slice(-12).join('\n');
  return `${code === undefined ? 'a signal' : `exit ${code}`} from ${program} ${args.join(' ')}:\n${said}`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A repository nobody else uses. */
export function aRepository(): string {
  return `e2e/${randomUUID().slice(0, 8)}`;
}
