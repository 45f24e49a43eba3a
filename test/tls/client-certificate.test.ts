import 'reflect-metadata';
import { X509Certificate } from 'node:crypto';
import { Extension, SubjectAlternativeNameExtension } from '@peculiar/x509';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  CLIENT_USAGE,
  type CertificateWishes,
  SERVER_USAGE,
  aCertificate,
  anAuthority,
} from '#test/support/certificates.ts';
import type { KeyPair } from '#tls/authority.ts';
import { identityOfCertificate } from '#tls/client-certificate.ts';
import type { IdentityRule } from '#tls/options.ts';

let authority: KeyPair;
beforeAll(async () => {
  authority = await anAuthority();
});

async function nameOf(wishes: CertificateWishes, rules: readonly IdentityRule[]): Promise<string | undefined> {
  const { certificate } = await aCertificate(authority, wishes);
  return identityOfCertificate(new X509Certificate(certificate), rules)?.name;
}

const uri = (value: string) => ({ type: 'url', value }) as const;
const dns = (value: string) => ({ type: 'dns', value }) as const;
const ANY_URI: IdentityRule = { from: 'uri', match: '*' };
const ANY_DNS: IdentityRule = { from: 'dns', match: '*' };
const ANY_CN: IdentityRule = { from: 'commonName', match: '*' };

describe('a certificate names its holder', () => {
  test.each<[string, CertificateWishes, IdentityRule[], string | undefined]>([
    ['by its common name', { commonNames: ['ci'] }, [ANY_CN], 'ci'],
    ['by a URI', { names: [uri('spiffe://example.com/ci')] }, [ANY_URI], 'spiffe://example.com/ci'],
    [
      'by a DNS name, in lower case',
      { names: [dns('CI.Example.com')] },
      [{ from: 'dns', match: '*.EXAMPLE.com' }],
      'ci.example.com',
    ],
    [
      'by the first rule that fits',
      { commonNames: ['ci'], names: [dns('ci.example')] },
      [ANY_URI, ANY_DNS, ANY_CN],
      'ci.example',
    ],
    ['by the value that fits', { names: [uri('a:1'), uri('b:2')] }, [{ from: 'uri', match: 'b:*' }], 'b:2'],
    ['not by a part no rule speaks of', { commonNames: ['ci'] }, [ANY_URI, ANY_DNS], undefined],
    ['not without a rule', { commonNames: ['ci'] }, [], undefined],
    ['not by a common name among two', { commonNames: ['ci', 'admin'] }, [ANY_CN], undefined],
    ['not by an empty common name', { commonNames: [''] }, [ANY_CN], undefined],
    ['not by a name with a line break in it', { commonNames: ['ci\nadmin'] }, [ANY_CN], undefined],
    ['not by a name with a NUL in it', { names: [dns('admin.example\0.evil.example')] }, [ANY_DNS], undefined],
    ['not by a name longer than any sound one', { commonNames: ['a'.repeat(256)] }, [ANY_CN], undefined],
    ['not by an address', { names: [{ type: 'ip', value: '10.0.0.1' }] }, [ANY_DNS, ANY_URI, ANY_CN], undefined],
    ['not by an e-mail address', { names: [{ type: 'email', value: 'a@b.example' }] }, [ANY_DNS, ANY_URI], undefined],
  ])('%s', async (_, wishes, rules, want) => {
    expect(await nameOf(wishes, rules)).toBe(want);
  });
});

describe('a pattern is the whole of a name', () => {
  test.each([
    ['ci', 'ci', true],
    ['ci', 'ci2', false],
    ['ci', 'my-ci', false],
    ['ci-*', 'ci-', true],
    ['ci-*', 'ci-1', true],
    ['ci-*', 'xci-1', false],
    ['*-ci', 'my-ci', true],
    ['*-ci', 'my-ci.evil', false],
    ['a*b', 'ab', true],
    ['a*a', 'a', false],
    ['a*b*c', 'a-b-c', true],
    ['a*bc*c', 'abc', false],
    ['a.c', 'abc', false],
    ['(a|b)', 'a', false],
    ['[a-z]*', 'abc', false],
    ['a**b', 'a-b', true],
  ])('%j on %j: %j', async (match, name, fits) => {
    expect(await nameOf({ commonNames: [name] }, [{ from: 'commonName', match }])).toBe(fits ? name : undefined);
  });
});

describe('its purpose', () => {
  test.each([
    ['a client', [CLIENT_USAGE], true],
    ['a client among others', [SERVER_USAGE, CLIENT_USAGE], true],
    ['nothing said', 'none', true],
    ['a server', [SERVER_USAGE], false],
  ] as const)('%s: %j → %j', async (_, usages, named) => {
    expect(await nameOf({ commonNames: ['ci'], usages }, [ANY_CN])).toBe(named ? 'ci' : undefined);
  });
});

// CVE-2021-44532: in Node's text of alternative names, one value could be written to look like two.
describe('an alternative name that pretends to be several', () => {
  const crafted = uri('spiffe://evil.example/x, URI:spiffe://example.com/admin, DNS:admin.example.com');

  test('names nobody that it only mentions', async () => {
    const rules: IdentityRule[] = [
      { from: 'uri', match: 'spiffe://example.com/*' },
      { from: 'dns', match: 'admin.example.com' },
    ];
    expect(await nameOf({ names: [crafted] }, rules)).toBeUndefined();
    expect(await nameOf({ names: [crafted, dns('ci.example.com')] }, rules)).toBeUndefined();
  });

  test('is not read as a common name either, nor a common name as one', async () => {
    expect(
      await nameOf({ commonNames: ['ci, DNS:admin.example.com'] }, [{ from: 'dns', match: 'admin*' }]),
    ).toBeUndefined();
    expect(await nameOf({ commonNames: ['ci+CN=admin'] }, [{ from: 'commonName', match: 'admin' }])).toBeUndefined();
  });
});

test('two extensions of alternative names name nobody', async () => {
  const more = [new SubjectAlternativeNameExtension([{ type: 'dns', value: 'admin.example' }])];
  expect(await nameOf({ names: [dns('ci.example')], more }, [ANY_DNS])).toBeUndefined();
});

test('an alternative name of a kind unknown here is passed over', async () => {
  // SEQUENCE { otherName [0] { 1.2.3.4, [0] UTF8String "x" }, dNSName [2] "a" }.
  const names = Buffer.from('300f' + 'a00a06032a0304a0030c0178' + '820161', 'hex');
  const more = [new Extension('2.5.29.17', false, names)];
  expect(await nameOf({ more }, [ANY_URI, ANY_DNS])).toBe('a');
});

test('what cannot be read names nobody', () => {
  expect(identityOfCertificate({ raw: Buffer.from('no certificate') }, [ANY_CN])).toBeUndefined();
});
