import type { JsonNameParams } from '@peculiar/x509';
import { describe, expect, test } from 'vitest';
import { subjectContains, subjectProblem, subjectText } from '#trust/x509/subject.ts';
import { aCertificate } from './authority.ts';

async function certificateOf(subject: JsonNameParams) {
  return (await aCertificate(undefined, { subject })).certificate;
}

const ALICE: JsonNameParams = [
  { C: ['US'] },
  { ST: ['WA'] },
  { O: ['acme'] },
  { OU: ['a'] },
  { OU: ['b'] },
  { CN: ['alice'] },
];

describe('a subject', () => {
  test.each<[JsonNameParams, string]>([
    [ALICE, 'CN=alice,OU=b,OU=a,O=acme,ST=WA,C=US'],
    [[{ O: ['acme, inc.'] }, { CN: [{ utf8String: 'a+b="c"\\;<>' }] }], 'CN=a\\+b=\\"c\\"\\\\\\;\\<\\>,O=acme\\, inc.'],
    [[{ CN: [' alice '] }], 'CN=\\ alice\\ '],
    [[{ CN: [{ utf8String: '#alice' }] }], 'CN=\\#alice'],
    [[{ CN: ['älice'] }], 'CN=älice'],
    [[{ CN: ['alice\n,CN=root'] }], 'CN=alice\\0A\\,CN=root'],
    [[{ CN: ['alice'], O: ['acme'] }], 'CN=alice+O=acme'],
    [[{ '1.2.3.4': ['alice'] }], '1.2.3.4=alice'],
    [[], ''],
  ])('of %j is written %s', async (subject, want) => {
    // A set is sorted by its bytes.
    const text = subjectText(await certificateOf(subject));
    expect(text.split('+').toSorted().join('+')).toBe(want.split('+').toSorted().join('+'));
  });

  test.each([
    'CN=alice',
    'cn=alice',
    ' CN = alice ',
    'CN=alice,O=acme',
    'C=US, ST=WA, O=acme, CN=alice',
    'C=US, S=WA, O=acme',
    'CN=alice+O=acme',
    'OU=b,OU=a',
    '2.5.4.3=alice',
    'CN=\\61lice',
  ])('of alice contains %s', async (wanted) => {
    expect(subjectProblem(wanted)).toBeUndefined();
    expect(subjectContains(await certificateOf(ALICE), wanted)).toBe(true);
  });

  test.each([
    'CN=al',
    'CN=alice2',
    'CN=Alice',
    'CN=lice',
    'O=alice',
    'CN=acme',
    'CN=alice,O=other',
    'CN=alice,CN=alice',
    'OU=a,OU=a',
    'OU=a\\,OU\\=b',
    'UID=alice',
    'CN=*',
    'CN=\\ alice',
    'CN=alice\\ ',
  ])('of alice does not contain %s', async (wanted) => {
    expect(subjectProblem(wanted)).toBeUndefined();
    expect(subjectContains(await certificateOf(ALICE), wanted)).toBe(false);
  });

  test.each<[JsonNameParams, string, boolean]>([
    [[{ O: ['acme, CN=root'] }, { CN: ['alice'] }], 'CN=root', false],
    [[{ O: ['acme, CN=root'] }, { CN: ['alice'] }], 'O=acme', false],
    [[{ O: ['acme, CN=root'] }, { CN: ['alice'] }], 'O=acme\\, CN\\=root', true],
    [[{ O: ['acme, CN=root'] }, { CN: ['alice'] }], 'O=acme\\, CN=root', true],
    [[{ CN: ['alice'], O: ['acme'] }], 'O=acme,CN=alice', true],
    [[{ CN: ['alice\0.evil'] }], 'CN=alice', false],
    [[{ CN: ['\\'] }, { O: ['acme'] }], 'CN=\\\\,O=acme', true],
    [[{ CN: ['älice'] }], 'CN=\\C3\\A4lice', true],
    [[{ OU: ['a'] }, { OU: ['a'] }], 'OU=a,OU=a', true],
    [[], 'CN=alice', false],
  ])('of %j and %s: %s', async (subject, wanted, want) => {
    expect(subjectContains(await certificateOf(subject), wanted)).toBe(want);
  });

  test.each([
    ['', 'expected attributes such as CN=alice, found ""'],
    ['alice', 'expected attributes such as CN=alice, found "alice"'],
    ['CN=alice,', 'expected attributes such as CN=alice, found ""'],
    ['CN=', 'expected a value for CN, found ""'],
    ['CN= ', 'expected a value for CN, found " "'],
    ['XX=alice', 'expected a type such as CN or O, found "XX"'],
    ['CN=a"b"', 'expected a value for CN, found "a\\"b\\""'],
    ['CN=alice\\', 'expected a value for CN, found "alice\\\\"'],
    ['CN=\\zz', 'expected a value for CN, found "\\\\zz"'],
    ['CN=\\ff', 'expected a value for CN, found "\\\\ff"'],
    ['CN=a;O=b', 'expected a value for CN, found "a;O=b"'],
    [`CN=${'a'.repeat(5000)}`, 'expected a name of at most 4096 characters'],
  ])('is not looked for by %j', async (wanted, want) => {
    expect(subjectProblem(wanted)).toBe(want);
    expect(subjectContains(await certificateOf(ALICE), wanted)).toBe(false);
  });

  test('is not looked for in a time that grows with the square of a name', () => {
    const start = performance.now();
    for (const part of ['\\', ' ', ',', '\\\\ ', 'CN=a,']) subjectProblem(`CN=${part.repeat(4000 / part.length)}`);
    expect(performance.now() - start).toBeLessThan(500);
  });
});
