import { fitsStars } from '#base/glob.ts';

/*
 * Patterns for identities. `*` stands for any run of characters but /, `**` for any run; every other character for
 * itself. A pattern fits the whole identity or not at all, and none takes long, which no regular expression of Node
 * can promise.
 */

// Longer ones are nobody's: Fulcio puts the address of a workflow or of a mailbox there.
const IDENTITY_MAX = 4096;

const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/;

/** What is wrong with a pattern, or undefined. */
export function identityPatternProblem(pattern: string): string | undefined {
  if (/^\**$/.test(pattern)) return 'expected a pattern that says more than anybody';
  const beforePath = SCHEME.test(pattern) ? /^[^:]*:(?:\/\/[^/]*\/?)?/.exec(pattern)?.[0] : undefined;
  // https://*.example.com/ would fit https://evil.example?.example.com/, which is a host of somebody else.
  if (beforePath?.includes('*')) return 'expected no * before the path of an address';
  if (beforePath !== undefined && beforePath.includes('//') && !beforePath.endsWith('/')) {
    return 'expected a / behind the host of an address';
  }
  return undefined;
}

/** Whether the whole identity fits. An address fits only a pattern that names its scheme: `*@example.com` is for mail. */
export function fitsIdentity(pattern: string, identity: string): boolean {
  if (identity.length > IDENTITY_MAX || identityPatternProblem(pattern) !== undefined) return false;
  const scheme = SCHEME.exec(identity)?.[0];
  if (scheme !== undefined && !pattern.startsWith(scheme)) return false;
  return fitsStars(pattern, identity);
}
