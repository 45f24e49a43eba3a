import type { Grant } from '#metadata/grants.ts';
import { EVERYTHING, type Permission, type PermissionSet, includes, permissionsOf } from './permissions.ts';
import { EVERYWHERE, type Scope, covers, isNamespace } from './scope.ts';

/** What somebody may do where: grants added up, ready to be asked on every request. */
export class Rights {
  #everywhere: PermissionSet = 0;
  readonly #places = new Map<Scope, PermissionSet>();

  /** @param bound outside this scope none of the grants gives anything: a robot's own scope */
  constructor(grants: readonly Pick<Grant, 'role' | 'scope'>[], bound: Scope = EVERYWHERE) {
    for (const { role, scope } of grants) {
      const within = covers(bound, scope) ? scope : covers(scope, bound) ? bound : undefined;
      if (within !== undefined) this.add(permissionsOf(role), within);
    }
  }

  /** Grants add up; there is nothing that takes away. */
  addAll(grants: readonly Pick<Grant, 'role' | 'scope'>[]): void {
    for (const { role, scope } of grants) this.add(permissionsOf(role), scope);
  }

  add(permissions: PermissionSet, scope: Scope): void {
    if (scope === EVERYWHERE) this.#everywhere |= permissions;
    else this.#places.set(scope, (this.#places.get(scope) ?? 0) | permissions);
  }

  /** Everything, everywhere. */
  static readonly full: Rights = Rights.#everything();

  static #everything(): Rights {
    const rights = new Rights([]);
    rights.add(EVERYTHING, EVERYWHERE);
    return rights;
  }

  /** Whether the permission holds in all of a scope; a repository's name is a scope. */
  has(permission: Permission, scope: Scope): boolean {
    if (includes(this.#everywhere, permission)) return true;
    if (this.#places.size === 0 || scope === EVERYWHERE) return false;
    const here = this.#places.get(scope);
    if (here !== undefined && includes(here, permission)) return true;
    const end = isNamespace(scope) ? scope.length - 1 : scope.length;
    for (let slash = scope.indexOf('/'); slash !== -1 && slash < end; slash = scope.indexOf('/', slash + 1)) {
      const above = this.#places.get(scope.slice(0, slash + 1));
      if (above !== undefined && includes(above, permission)) return true;
    }
    return false;
  }

  /** The scopes in which the permission holds; some may lie within others. */
  scopesWith(permission: Permission): Scope[] {
    if (includes(this.#everywhere, permission)) return [EVERYWHERE];
    return [...this.#places].filter(([, set]) => includes(set, permission)).map(([scope]) => scope);
  }
}
