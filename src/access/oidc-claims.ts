import { fitsStars } from '#base/glob.ts';
import { OidcError } from './oidc-errors.ts';
import type { OidcIssuer } from './oidc-options.ts';
import { type UserTemplate, fillTemplate, parseTemplate } from './user-template.ts';

/** What a verified token says. */
export type Claims = Readonly<Record<string, unknown>>;

/** Who a token's claims stand for. */
export interface Named {
  readonly name: string;
  readonly groups: readonly string[];
}

const VALUE_MAX_LENGTH = 256;
const NAME_MAX_LENGTH = 512;
const GROUPS_MAX = 200;

// Kubernetes: a namespace is an RFC 1123 label, the name of a service account an RFC 1123 subdomain.
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const SERVICE_ACCOUNT = new RegExp(
  `^system:serviceaccount:(?<namespace>${LABEL}):(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)(?:\\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$`,
);

/**
 * How claims of an issuer become a name.
 *
 * The function returned throws {OidcError} claim or condition when it cannot say, and then nobody comes in.
 */
export function openNaming(issuer: OidcIssuer): (claims: Claims) => Named {
  const template = issuer.user === undefined ? undefined : parseTemplate(issuer.user);
  return (claims) => {
    requireConditions(issuer, claims);
    if (template === undefined) return serviceAccount(claims);
    return { name: nameOf(template, claims), groups: groupsOf(issuer, claims) };
  };
}

function requireConditions({ conditions }: OidcIssuer, claims: Claims): void {
  for (const [claim, patterns] of Object.entries(conditions)) {
    const value = textOf(claims, claim);
    if (patterns.some((pattern) => fitsStars(pattern, value))) continue;
    throw new OidcError('condition', `expected ${claim} to fit ${patterns.join(' or ')}, found ${value}`);
  }
}

function nameOf(template: UserTemplate, claims: Claims): string {
  const values = template.parts.map(({ claim }) => textOf(claims, claim));
  const name = fillTemplate(template, values);
  if (name === undefined) {
    const named = template.parts.map(({ claim }) => claim).join(', ');
    throw new OidcError(
      'claim',
      `expected claims without the text that joins them (${named}), found ${values.join(', ')}`,
    );
  }
  if (name.length <= NAME_MAX_LENGTH) return name;
  throw new OidcError(
    'claim',
    `expected claims that make a name of ${NAME_MAX_LENGTH} characters, found ${name.length}`,
  );
}

/**
 * A group only ever adds rights, so whatever is doubtful is left out: no claim means no groups, names that are no plain
 * text count for nothing, and neither does what comes after the two hundredth.
 */
function groupsOf({ groups }: OidcIssuer, claims: Claims): readonly string[] {
  if (groups === undefined) return [];
  const found = claimAt(claims, groups.claim);
  if (found === undefined) return [];
  const list: unknown = typeof found === 'string' ? [found] : found;
  if (!Array.isArray(list)) {
    throw new OidcError('claim', `expected ${groups.claim} to be a list of texts, found ${kindOf(found)}`);
  }
  const names = list.filter((item) => typeof item === 'string').filter((text) => isPlain(text));
  return [...new Set(names)].slice(0, GROUPS_MAX).map((name) => `${groups.prefix}${name}`);
}

function serviceAccount(claims: Claims): Named {
  const name = textOf(claims, 'sub', 512);
  const namespace = SERVICE_ACCOUNT.exec(name)?.groups?.['namespace'];
  if (namespace === undefined) {
    throw new OidcError('claim', `expected sub to be system:serviceaccount:<namespace>:<name>, found ${name}`);
  }
  return { name, groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`] };
}

/** A claim's value as text that can be part of a name. */
function textOf(claims: Claims, claim: string, maxLength = VALUE_MAX_LENGTH): string {
  const value = claimAt(claims, claim);
  if (value === undefined) throw new OidcError('claim', `expected the claim ${claim}, found none`);
  if (!isScalar(value))
    throw new OidcError('claim', `expected ${claim} to be one text or number, found ${kindOf(value)}`);
  const text = String(value);
  if (isPlain(text, maxLength)) return text;
  const form = `1 to ${maxLength} visible characters without spaces`;
  throw new OidcError('claim', `expected ${claim} to be ${form}, found ${text.length} characters`);
}

function isScalar(value: unknown): value is string | number | boolean {
  // Beyond 2^53 several numbers of the token are one number here.
  return typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value);
}

/** No control characters, no spaces, none that is invisible or turns the direction of the text around. */
function isPlain(text: string, maxLength = VALUE_MAX_LENGTH): boolean {
  return text.length <= maxLength && /^[^\p{C}\p{Z}]+$/u.test(text);
}

/** Keys may hold dots themselves, as `kubernetes.io` does: the longest key that there is goes first. */
function claimAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  for (let dot = path.lastIndexOf('.'); dot > 0; dot = path.lastIndexOf('.', dot - 1)) {
    const key = path.slice(0, dot);
    const inner = Object.hasOwn(claims, key) ? claims[key] : undefined;
    const found = isRecord(inner) ? claimAt(inner, path.slice(dot + 1)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function isRecord(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (value === null) return 'null';
  return typeof value === 'object' ? 'keys of its own' : `a ${typeof value}`;
}
