import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** How a command ended, and what it said. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command under way. */
export interface Running {
  readonly child: ChildProcess;
  /** What it said on stderr so far. */
  stderr(): string;
  /** Resolves with the first match in what it says, on either stream. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  readonly outcome: Promise<Outcome>;
}

/** A folder with a configuration file of its own, gone when disposed. */
export interface Place extends AsyncDisposable {
  readonly folder: string;
  readonly configFile: string;
}

export async function temporaryPlace(yaml: string): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-cli-'));
  const configFile = join(folder, 'registry.config.yaml');
  await writeFile(configFile, yaml);
  return { folder, configFile, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

/** Starts the real command, without a terminal. */
export function start(words: readonly string[], environment: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [MAIN, ...words], {
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // A test that failed must not leave a server behind.
  onTestFinished(() => void child.kill('SIGKILL'));
  return watch(child);
}

/** Runs the real command to its end. */
export async function gatehouse(
  words: readonly string[],
  input = '',
  environment: Record<string, string> = {},
): Promise<Outcome> {
  const running = start(words, environment);
  running.child.stdin?.end(input);
  return await running.outcome;
}

function watch(child: ChildProcess): Running {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const outcome = once(child, 'close').then((): Outcome => ({ code: child.exitCode, stdout, stderr }));
  return {
    child,
    stderr: () => stderr,
    outcome,
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(stdout + stderr);
          if (match !== null) resolve(match);
        };
        child.stdout?.on('data', look);
        child.stderr?.on('data', look);
        void outcome.then(() => reject(new Error(`it ended without saying ${String(pattern)}: ${stderr}`)));
        look();
      }),
  };
}
