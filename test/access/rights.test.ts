import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PERMISSIONS, type Permission, ROLES, type Role, listed, permissionsOf } from '#access/permissions.ts';
import { Rights } from '#access/rights.ts';
import { covers, isScope, rangesOf } from '#access/scope.ts';
import { Session } from '#access/session.ts';

// Few and alike: neighbours in every way that a comparison may get wrong.
const component = fc.constantFrom('a', 'b', 'ab', 'a-b', 'a.b', 'a_b', 'a0', '0');
const name = fc.array(component, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const scope = fc.oneof(
  fc.constant('*'),
  name,
  name.map((text) => `${text}/`),
);
const role = fc.constantFrom(...(Object.keys(ROLES) as Role[]));
const grant = fc.record({ role, scope });

/** Whether a repository lies in a scope, by its parts. */
function liesIn(repository: string, where: string): boolean {
  if (where === '*') return true;
  const parts = repository.split('/');
  if (!where.endsWith('/')) return where === repository;
  const outer = where.split('/').slice(0, -1);
  return parts.length > outer.length && outer.every((part, index) => part === parts[index]);
}

const gives = (one: { role: Role; scope: string }, permission: Permission, repository: string): boolean =>
  ROLES[one.role].some((given) => given === permission) && liesIn(repository, one.scope);

describe('rights', () => {
  test('are what any of the grants gives, and no more', () => {
    fc.assert(
      fc.property(fc.array(grant, { maxLength: 6 }), name, (grants, repository) => {
        const rights = new Rights(grants);
        const found = PERMISSIONS.filter((permission) => rights.has(permission, repository));
        const wanted = PERMISSIONS.filter((permission) => grants.some((one) => gives(one, permission, repository)));
        expect(found).toEqual(wanted);
      }),
      { numRuns: 3000 },
    );
  });

  test('lie within their bound, whatever was granted', () => {
    fc.assert(
      fc.property(fc.array(grant, { maxLength: 6 }), scope, name, (grants, bound, repository) => {
        const rights = new Rights(grants, bound);
        const found = PERMISSIONS.filter((permission) => rights.has(permission, repository));
        const wanted = liesIn(repository, bound)
          ? PERMISSIONS.filter((permission) => grants.some((one) => gives(one, permission, repository)))
          : [];
        expect(found).toEqual(wanted);
      }),
      { numRuns: 3000 },
    );
  });

  test('hold in a scope only if one grant holds in all of it', () => {
    fc.assert(
      fc.property(fc.array(grant, { maxLength: 4 }), scope, (grants, asked) => {
        const holds = new Rights(grants).has('grant', asked);
        const isCovered = grants.some(
          (one) =>
            ROLES[one.role].some((given) => given === 'grant') &&
            (one.scope === '*' || one.scope === asked || (one.scope.endsWith('/') && asked.startsWith(one.scope))),
        );
        expect(holds).toBe(isCovered);
      }),
      { numRuns: 2000 },
    );
  });

  test('of a role that is not known are none', () => {
    for (const unknown of ['', 'owner', 'constructor', '__proto__', 'toString', 'Registry-Admin', 'registry-admin ']) {
      expect([unknown, listed(permissionsOf(unknown))]).toEqual([unknown, []]);
    }
  });

  test('of each role are those of the smaller ones and more', () => {
    expect(ROLES).toEqual({
      'registry-viewer': ['pull'],
      'registry-signer': ['pull', 'attach'],
      'registry-editor': ['pull', 'attach', 'push', 'untag'],
      'registry-admin': ['pull', 'attach', 'push', 'untag', 'delete', 'grant'],
      'system-admin': ['pull', 'attach', 'push', 'untag', 'delete', 'grant', 'system'],
    });
    for (const [known, permissions] of Object.entries(ROLES)) expect(listed(permissionsOf(known))).toEqual(permissions);
  });
});

describe('a scope', () => {
  test('covers what lies in it', () => {
    fc.assert(
      fc.property(scope, name, (outer, inner) => {
        expect(covers(outer, inner)).toBe(liesIn(inner, outer));
      }),
    );
  });

  test.each(['*', 'a', 'a/', 'a/b', 'a/b/', 'team-a/'])('may be %j', (text) => {
    expect(isScope(text)).toBe(true);
  });

  test.each(['', '/', '//', '/a', 'a//', '**', '*/', 'a/*', 'A/', 'a/../', 'a b/', '.', 'a/\n', `${'a'.repeat(256)}/`])(
    'may not be %j',
    (text) => {
      expect(isScope(text)).toBe(false);
    },
  );
});

describe('the ranges of what one may see', () => {
  test('hold a name if and only if one of the scopes does', () => {
    fc.assert(
      fc.property(fc.array(scope, { maxLength: 6 }), name, (scopes, repository) => {
        const ranges = rangesOf(scopes);
        const isWithin =
          ranges === undefined || ranges.some(({ from, before }) => from <= repository && repository < before);
        expect(isWithin).toBe(scopes.some((one) => liesIn(repository, one)));
      }),
      { numRuns: 3000 },
    );
  });

  test('come in order and do not touch, so that no name comes twice', () => {
    fc.assert(
      fc.property(fc.array(scope, { maxLength: 8 }), (scopes) => {
        const ranges = rangesOf(scopes) ?? [];
        for (const [index, { from, before }] of ranges.entries()) {
          expect(from < before).toBe(true);
          expect((ranges[index - 1]?.before ?? '') <= from).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('are none for whoever may see nothing, and not everything', () => {
    const nobody = new Session({ name: 'x', kind: 'user' }, new Rights([]));
    expect(nobody.visible()).toEqual([]);
    expect(new Session({ name: 'x', kind: 'user' }, Rights.full).visible()).toBeUndefined();
  });
});

describe('a session', () => {
  test('may what was granted and the token is for, and nothing that only one of them says', () => {
    const rights = new Rights([{ role: 'registry-editor', scope: 'a/' }]);
    const token = {
      repositories: new Map([
        ['a/x', permissionsOf('registry-viewer')],
        ['b/x', permissionsOf('registry-admin')],
      ]),
      catalog: false,
      api: false,
    };
    const session = new Session({ name: 'x', kind: 'user' }, rights, token);
    const asked = (['pull', 'push', 'delete'] as const).flatMap((permission) =>
      ['a/x', 'a/y', 'b/x']
        .filter((repository) => session.may(permission, repository))
        .map((repository) => `${permission} ${repository}`),
    );
    expect(asked).toEqual(['pull a/x']);
  });
});
