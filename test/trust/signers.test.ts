import { expect, test } from 'vitest';
import { peopleOf } from '#trust/signers.ts';

const people = (...signers: readonly (readonly string[])[]): string[][] =>
  peopleOf(signers.map((ids, index) => ({ name: `${index}`, ids }))).map(({ name, ids }) => [
    name,
    ...[...ids].toSorted(),
  ]);

test.each([
  [
    'strangers',
    [['a'], ['b']],
    [
      ['0', 'a'],
      ['1', 'b'],
    ],
  ],
  ['the same twice', [['a'], ['a']], [['0', 'a']]],
  [
    'one id in common',
    [
      ['a', 'b'],
      ['b', 'c'],
    ],
    [['0', 'a', 'b', 'c']],
  ],
  [
    'two that a third joins',
    [['a'], ['b'], ['c'], ['c', 'a']],
    [
      ['0', 'a', 'c'],
      ['1', 'b'],
    ],
  ],
  [
    'a chain',
    [
      ['a', 'b'],
      ['c', 'd'],
      ['b', 'c'],
    ],
    [['0', 'a', 'b', 'c', 'd']],
  ],
  ['nobody in particular', [[], ['a'], []], [['1', 'a']]],
  ['nobody at all', [], []],
])('%s: %j are %j', (_, signers, want) => {
  expect(people(...signers)).toEqual(want);
});
