import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, closeSync, constants, openSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** A program with its arguments. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

// Every process the bench started and that still runs: only these are ever ended.
const running = new Set<ChildProcess>();
let isEnding = false;

/** Starts a program whose output goes to a file. */
export function launch(command: Command, logFile: string): ChildProcess {
  const log = openSync(logFile, 'a');
  try {
    return track(spawn(command.program, command.args, { env: environment(command), stdio: ['ignore', log, log] }));
  } finally {
    closeSync(log);
  }
}

/** Runs a program to its end and returns what it printed. @throws {Error} it failed, or took more than `limitSeconds` */
export async function run(command: Command, limitSeconds: number): Promise<string> {
  const child = track(
    spawn(command.program, command.args, { env: environment(command), stdio: ['ignore', 'pipe', 'pipe'] }),
  );
  const timer = setTimeout(() => child.kill('SIGKILL'), limitSeconds * 1000);
  let output = '';
  let complaints = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  try {
    const [code, signal] = await once(child, 'close');
    if (code === 0) return output;
    const end = complaints.trim().split('\n').slice(-5).join('\n');
    throw new Error(
      `expected ${command.program} to succeed within ${limitSeconds} s, found ${signal ?? `exit ${code}`}: ${end}`,
    );
  } finally {
    clearTimeout(timer);
  }
}

/** Asks a process to end, then makes it. */
export async function stop(child: ChildProcess): Promise<void> {
  if (!running.has(child)) return;
  const ended = once(child, 'close');
  child.kill('SIGTERM');
  const late = await Promise.race([ended.then(() => false), wait(5000, true, { ref: false })]);
  if (!late) return;
  child.kill('SIGKILL');
  await ended;
}

/** Removes the folder and ends every process of ours when the bench ends, however it ends. */
export function cleanUpAtExit(folder: string): void {
  process.on('exit', () => {
    for (const child of running) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.once(signal, () => {
      isEnding = true;
      process.stderr.write(`\n${signal}: ending ${running.size} processes and removing ${folder}\n`);
      // SIGTERM first: only a polite end takes nginx's workers along.
      void Promise.allSettled([...running].map(stop)).then(() => process.exit(code));
    });
  }
}

/** Finds a program on PATH. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  const candidates = name.includes('/') ? [name] : folders.map((folder) => join(folder, name));
  return candidates.find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function environment(command: Command): NodeJS.ProcessEnv {
  return { ...process.env, ...command.env };
}

function track<Child extends ChildProcess>(child: Child): Child {
  running.add(child);
  // A measure that goes on for a moment after the signal must not leave a process behind.
  if (isEnding) child.kill('SIGTERM');
  const forget = (): void => {
    running.delete(child);
  };
  // A program that cannot be started never closes; its `error` reaches whoever waits with `once`.
  child.once('close', forget).once('error', forget);
  return child;
}
