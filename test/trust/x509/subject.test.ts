import type { JsonNameParams } from '@peculiar/x509';
import { describe, expect, test } from 'vitest';
import { subjectContains } from '#trust/distinguished-name.ts';
import { subjectText } from '#trust/x509/subject.ts';
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
  ])('of %j, as it is written, against %s: %s', async (subject, wanted, want) => {
    expect(subjectContains(subjectText(await certificateOf(subject)), wanted)).toBe(want);
  });
});
