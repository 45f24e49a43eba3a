import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Version, compareVersions, parseVersion } from '#base/semver.ts';

const version = (text: string): Version => parseVersion(text) ?? { core: ['0', '0', '0'], prerelease: ['unreadable'] };

// Semantic Versioning 2.0.0, section 11, and what tags add to it.
const ASCENDING = [
  '0.0.1-0.3.7',
  '0.0.1',
  '0.9.0',
  '0.10.0',
  '1.0.0-alpha',
  '1.0.0-alpha.1',
  '1.0.0-alpha.beta',
  '1.0.0-beta',
  '1.0.0-beta.2',
  '1.0.0-beta.11',
  '1.0.0-rc.1',
  'v1.0.0',
  '1.0.1',
  'v1.2.0',
  '2.0.0',
  '2.1.0',
  '2.1.1',
  '10.0.0',
  '99999999999999999999.0.0',
];

test('puts any shuffled versions in the order of the specification', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(ASCENDING, { minLength: ASCENDING.length }), (shuffled) => {
      expect(shuffled.toSorted((one, other) => compareVersions(version(one), version(other)))).toEqual(ASCENDING);
    }),
  );
});

test.each([
  ['v1.0.0', '1.0.0'],
  ['1.0.0+build.1', '1.0.0+build.2'],
  ['1.0.0_build', '1.0.0'],
  ['1.0.0-rc.1+5', '1.0.0-rc.1'],
])('%s and %s take the same place', (one, other) => {
  expect(compareVersions(version(one), version(other))).toBe(0);
});

test.each([
  'latest',
  '1.27',
  '1',
  'v',
  'V1.0.0',
  'vv1.0.0',
  '01.0.0',
  '1.0.0-01',
  '1.0.0-',
  '1.0.0-a..b',
  '1.0.0.0',
  '1.0.0 ',
  '',
  '-1.0.0',
])('%j is no version', (text) => {
  expect(parseVersion(text)).toBeUndefined();
});
