import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { UsageError } from './usage.ts';

/** Where a password is to come from. */
export interface PasswordSource {
  readonly passwordStdin?: boolean | undefined;
}

/**
 * Reads a password from standard input, or asks for it twice on a terminal without showing it.
 *
 * @returns an empty text when nothing was typed
 * @throws {UsageError} no terminal and no `--password-stdin`, or two different answers
 */
export async function readPassword({ passwordStdin }: PasswordSource, question: string): Promise<string> {
  const password = await readKnownPassword({ passwordStdin }, question);
  if (password === '' || passwordStdin === true) return password;
  if ((await ask('Once more: ')) !== password) throw new UsageError('the two passwords differ');
  return password;
}

/**
 * The same for a password that exists already, and is asked for once.
 *
 * @throws {UsageError} no terminal and no `--password-stdin`
 */
export async function readKnownPassword({ passwordStdin }: PasswordSource, question: string): Promise<string> {
  // The line break belongs to `echo`, not to the password.
  if (passwordStdin === true) return (await text(process.stdin)).replace(/\r?\n$/, '');
  if (process.stdin.isTTY) return await ask(`${question}: `);
  throw new UsageError('there is no terminal to ask for the password: pipe it in and add --password-stdin');
}

async function ask(question: string): Promise<string> {
  process.stderr.write(question);
  // What readline echoes goes nowhere.
  const silence = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silence, terminal: true, historySize: 0 });
  try {
    return await new Promise<string>((resolve, reject) => {
      terminal.once('line', resolve);
      terminal.once('close', () => reject(new UsageError('no password was given')));
    });
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}
