import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** What is kept of a login. */
export interface Login {
  readonly user: string;
  readonly refreshToken: string;
  /** Certificates the server may be vouched for by, PEM. */
  readonly ca?: string | undefined;
}

/** Logins by the origin of their server. */
export type Logins = Readonly<Record<string, Login>>;

type Environment = Readonly<Record<string, string | undefined>>;

/** Where logins are kept: `$XDG_CONFIG_HOME/gatehouse/login.json`. */
export function loginFile(environment: Environment): string {
  const folder = environment['XDG_CONFIG_HOME'] ?? '';
  // XDG Base Directory Specification 0.8: a relative path is to be ignored.
  return join(folder.startsWith('/') ? folder : join(homedir(), '.config'), 'gatehouse', 'login.json');
}

/** @throws {Error} the file is there and cannot be understood */
export async function readLogins(file: string): Promise<Logins> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw error;
  }
  try {
    const { logins } = await loginSchema();
    return logins.parse(JSON.parse(text)).servers;
  } catch (error) {
    throw new Error(`${file} is no file of logins: remove it and log in again`, { cause: error });
  }
}

/** Replaces the file in one step, readable by its owner alone. */
export async function writeLogins(file: string, servers: Logins): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomUUID()}`;
  try {
    await writeFile(draft, `${JSON.stringify({ servers }, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

async function loginSchema() {
  const { z } = await import('zod');
  const login = z.object({ user: z.string(), refreshToken: z.string(), ca: z.string().optional() });
  return { logins: z.object({ servers: z.record(z.string(), login) }) };
}
