import { isName } from '#oci/name.ts';
import { type Permission, isPermission, setOf } from './permissions.ts';
import type { Rights } from './rights.ts';
import type { TokenScope } from './session.ts';

/** One thing a token is asked for, or good for. Docker's token specification, "Requesting a Token". */
export interface ResourceActions {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

// Nothing asks for more than a push and a few mounts; a token that listed hundreds would not fit a header.
const SCOPES_MAX = 50;
const SCOPE_MAX_LENGTH = 1024;

/** What of a repository a token can be for. `grant` and `system` are of the API, which has a scope of its own. */
const REPOSITORY_PERMISSIONS = ['pull', 'attach', 'push', 'untag', 'delete'] as const satisfies readonly Permission[];

/** What each action that clients ask for means here. Somebody who may only attach gets that when asking to push. */
const MEANINGS: Readonly<Record<string, readonly Permission[]>> = {
  pull: ['pull'],
  push: ['push', 'attach'],
  attach: ['attach'],
  delete: ['delete', 'untag'],
  untag: ['untag'],
  '*': REPOSITORY_PERMISSIONS,
};

/**
 * Reads `scope` parameters: each may hold several scopes, separated by spaces. Undefined when one is no scope at all.
 *
 * `type(class):name:action,action`; the name may hold colons. Docker's token specification, "Token Scope".
 */
export function parseScopes(texts: readonly string[]): ResourceActions[] | undefined {
  const scopes = texts.flatMap((text) => text.split(' ')).filter((text) => text !== '');
  if (scopes.length > SCOPES_MAX) return undefined;
  const parsed: ResourceActions[] = [];
  for (const scope of scopes) {
    const match = /^(?<type>[a-z0-9]+)(?:\([a-z0-9]+\))?:(?<name>[^\s]+):(?<actions>[A-Za-z*,]*)$/.exec(scope)?.groups;
    if (scope.length > SCOPE_MAX_LENGTH || match === undefined) return undefined;
    const { type = '', name = '', actions = '' } = match;
    parsed.push({ type, name, actions: actions.split(',').filter((action) => action !== '') });
  }
  return parsed;
}

/**
 * What a token gets of what it was asked for: never more than was granted, and never an error for asking. What comes to
 * nothing is left out.
 */
export function narrow(requested: readonly ResourceActions[], rights: Rights, isAnonymous: boolean): ResourceActions[] {
  const granted = new Map<string, Set<string>>();
  const give = (type: string, name: string, actions: readonly string[]): void => {
    if (actions.length === 0) return;
    const key = `${type}:${name}`;
    granted.set(key, new Set([...(granted.get(key) ?? []), ...actions]));
  };
  for (const { type, name, actions } of requested) {
    if (type === 'repository' && isName(name)) {
      const meant = new Set(actions.flatMap((action) => MEANINGS[action] ?? []));
      give(
        type,
        name,
        REPOSITORY_PERMISSIONS.filter((one) => meant.has(one) && rights.has(one, name)),
      );
    }
    // Both are narrowed further when they are used: a list shows what one may see, the API asks for each act.
    if (type === 'registry' && name === 'catalog' && actions.includes('*')) give(type, name, ['*']);
    if (type === 'registry' && name === 'api' && actions.includes('*') && !isAnonymous) give(type, name, ['*']);
  }
  return Array.from(granted, ([key, actions]) => {
    const colon = key.indexOf(':');
    return { type: key.slice(0, colon), name: key.slice(colon + 1), actions: [...actions] };
  });
}

/** The access of a token, ready to be asked. */
export function tokenScopeOf(access: readonly ResourceActions[]): TokenScope {
  const repositories = new Map<string, number>();
  for (const { type, name, actions } of access) {
    if (type === 'repository') repositories.set(name, setOf(actions.filter(isPermission)));
  }
  const has = (wanted: string): boolean => access.some(({ type, name }) => type === 'registry' && name === wanted);
  return { repositories, catalog: has('catalog'), api: has('api') };
}

/** The scope that would let a request through, for its challenge. */
export function scopeFor(permission: Permission, repository: string): string {
  switch (permission) {
    case 'pull':
      return `repository:${repository}:pull`;
    case 'attach':
    case 'push':
      return `repository:${repository}:pull,push`;
    case 'untag':
    case 'delete':
      return `repository:${repository}:delete`;
    case 'grant':
    case 'system':
      return 'registry:api:*';
  }
}
