import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bySpecificity, compileGlob, fitsStars, globProblem } from '#base/glob.ts';

test.each([
  ['app', 'app', true],
  ['app', 'apps', false],
  ['app', 'my/app', false],
  ['*', 'app', true],
  ['*', '', true],
  ['*', 'team-a/app', false],
  ['**', 'team-a/app', true],
  ['**', '', true],
  ['team-a/*', 'team-a/app', true],
  ['team-a/*', 'team-a/tools/app', false],
  ['team-a/*', 'team-ab/app', false],
  ['team-a/**', 'team-a/tools/app', true],
  ['team-a/**', 'team-a', false],
  ['team-a/**', 'team-ab/app', false],
  ['**/app', 'a/b/app', true],
  ['**/app', 'app', false],
  ['*/app', 'a/app', true],
  ['*/app', 'a/b/app', false],
  ['a*c', 'abc', true],
  ['a*c', 'ac', true],
  ['a*c', 'abcd', false],
  ['a*c*', 'abcd', true],
  ['a**c', 'a/b/c', true],
  ['v?', 'v1', true],
  ['v?', 'v', false],
  ['v?', 'v/', false],
  ['v?', 'v12', false],
  ['v1.*', 'v1.2', true],
  // Unanchored, and with a dot for any character, this one is a trap of peers.
  ['v2.*', 'rev2x', false],
  ['v2.*', 'v2x', false],
  ['{main,release-*}', 'main', true],
  ['{main,release-*}', 'release-1', true],
  ['{main,release-*}', 'mainrelease-1', false],
  ['v{1,2}.{0,1}', 'v2.1', true],
  ['v{1,2}.{0,1}', 'v3.1', false],
  ['v1{,-rc}', 'v1', true],
  ['a+b$', 'a+b$', true],
  ['a.b', 'axb', false],
])('%s against %s: %j', (pattern, text, fits) => {
  expect(compileGlob(pattern).matches(text)).toBe(fits);
});

test.each(['', 'v[12]', String.raw`v\*`, '{a', 'a}', '{a,{b,c}}', '{a,b}'.repeat(9), 'a'.repeat(1025)])(
  'refuses %s',
  (pattern) => {
    expect(globProblem(pattern)).toMatch(/^expected /);
    expect(() => compileGlob(pattern)).toThrow(/^expected /);
  },
);

test('matches as a plain search through all ways does', () => {
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', '**', '?'), minLength: 1, maxLength: 8 });
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 8 });
  fc.assert(
    fc.property(pattern, text, (glob, name) => {
      expect(compileGlob(glob).matches(name)).toBe(naively(glob, name));
    }),
    { numRuns: 2000 },
  );
});

/** Tries every way. */
function naively(glob: string, text: string): boolean {
  if (glob === '') return text === '';
  const [head = ''] = glob;
  if (head === '*') {
    const stars = /^\*+/.exec(glob)?.[0].length ?? 1;
    const rest = glob.slice(stars);
    if (naively(rest, text)) return true;
    return text !== '' && (stars > 1 || !text.startsWith('/')) && naively(glob, text.slice(1));
  }
  if (text === '') return false;
  return (head === '?' ? !text.startsWith('/') : text.startsWith(head)) && naively(glob.slice(1), text.slice(1));
}

test('no pattern makes it slow', () => {
  const glob = compileGlob(`${'a*'.repeat(200)}b`);
  const started = performance.now();
  expect(glob.matches('a'.repeat(255))).toBe(false);
  // A backtracking expression would not come back at all.
  expect(performance.now() - started).toBeLessThan(500);
});

describe('the more specific pattern', () => {
  const sorted = ['team-a/app', 'team-a/app*', 'team-a/*', 'team-a/**', 'team-a*/**', '*/app', '*', '**/a', '**'];

  test('comes first, in whatever order they were written', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(sorted, { minLength: sorted.length }), (shuffled) => {
        const globs = shuffled.map(compileGlob).toSorted(bySpecificity);
        expect(globs.map(({ pattern }) => pattern)).toEqual([
          'team-a/app',
          'team-a/app*',
          'team-a/*',
          'team-a/**',
          'team-a*/**',
          '*/app',
          '**/a',
          '*',
          '**',
        ]);
      }),
    );
  });

  test('is neither of two that say as much', () => {
    expect(bySpecificity(compileGlob('team-a/**'), compileGlob('team-b/**'))).toBe(0);
  });
});

test.each([
  ['refs/*/main', 'refs/heads/main', true],
  ['refs/*', 'refs/heads/main', false],
  ['refs/**', 'refs/heads/main', true],
  ['v?', 'v?', true],
  ['v?', 'v1', false],
  ['{a,b}', '{a,b}', true],
  ['{a,b}', 'a', false],
  ['[a]', '[a]', true],
  ['', '', true],
  ['', 'a', false],
])('with stars alone %j to %j: %s', (pattern, text, isFit) => {
  expect(fitsStars(pattern, text)).toBe(isFit);
});
