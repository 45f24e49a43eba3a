import { bcryptFault } from './bcrypt.ts';

/** What a file of htpasswd holds. */
export interface Htpasswd {
  /** In the order of the file, no name twice. */
  readonly entries: readonly HtpasswdEntry[];
  /** Lines that are not among the entries, in the order of the file; none repeats a hash. */
  readonly problems: readonly HtpasswdProblem[];
}

/** A user and their password's bcrypt hash, as `verifyPassword` takes it. */
export interface HtpasswdEntry {
  readonly name: string;
  readonly hash: string;
}

/** Why a line gives no user, and what to do about it. */
export interface HtpasswdProblem {
  /** Counted from one. */
  readonly line: number;
  readonly problem: string;
}

interface Line {
  readonly line: number;
  readonly name: string;
  readonly hash: string;
}

// As users.ts has it for users created here.
const NAME = /^[a-z0-9][a-z0-9._@-]{0,63}$/;

// What htpasswd and its kin make besides bcrypt, by how it begins.
const OTHER_SCHEMES: readonly (readonly [RegExp, string])[] = [
  [/^\$apr1\$/, "Apache's MD5 (htpasswd -m, its default)"],
  [/^\{SHA\}/i, 'unsalted SHA-1 (htpasswd -s)'],
  [/^\{/, 'a hash of a directory server'],
  [/^\$5\$/, 'crypt with SHA-256 (htpasswd -2)'],
  [/^\$6\$/, 'crypt with SHA-512 (htpasswd -5)'],
  [/^\$1\$/, 'crypt with MD5'],
  [/^\$argon2/, 'Argon2'],
  [/^\$2x\$/, 'bcrypt of a faulty old version'],
];

/**
 * Reads the file that `docker-registry` keeps its users in: lines of `name:hash`, blank lines and lines that begin with #
 * aside.
 *
 * As there, only bcrypt counts, and of two lines with one name the last.
 */
export function parseHtpasswd(text: string): Htpasswd {
  const problems: HtpasswdProblem[] = [];
  const lines: Line[] = [];
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const line = index + 1;
    const content = raw.trim();
    if (content === '' || content.startsWith('#')) continue;
    const colon = content.indexOf(':');
    if (colon === -1) problems.push({ line, problem: 'expected name:hash, found no colon' });
    else lines.push({ line, name: content.slice(0, colon), hash: content.slice(colon + 1) });
  }
  const lastOf = new Map(lines.map(({ name, line }) => [name, line]));
  const entries: HtpasswdEntry[] = [];
  for (const { line, name, hash } of lines) {
    const problem = faultOf({ line, name, hash }, lastOf.get(name) ?? line);
    if (problem === undefined) entries.push({ name, hash });
    else problems.push({ line, problem });
  }
  return { entries, problems: problems.toSorted((one, other) => one.line - other.line) };
}

function faultOf({ line, name, hash }: Line, last: number): string | undefined {
  if (!NAME.test(name)) {
    return `expected a user name of 1 to 64 of a-z 0-9 . _ @ - that begins with a letter or digit, found ${shown(name)}; rename it in the file and tell its owner`;
  }
  if (line !== last) {
    return `${name} stands again in line ${last}, which is the one that counts; remove one of them`;
  }
  const fault = bcryptFault(hash);
  if (fault === undefined) return undefined;
  const scheme = OTHER_SCHEMES.find(([form]) => form.test(hash))?.[1];
  const found = scheme === undefined ? '' : `, found ${scheme}`;
  return `${name}: ${fault}${found}; make the line anew with htpasswd -B, or create the user here`;
}

/** A name as it is shown. One that is too long to be a name may be a hash that lost its place. */
function shown(name: string): string {
  return name.length <= 64 && !/[$={}]/.test(name) ? JSON.stringify(name) : `${name.length} characters`;
}
