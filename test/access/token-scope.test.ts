import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PERMISSIONS, ROLES, type Role } from '#access/permissions.ts';
import { Rights } from '#access/rights.ts';
import { Session } from '#access/session.ts';
import { narrow, parseScopes, scopeFor, tokenScopeOf } from '#access/token-scope.ts';

/** What somebody with a role everywhere gets of what they ask for. */
function given(role: Role | undefined, texts: readonly string[], isAnonymous = false): string[] | undefined {
  const rights = new Rights(role === undefined ? [] : [{ role, scope: '*' }]);
  const requested = parseScopes(texts);
  return requested === undefined
    ? undefined
    : narrow(requested, rights, isAnonymous).map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`);
}

describe('scopes', () => {
  test.each<[string, string[], string[]]>([
    ['none', [], []],
    ['an empty one', [''], []],
    ['spaces', ['   '], []],
    ['one', ['repository:a/b:pull'], ['repository a/b pull']],
    ['several in one', ['repository:a:pull repository:b:push,pull'], ['repository a pull', 'repository b push,pull']],
    ['several', ['repository:a:pull', 'repository:b:pull'], ['repository a pull', 'repository b pull']],
    ['a class', ['repository(plugin):a:pull'], ['repository a pull']],
    ['a port in the name', ['repository:host:5000/a:pull'], ['repository host:5000/a pull']],
    ['no action', ['repository:a:'], ['repository a ']],
    ['empty actions', ['repository:a:,pull,'], ['repository a pull']],
    ['a star', ['registry:catalog:*'], ['registry catalog *']],
    ['an odd type', ['x9:y:z'], ['x9 y z']],
  ])('may be %s', (_, texts, want) => {
    expect(parseScopes(texts)?.map(({ type, name, actions }) => `${type} ${name} ${actions.join(',')}`)).toEqual(want);
  });

  test.each<[string, string[]]>([
    ['a word', ['repository']],
    ['two words', ['repository:a']],
    ['no type', [':a:pull']],
    ['no name', ['repository::pull']],
    ['an upper-case type', ['Repository:a:pull']],
    ['an odd action', ['repository:a:pull;push']],
    ['an unclosed class', ['repository(plugin:a:pull']],
    ['a tab', ['repository:a:pull\trepository:b:pull']],
    ['a line break', ['repository:a\n:pull']],
    ['one bad of two', ['repository:a:pull', 'x']],
    ['more than fifty', Array.from({ length: 51 }, (_, index) => `repository:a${index}:pull`)],
    ['more than fifty in one', [Array.from({ length: 51 }, (_, index) => `repository:a${index}:pull`).join(' ')]],
    ['longer than a kilobyte', [`repository:${'a'.repeat(1020)}:pull`]],
  ])('may not be %s', (_, texts) => {
    expect(parseScopes(texts)).toBeUndefined();
  });

  test('are read in no time, however they are made', () => {
    // Backtracking would take longer than any test may.
    for (const text of [
      `a:${':'.repeat(64_000)}`,
      'a('.repeat(32_000),
      `a:${'b:'.repeat(32_000)}!`,
      ' '.repeat(64_000),
    ]) {
      expect(parseScopes([text])?.length ?? 0).toBe(0);
    }
  });
});

describe('of what was asked one gets', () => {
  test.each<[Role | undefined, string, string[]]>([
    [undefined, 'repository:a:pull,push,delete,*', []],
    ['registry-viewer', 'repository:a:pull,push', ['repository:a:pull']],
    ['registry-viewer', 'repository:a:push', []],
    ['registry-viewer', 'repository:a:*', ['repository:a:pull']],
    ['registry-signer', 'repository:a:pull,push', ['repository:a:pull,attach']],
    ['registry-signer', 'repository:a:push', ['repository:a:attach']],
    ['registry-editor', 'repository:a:push', ['repository:a:attach,push']],
    ['registry-editor', 'repository:a:attach', ['repository:a:attach']],
    ['registry-editor', 'repository:a:delete', ['repository:a:untag']],
    ['registry-editor', 'repository:a:*', ['repository:a:pull,attach,push,untag']],
    ['registry-admin', 'repository:a:delete', ['repository:a:untag,delete']],
    ['registry-admin', 'repository:a:untag', ['repository:a:untag']],
    ['system-admin', 'repository:a:*', ['repository:a:pull,attach,push,untag,delete']],
    ['system-admin', 'repository:a:grant,system,admin,constructor,toString,valueOf', []],
    ['system-admin', 'repository:a:PULL', []],
    ['system-admin', 'repository:A:pull', []],
    ['system-admin', 'repository:a/../b:pull', []],
    ['system-admin', 'repository:a/:pull', []],
    ['system-admin', 'repository:*:*', []],
    ['system-admin', 'plugin:a:pull', []],
    ['system-admin', 'registry:catalog:*', ['registry:catalog:*']],
    ['system-admin', 'registry:catalog:pull', []],
    ['system-admin', 'registry:api:*', ['registry:api:*']],
    ['system-admin', 'registry:api:pull', []],
    ['system-admin', 'registry:everything:*', []],
    ['system-admin', 'repository:a:pull repository:a:push', ['repository:a:pull,attach,push']],
  ])('as %s of %s', (role, asked, want) => {
    expect(given(role, [asked])).toEqual(want);
  });

  test('no API as nobody', () => {
    expect(given('registry-viewer', ['registry:api:*', 'registry:catalog:*'], true)).toEqual(['registry:catalog:*']);
  });

  test('never more than was granted, whatever is asked', () => {
    const action = fc.constantFrom('pull', 'push', 'attach', 'delete', 'untag', '*', 'grant', 'system', 'x');
    const asked = fc.record({
      type: fc.constantFrom('repository', 'registry', 'x'),
      name: fc.constantFrom('a/x', 'a/y', 'b/x', 'catalog', 'api', 'A', 'a/'),
      actions: fc.array(action, { maxLength: 4 }),
    });
    const role = fc.constantFrom(...(Object.keys(ROLES) as Role[]));
    fc.assert(
      fc.property(
        fc.array(asked, { maxLength: 5 }),
        role,
        fc.constantFrom('*', 'a/', 'a/x'),
        (requested, of, scope) => {
          const rights = new Rights([{ role: of, scope }]);
          const token = tokenScopeOf(narrow(requested, rights, false));
          const session = new Session({ name: 'x', kind: 'user' }, Rights.full, token);
          for (const repository of ['a/x', 'a/y', 'b/x', 'catalog', 'api']) {
            const asking = requested.filter(({ type, name }) => type === 'repository' && name === repository);
            for (const permission of PERMISSIONS) {
              if (!session.may(permission, repository)) continue;
              expect([permission, rights.has(permission, repository)]).toEqual([permission, true]);
              expect(asking.length).toBeGreaterThan(0);
              expect(['grant', 'system']).not.toContain(permission);
            }
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('what a token says', () => {
  test('is held to its words, even where this Gatehouse would not have written them', () => {
    const scope = tokenScopeOf([
      { type: 'repository', name: 'a', actions: ['pull', 'x', 'constructor'] },
      { type: 'repository', name: '*', actions: ['push'] },
      { type: 'registry', name: 'other', actions: ['*'] },
      { type: 'repository', name: 'catalog', actions: ['*'] },
    ]);
    expect([...scope.repositories.values(), scope.catalog, scope.api]).toEqual([1, 4, 0, false, false]);
    const session = new Session({ name: 'x', kind: 'user' }, Rights.full, scope);
    expect(['a', 'b', '*'].map((repository) => session.may('push', repository))).toEqual([false, false, true]);
  });

  test('lets through what the challenge says would do', () => {
    for (const role of Object.keys(ROLES) as Role[]) {
      const rights = new Rights([{ role, scope: '*' }]);
      for (const permission of ['pull', 'attach', 'push', 'untag', 'delete'] as const) {
        const access = narrow(parseScopes([scopeFor(permission, 'a/b')]) ?? [], rights, false);
        const session = new Session({ name: 'x', kind: 'user' }, rights, tokenScopeOf(access));
        expect([role, permission, session.may(permission, 'a/b')]).toEqual([
          role,
          permission,
          rights.has(permission, 'a/b'),
        ]);
      }
    }
    expect([scopeFor('grant', 'a'), scopeFor('system', 'a')]).toEqual(['registry:api:*', 'registry:api:*']);
  });
});
