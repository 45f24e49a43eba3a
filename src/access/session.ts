import type { Origin } from '#metadata/events.ts';
import type { NameRange } from '#metadata/repositories.ts';
import { type Permission, type PermissionSet, includes } from './permissions.ts';
import type { Rights } from './rights.ts';
import { type Scope, rangesOf } from './scope.ts';

/** Who somebody is, and how we know: `workload` by an OIDC issuer, `local` by sitting on the server. */
export interface Principal {
  readonly name: string;
  readonly kind: 'anonymous' | 'user' | 'robot' | 'workload' | 'certificate' | 'local';
}

/** What a token was asked for and given, which bounds what it can be used for. */
export interface TokenScope {
  readonly repositories: ReadonlyMap<string, PermissionSet>;
  /** Whether it may read the catalog. */
  readonly catalog: boolean;
  /** Whether it may be used for administration. */
  readonly api: boolean;
}

/** Somebody at the door, what they were granted, and what of it the credentials they came with can be used for. */
export class Session {
  readonly principal: Principal;
  readonly rights: Rights;
  /** Undefined for a password and everything else that stands for the whole person. */
  readonly token: TokenScope | undefined;

  constructor(principal: Principal, rights: Rights, token?: TokenScope) {
    this.principal = principal;
    this.rights = rights;
    this.token = token;
  }

  get isAnonymous(): boolean {
    return this.principal.kind === 'anonymous';
  }

  /** Whether they were granted it, whatever they came with. */
  holds(permission: Permission, scope: Scope): boolean {
    return this.rights.has(permission, scope);
  }

  /** Whether what they came with can be used for it; says nothing of whether they were granted it. */
  carries(permission: Permission, repository: string): boolean {
    if (this.token === undefined) return true;
    const given = this.token.repositories.get(repository);
    return given !== undefined && includes(given, permission);
  }

  /** Whether they may, here and now, with what they came with. */
  may(permission: Permission, repository: string): boolean {
    return this.holds(permission, repository) && this.carries(permission, repository);
  }

  /** The names of repositories they may see, as ranges; undefined when that is every name. */
  visible(): readonly NameRange[] | undefined {
    return rangesOf(this.rights.scopesWith('pull'));
  }
}

/** Somebody who asks for something, with what the audit trail will say of them. */
export interface Caller {
  readonly session: Session;
  readonly origin: Origin;
}
