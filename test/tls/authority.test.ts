import 'reflect-metadata';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate as ParsedCertificate,
  SubjectKeyIdentifierExtension,
} from '@peculiar/x509';
import { expect, test } from 'vitest';
import { DAY_MS, HOUR_MS } from '#test/support/certificates.ts';
import { issueServerCertificate, makeAuthority, namesOfCertificate } from '#tls/authority.ts';
import { canonicalNames, isServerName, serverNames } from '#tls/names.ts';

const NOW = Date.UTC(2030, 0, 1, 12);

test('an authority is one, for ten years, with a key of its own', async () => {
  const authority = await makeAuthority(NOW);
  const certificate = new X509Certificate(authority.certificate);
  expect([certificate.ca, certificate.checkPrivateKey(createPrivateKey(authority.privateKey))]).toEqual([true, true]);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.validFromDate.getTime()).toBe(NOW - HOUR_MS);
  expect(certificate.validToDate.getTime()).toBe(authority.expiresAt);
  expect(authority.expiresAt).toBe(NOW + 3652 * DAY_MS);
  expect((await makeAuthority(NOW)).certificate).not.toBe(authority.certificate);
});

test('a server certificate is signed by it, for ninety days, for servers, under the names asked for', async () => {
  const authority = await makeAuthority(NOW);
  const names = canonicalNames(['Registry.Example.com', '*.example.com', '10.0.0.7', '::1', 'fd00:0::2']);
  const issued = await issueServerCertificate(authority, names, NOW);
  const certificate = new X509Certificate(issued.certificate);
  const root = new X509Certificate(authority.certificate);
  expect([certificate.ca, certificate.checkIssued(root), certificate.verify(root.publicKey)]).toEqual([
    false,
    true,
    true,
  ]);
  expect(certificate.checkPrivateKey(createPrivateKey(issued.privateKey))).toBe(true);
  expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  expect(certificate.validFromDate.getTime()).toBe(NOW - HOUR_MS);
  expect(certificate.validToDate.getTime()).toBe(NOW + 90 * DAY_MS);
  expect(namesOfCertificate(issued.certificate)).toEqual(names);
  expect(certificate.checkHost('registry.example.com')).toBeDefined();
  expect(certificate.checkHost('example.org')).toBeUndefined();
  expect([certificate.checkIP('10.0.0.7'), certificate.checkIP('10.0.0.8')]).toEqual(['10.0.0.7', undefined]);
});

test('an authority can sign no other authority, and its certificates say whose they are', async () => {
  const authority = await makeAuthority(NOW);
  const issued = await issueServerCertificate(authority, ['localhost'], NOW);
  const [root, leaf] = [new ParsedCertificate(authority.certificate), new ParsedCertificate(issued.certificate)];
  expect(root.getExtension(BasicConstraintsExtension)).toMatchObject({ ca: true, pathLength: 0, critical: true });
  expect(root.getExtension(KeyUsagesExtension)?.usages).toBe(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign);
  expect(leaf.getExtension(AuthorityKeyIdentifierExtension)?.keyId).toBe(
    root.getExtension(SubjectKeyIdentifierExtension)?.keyId,
  );
});

test('serial numbers are positive and never the same', async () => {
  const authority = await makeAuthority(NOW);
  const serials = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const { certificate } = await issueServerCertificate(authority, ['localhost'], NOW);
      return new X509Certificate(certificate).serialNumber;
    }),
  );
  expect(new Set(serials).size).toBe(20);
  for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
});

test('no server certificate outlives its authority', async () => {
  const authority = await makeAuthority(NOW);
  const issued = await issueServerCertificate(authority, ['localhost'], authority.expiresAt - 10 * DAY_MS);
  expect(issued.expiresAt).toBe(authority.expiresAt);
});

test.each([
  [{ listenHost: '127.0.0.1', publicUrl: undefined, hostname: 'node7' }, ['node7']],
  [{ listenHost: '0.0.0.0', publicUrl: 'https://Registry.Example.com', hostname: 'n' }, ['n', 'registry.example.com']],
  [{ listenHost: '::', publicUrl: 'https://[fd00:0::2]:5000', hostname: 'localhost' }, ['fd00::2']],
  [{ listenHost: '10.0.0.7', publicUrl: 'https://10.0.0.7', hostname: 'no_name' }, ['10.0.0.7']],
])('%j is called %j, beside what every machine calls itself', (own, names) => {
  expect(serverNames(undefined, own)).toEqual([...names, '127.0.0.1', '::1', 'localhost'].toSorted());
});

test('configured names replace all others', () => {
  const own = { listenHost: '10.0.0.7', publicUrl: 'https://x.example', hostname: 'node7' };
  expect(serverNames(['B.example', 'a.example', 'b.example'], own)).toEqual(['a.example', 'b.example']);
});

test.each([
  ['registry', true],
  ['*.example.com', true],
  ['10.0.0.7', true],
  ['fd00::2', true],
  ['', false],
  ['a b', false],
  ['a_b', false],
  ['-a', false],
  ['a..b', false],
  ['a.*.b', false],
  ['1.2.3', false],
  ['256.0.0.1', false],
  ['[::1]', false],
  [`${'a'.repeat(64)}.example`, false],
])('whether %j can stand in a certificate: %j', (name, want) => {
  expect(isServerName(name)).toBe(want);
});
