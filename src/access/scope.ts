import type { NameRange } from '#metadata/repositories.ts';
import { isName } from '#oci/name.ts';

/**
 * Where a grant holds, as it is written and stored: `*` for every repository, `team-a/` for every repository under
 * team-a, `team-a/app` for that one. No repository's name has a star or ends in a slash, so a scope says what it is.
 */
export type Scope = string;

/** Every repository, and what belongs to none. */
export const EVERYWHERE: Scope = '*';

/** Whether the text is a scope. */
export function isScope(text: string): boolean {
  return text === EVERYWHERE || isName(text.endsWith('/') ? text.slice(0, -1) : text);
}

export function isNamespace(scope: Scope): boolean {
  return scope.endsWith('/');
}

/** Whether everything in `inner` lies in `outer`. */
export function covers(outer: Scope, inner: Scope): boolean {
  if (outer === EVERYWHERE || outer === inner) return true;
  return isNamespace(outer) && inner.startsWith(outer);
}

/** A scope in words. */
export function scopeText(scope: Scope): string {
  if (scope === EVERYWHERE) return 'every repository';
  return isNamespace(scope) ? `every repository under ${scope}` : `repository ${scope}`;
}

/**
 * The names that lie in any of the scopes, as ranges in byte order that do not touch; undefined when that is every name.
 */
export function rangesOf(scopes: readonly Scope[]): readonly NameRange[] | undefined {
  if (scopes.includes(EVERYWHERE)) return undefined;
  const outermost = scopes.filter((scope) => !scopes.some((other) => other !== scope && covers(other, scope)));
  return [...new Set(outermost)].sort(byBytes).map(rangeOf);
}

/** `0` follows `/`, and `!` comes before everything that can go on a name: so these hold what they should and no more. */
function rangeOf(scope: Scope): NameRange {
  return isNamespace(scope) ? { from: scope, before: `${scope.slice(0, -1)}0` } : { from: scope, before: `${scope}!` };
}

function byBytes(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
