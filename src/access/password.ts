import { type ScryptOptions, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { Turnstile, TurnstileFull } from '#base/turnstile.ts';
import { isBcrypt, verifyBcrypt } from './bcrypt.ts';
import { AccessError } from './errors.ts';

interface Cost {
  /** log2 of the number of rounds. */
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

// OWASP password storage, scrypt at 16 MiB: about a quarter of a second of one core each.
const COST: Cost = { ln: 14, r: 8, p: 5 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const LEAST_CHARACTERS = 8;
const MOST_CHARACTERS = 1024;

const FORM =
  /^\$scrypt\$ln=(?<ln>\d{1,2}),r=(?<r>\d{1,2}),p=(?<p>\d{1,2})\$(?<salt>[A-Za-z0-9+/]+)\$(?<hash>[A-Za-z0-9+/]+)$/;

// Two of the four threads libuv has: a crowd at the door must not keep blobs from the disk. 200 in line are half a minute;
// nobody waits longer for an answer.
const turnstile = new Turnstile(2, { waitingMax: 200 });

/**
 * Turns a password into `$scrypt$ln=14,r=8,p=5$salt$hash`, salted anew each time.
 *
 * @throws {AccessError} password-invalid, busy
 */
export async function hashPassword(password: string): Promise<string> {
  checkPassword(password);
  return await rehashPassword(password);
}

/**
 * Hashes a password that was right a moment ago, whatever its form: one that came from elsewhere may be shorter than
 * {@link checkPassword} asks of new ones.
 *
 * @throws {AccessError} busy
 */
export async function rehashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, { salt, cost: COST, length: HASH_BYTES });
  return formatHash(COST, salt, hash);
}

/**
 * Whether this is the password that was hashed, at the cost the hash was made with.
 *
 * @throws {Error} the text is neither a hash of {@link hashPassword} nor one of bcrypt
 * @throws {AccessError} busy
 */
export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  if (isBcrypt(stored)) return await inTurn(() => verifyBcrypt(password, stored));
  const { cost, salt, hash } = parseHash(stored);
  const candidate = await derive(password, { salt, cost, length: hash.length });
  return timingSafeEqual(candidate, hash);
}

/**
 * Whether a stored hash is weaker than those made today, as bcrypt is: replace it with {@link rehashPassword} once its
 * password is known to be right.
 *
 * @throws {Error} as {@link verifyPassword} does
 */
export function needsRehash(stored: string): boolean {
  if (isBcrypt(stored)) return true;
  const { cost } = parseHash(stored);
  return memoryOf(cost) < memoryOf(COST) || memoryOf(cost) * cost.p < memoryOf(COST) * COST.p;
}

/** A hash no password fits: checking against it takes as long as against a real one. */
export function impossibleHash(): string {
  return formatHash(COST, randomBytes(SALT_BYTES), randomBytes(HASH_BYTES));
}

/** @throws {AccessError} password-invalid unless it has 8 to 1024 characters, none of them a control character */
export function checkPassword(password: string): void {
  const { length } = password;
  if (length < LEAST_CHARACTERS || length > MOST_CHARACTERS) {
    const message = `expected a password of ${LEAST_CHARACTERS} to ${MOST_CHARACTERS} characters, found ${length}`;
    throw new AccessError('password-invalid', message);
  }
  // RFC 7617, section 2: Basic cannot carry them.
  if (/\p{Cc}/u.test(password)) {
    throw new AccessError(
      'password-invalid',
      'expected a password without control characters such as tab or line break',
    );
  }
}

function derive(password: string, work: { salt: Buffer; cost: Cost; length: number }): Promise<Buffer> {
  const { ln, r, p } = work.cost;
  const N = 2 ** ln;
  const options: ScryptOptions = { N, r, p, maxmem: 2 * 128 * N * r };
  return inTurn(
    () =>
      new Promise((resolve, reject) => {
        // NFC: the same é may be typed as one character or as two.
        scrypt(password.normalize('NFC'), work.salt, work.length, options, (error, key) => {
          if (error === null) resolve(key);
          else reject(error);
        });
      }),
  );
}

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await turnstile.run(work);
  } catch (error) {
    if (!(error instanceof TurnstileFull)) throw error;
    throw new AccessError('busy', 'too many passwords are waiting to be checked', { cause: error });
  }
}

/** Relative: the bytes are 128 times as many. */
function memoryOf({ ln, r }: Cost): number {
  return 2 ** ln * r;
}

function formatHash({ ln, r, p }: Cost, salt: Buffer, hash: Buffer): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(salt)}$${unpadded(hash)}`;
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

function parseHash(stored: string): { cost: Cost; salt: Buffer; hash: Buffer } {
  const { ln, r, p, salt = '', hash = '' } = FORM.exec(stored)?.groups ?? {};
  const cost = { ln: Number(ln), r: Number(r), p: Number(p) };
  const parsed = { cost, salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
  // 1 GiB is the most a stored cost may ask of us; a short hash would let anyone in by chance.
  const sound = cost.ln >= 1 && cost.ln <= 20 && cost.r >= 1 && cost.r <= 8 && cost.p >= 1 && parsed.hash.length >= 16;
  if (!sound) throw new Error('expected a password hash of the form $scrypt$ln=14,r=8,p=5$salt$hash, or one of bcrypt');
  return parsed;
}
