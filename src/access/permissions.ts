/**
 * Everything there is to be allowed, smallest first. A fixed set: roles are named sets of these, and nothing else is.
 *
 * - `pull`: read manifests, blobs, tags and referrers, and see the repository in lists
 * - `attach`: add signatures and attestations to an image that exists, and nothing else
 * - `push`: write blobs, manifests and tags
 * - `untag`: delete tags
 * - `delete`: delete manifests and blobs by digest, which takes every tag on them
 * - `grant`: give and take roles and robots, and read the audit trail, within the scope of the grant
 * - `system`: users, groups, keys and the whole audit trail
 */
export const PERMISSIONS = ['pull', 'attach', 'push', 'untag', 'delete', 'grant', 'system'] as const;

export type Permission = (typeof PERMISSIONS)[number];

/** The roles there are, and what each may do. */
export const ROLES = {
  'registry-viewer': ['pull'],
  'registry-signer': ['pull', 'attach'],
  'registry-editor': ['pull', 'attach', 'push', 'untag'],
  'registry-admin': ['pull', 'attach', 'push', 'untag', 'delete', 'grant'],
  'system-admin': ['pull', 'attach', 'push', 'untag', 'delete', 'grant', 'system'],
} as const satisfies Record<string, readonly Permission[]>;

export type Role = keyof typeof ROLES;

export const ROLE_NAMES: readonly Role[] = Object.keys(ROLES).filter(isRole);

function isRole(text: string): text is Role {
  return Object.hasOwn(ROLES, text);
}

export function isPermission(text: string): text is Permission {
  return PERMISSIONS.some((permission) => permission === text);
}

/** Several permissions as one number: a bit for each. */
export type PermissionSet = number;

export function setOf(permissions: readonly Permission[]): PermissionSet {
  let set = 0;
  for (const permission of permissions) set |= BITS[permission];
  return set;
}

export function includes(set: PermissionSet, permission: Permission): boolean {
  return (set & BITS[permission]) !== 0;
}

/** The permissions of a set, smallest first. */
export function listed(set: PermissionSet): Permission[] {
  return PERMISSIONS.filter((permission) => includes(set, permission));
}

const BITS: Readonly<Record<Permission, number>> = {
  pull: 1,
  attach: 2,
  push: 4,
  untag: 8,
  delete: 16,
  grant: 32,
  system: 64,
};

/** Every permission there is. */
export const EVERYTHING: PermissionSet = setOf(PERMISSIONS);

const SETS: ReadonlyMap<string, PermissionSet> = new Map(
  Object.entries(ROLES).map(([role, permissions]) => [role, setOf(permissions)]),
);

/** What a role may do. A role that is not known, as in a database of a newer version, may do nothing. */
export function permissionsOf(role: string): PermissionSet {
  return SETS.get(role) ?? 0;
}
