import { Worker } from 'node:worker_threads';

const FORM = /^\$2[aby]\$(?<cost>\d{2})\$[./A-Za-z0-9]{53}$/;
// 4 is the least bcrypt knows. 17 keeps a core busy for ten seconds or so; more would be a way to keep us from working.
const LEAST_COST = 4;
const MOST_COST = 17;

/** A hash that `htpasswd -B` makes: `$2y$10$…`, and `$2a$` or `$2b$`, which are the same under older and newer names. */
export function isBcrypt(text: string): boolean {
  return bcryptFault(text) === undefined;
}

/** What keeps a text from being a bcrypt hash of a cost of 4 to 17, in words that do not repeat it. */
export function bcryptFault(text: string): string | undefined {
  const cost = FORM.exec(text)?.groups?.['cost'];
  if (cost === undefined) return 'expected a bcrypt hash of 60 characters that begins with $2y$, $2b$ or $2a$';
  const isWithin = Number(cost) >= LEAST_COST && Number(cost) <= MOST_COST;
  return isWithin ? undefined : `expected a bcrypt cost of ${LEAST_COST} to ${MOST_COST}, found ${Number(cost)}`;
}

/**
 * Whether this is the password that was hashed. As everywhere with bcrypt, only its first 72 bytes count.
 *
 * It runs in a thread of its own: bcryptjs is JavaScript and would hold up every other request for 70 ms at a time. The
 * thread takes 50 ms to begin and is gone with the answer, so who has no such hashes does not even load bcryptjs.
 */
export function verifyBcrypt(password: string, hash: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('bcrypt-worker.ts', import.meta.url), { workerData: { password, hash } });
    worker.once('message', (answer: unknown) => resolve(answer === true));
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('expected an answer of the bcrypt thread, found none')));
  });
}
