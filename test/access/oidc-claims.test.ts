import { describe, expect, test } from 'vitest';
import { GITHUB_CLAIMS, openScene, outcome, refusal } from './oidc-scene.ts';

describe('a name', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['ci:{a}', { a: 'x/y@z.é' }, 'ci:x/y@z.é'],
    ['ci:{a}', { a: 7 }, 'ci:7'],
    ['ci:{a}', { a: true }, 'ci:true'],
    ['ci:{a}', {}, 'claim'],
    ['ci:{a}', { a: '' }, 'claim'],
    ['ci:{a}', { a: null }, 'claim'],
    ['ci:{a}', { a: ['x'] }, 'claim'],
    ['ci:{a}', { a: { b: 'x' } }, 'claim'],
    ['ci:{a}', { a: 1.5 }, 'claim'],
    ['ci:{a}', { a: 2 ** 53 }, 'claim'],
    ['ci:{a}', { a: 'x y' }, 'claim'],
    ['ci:{a}', { a: 'x\n' }, 'claim'],
    ['ci:{a}', { a: 'x\u0000' }, 'claim'],
    ['ci:{a}', { a: 'x\u200b' }, 'claim'],
    ['ci:{a}', { a: 'x\u202ey' }, 'claim'],
    ['ci:{a}', { a: 'x\u00a0y' }, 'claim'],
    ['ci:{a}', { a: 'x'.repeat(256) }, `ci:${'x'.repeat(256)}`],
    ['ci:{a}', { a: 'x'.repeat(257) }, 'claim'],
    ['ci:{a}/{b}/{c}', { a: 'x'.repeat(200), b: 'y'.repeat(200), c: 'z'.repeat(200) }, 'claim'],
    ['ci:{toString}', {}, 'claim'],
    ['ci:{a.b}', { a: { b: 'nested' } }, 'ci:nested'],
    ['ci:{a.b}', { 'a.b': 'whole', a: { b: 'nested' } }, 'ci:whole'],
    ['ci:{a.b.c}', { 'a.b': { c: 'longest' }, a: { b: { c: 'nested' } } }, 'ci:longest'],
    ['ci:{a.b.c}', { 'a.b': {}, a: { 'b.c': 'found' } }, 'ci:found'],
    ['ci:{a.b}', { a: ['x'], b: 'x' }, 'claim'],
    ['ci:{a.length}', { a: 'text' }, 'claim'],
    ['ci:{a}:{b}', { a: 'x', b: 'y' }, 'ci:x:y'],
    ['ci:{a}:{b}', { a: 'x:y', b: 'z' }, 'claim'],
    ['ci:{a}:{b}', { a: 'x', b: 'y:z' }, 'claim'],
    ['ci:{a}::{b}', { a: 'x:', b: 'y' }, 'claim'],
    ['ci:{a}::{b}', { a: 'x', b: ':y' }, 'ci:x:::y'],
    ['ci:at/{a}@{b}!', { a: 'x', b: 'y!' }, 'ci:at/x@y!!'],
  ])('made with %s of %j is %s', async (user, claims, expected) => {
    await using scene = await openScene({ user });
    expect(await outcome(scene.oidc.verify(await scene.issuer.token(claims)))).toBe(expected);
  });

  test('that cannot be made is refused with the claim it lacks', async () => {
    await using scene = await openScene({ user: 'ci:{repository}' });
    const token = await scene.issuer.token();
    expect((await refusal(scene.oidc.verify(token))).message).toBe('expected the claim repository, found none');
  });

  test.each([
    ['system:serviceaccount:a:b', 'system:serviceaccount:a:b'],
    ['system:serviceaccount:a-1:b.c-d.e', 'system:serviceaccount:a-1:b.c-d.e'],
    [
      `system:serviceaccount:${'a'.repeat(63)}:${'b'.repeat(253)}`,
      `system:serviceaccount:${'a'.repeat(63)}:${'b'.repeat(253)}`,
    ],
    [`system:serviceaccount:${'a'.repeat(64)}:b`, 'claim'],
    [`system:serviceaccount:a:${'b'.repeat(254)}`, 'claim'],
    ['system:serviceaccount:a.b:c', 'claim'],
    ['system:serviceaccount:a', 'claim'],
    ['system:serviceaccount:a:b:c', 'claim'],
    ['system:serviceaccount:A:b', 'claim'],
    ['system:serviceaccount::b', 'claim'],
    ['system:serviceaccount:a:b.', 'claim'],
    ['system:serviceaccount:a:b\n', 'claim'],
    ['x system:serviceaccount:a:b', 'claim'],
    ['system:node:a', 'claim'],
    ['admin', 'claim'],
  ])('of a service account with the subject %j is %s', async (sub, expected) => {
    await using scene = await openScene({ kind: 'kubernetes' });
    expect(await outcome(scene.oidc.verify(await scene.issuer.token({ sub })))).toBe(expected);
  });
});

describe('groups', () => {
  test.each<[string, unknown, readonly string[]]>([
    ['one text', 'devs', ['corp:devs']],
    ['a list', ['devs', 'ops'], ['corp:devs', 'corp:ops']],
    ['no claim', undefined, []],
    ['an empty list', [], []],
    ['what is no plain text among others', ['devs', 5, null, 'two words', '', 'x'.repeat(257), ['ops']], ['corp:devs']],
    ['one twice', ['devs', 'devs'], ['corp:devs']],
    ['a name that looks like ours', ['system:authenticated'], ['corp:system:authenticated']],
    [
      'too many',
      Array.from({ length: 250 }, (_, index) => `g${index}`),
      Array.from({ length: 200 }, (_, index) => `corp:g${index}`),
    ],
  ])('are taken from %s', async (_, groups, expected) => {
    await using scene = await openScene({ groups: { claim: 'groups', prefix: 'corp:' } });
    const { groups: found } = await scene.oidc.verify(await scene.issuer.token({ groups }));
    expect(found).toEqual(expected);
  });

  test.each([5, true, { devs: true }, null])('in the form %j are refused', async (groups) => {
    await using scene = await openScene({ groups: { claim: 'groups', prefix: 'corp:' } });
    expect(await outcome(scene.oidc.verify(await scene.issuer.token({ groups })))).toBe('claim');
  });
});

describe('a condition', () => {
  test.each<[string | string[], unknown, string]>([
    ['octo-org/app', 'octo-org/app', 'in'],
    ['octo-org/app', 'octo-org/app2', 'condition'],
    ['octo-org/app', 'evil/octo-org/app', 'condition'],
    ['octo-org/app', 'Octo-Org/App', 'condition'],
    ['octo-org/*', 'octo-org/app', 'in'],
    ['octo-org/*', 'octo-org/app/x', 'condition'],
    ['octo-org/*', 'my-octo-org/app', 'condition'],
    ['octo-org/*', 'evil/octo-org/app', 'condition'],
    ['octo-org/**', 'octo-org/app/x', 'in'],
    ['*', 'evil/app', 'condition'],
    ['**', 'evil/app', 'in'],
    ['repo:octo-org/*:ref:refs/heads/main', 'repo:octo-org/app:ref:refs/heads/main', 'in'],
    ['repo:octo-org/*:ref:refs/heads/main', 'repo:octo-org/app:ref:refs/heads/main2', 'condition'],
    ['v*.*', 'v1.2', 'in'],
    ['v*.*', 'v1', 'condition'],
    ['a.c', 'abc', 'condition'],
    ['a|b', 'a', 'condition'],
    ['[ab]', 'a', 'condition'],
    [['main', 'release/*'], 'release/1', 'in'],
    [['main', 'release/*'], 'feature/1', 'condition'],
    ['true', true, 'in'],
    ['7', 7, 'in'],
    ['**', undefined, 'claim'],
    ['**', ['main'], 'claim'],
    ['**', '', 'claim'],
  ])('%j judges %j: %s', async (pattern, value, expected) => {
    await using scene = await openScene({ user: 'ci:{login}', conditions: { ref: pattern } });
    const token = await scene.issuer.token({ login: 'someone', ref: value });
    expect(await outcome(scene.oidc.verify(token))).toBe(expected === 'in' ? 'ci:someone' : expected);
  });

  test('is one of several that must all hold', async () => {
    await using scene = await openScene({ conditions: { repository: 'octo-org/*', ref_protected: 'true' } });
    const refused = await scene.issuer.token({ ...GITHUB_CLAIMS, ref_protected: 'false' });
    expect(await outcome(scene.oidc.verify(refused))).toBe('condition');
    expect(await outcome(scene.oidc.verify(await scene.issuer.token({ ...GITHUB_CLAIMS, sub: 'x' })))).toBe('ci:x');
  });

  test('is judged at once however many stars it has', async () => {
    await using scene = await openScene({ user: 'ci:{login}', conditions: { ref: `${'*a'.repeat(60)}b` } });
    const token = await scene.issuer.token({ login: 'x', ref: 'a'.repeat(256) });
    // Backtracking would take longer than any test may.
    expect(await outcome(scene.oidc.verify(token))).toBe('condition');
  });
});
