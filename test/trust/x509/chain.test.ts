import 'reflect-metadata';
import { Extension } from '@peculiar/x509';
import { describe, expect, test } from 'vitest';
import { certificatesIn } from '#trust/x509/certificate.ts';
import { codeSigningProblem, validAt } from '#trust/x509/chain.ts';
import {
  AUTHORITY_EXTENSIONS,
  type CertificateWishes,
  DAY_MS,
  NOW,
  SIGNER_EXTENSIONS,
  aCertificate,
  aChain,
  anAuthority,
  basicConstraints,
  cRLSign,
  certificatesOf,
  digitalSignature,
  extendedKeyUsage,
  keyCertSign,
  keyUsage,
  nonRepudiation,
  pemOf,
} from './authority.ts';

const root = await anAuthority(undefined, { subject: [{ CN: ['root'] }] });
const middle = await anAuthority(root, { subject: [{ CN: ['middle'] }] });
const leaf = await aCertificate(middle, { subject: [{ CN: ['leaf'] }] });

/** What is wrong with a leaf of these extensions below a sound root. */
async function problemOfLeaf(wishes: CertificateWishes): Promise<string | undefined> {
  return codeSigningProblem(certificatesOf([await aCertificate(root, wishes), root]));
}

describe('a chain for signing code', () => {
  test('is a leaf, authorities, and a root', () => {
    expect(codeSigningProblem(certificatesOf([leaf, middle, root]))).toBeUndefined();
  });

  test('may be a leaf that signed itself, if it is no authority', async () => {
    const alone = await aCertificate(undefined);
    expect(codeSigningProblem([alone.certificate])).toBeUndefined();
    expect(codeSigningProblem([root.certificate])).toContain('found a certificate authority');
  });

  test.each<[string, CertificateWishes]>([
    ['no extended key usage', { extensions: [keyUsage(digitalSignature)] }],
    ['basic constraints that deny an authority', { extensions: [...SIGNER_EXTENSIONS, basicConstraints(false)] }],
    ['non-repudiation', { extensions: [keyUsage(digitalSignature | nonRepudiation)] }],
    ['a purpose of its own', { extensions: [keyUsage(digitalSignature), extendedKeyUsage(['1.2.3.4'])] }],
    ['a policy that is critical', { extensions: [...SIGNER_EXTENSIONS, unknownExtension()] }],
    ['a key of P-384', { key: 'P-384' }],
    ['a key of P-521', { key: 'P-521' }],
    ['a key of RSA with 2048 bits', { key: 'RSA-2048' }],
    ['a signature with SHA-384', { hash: 'SHA-384' }],
  ])('may have a leaf with %s', async (_, wishes) => {
    expect(await problemOfLeaf(wishes)).toBeUndefined();
  });

  test.each<[string, CertificateWishes, string]>([
    ['no key usage', { extensions: [] }, 'expected a key usage, found none'],
    ['a key usage that is not critical', { extensions: [keyUsage(digitalSignature, false)] }, 'usage to be critical'],
    ['no digital signature', { extensions: [keyUsage(nonRepudiation)] }, 'the key usage digitalSignature, found'],
    ['the powers of an authority', { extensions: [...SIGNER_EXTENSIONS, basicConstraints(true)] }, 'an authority'],
    ...[2, 3, 4, 5, 6, 0, 8].map((bit): [string, CertificateWishes, string] => [
      `key usage bit ${bit === 0 ? 7 : bit}`,
      // The bits as @peculiar/x509 counts them: from the least.
      { extensions: [keyUsage(digitalSignature | (1 << (bit === 0 ? 7 : bit)))] },
      'expected a key for signatures only, found the key usage',
    ]),
    ...['2.5.29.37.0', ...[1, 2, 4, 8, 9].map((last) => `1.3.6.1.5.5.7.3.${last}`)].map(
      (purpose): [string, CertificateWishes, string] => [
        `the purpose ${purpose}`,
        { extensions: [keyUsage(digitalSignature), extendedKeyUsage(['1.3.6.1.5.5.7.3.3', purpose])] },
        'expected a key for signing code, found the extended key usage',
      ],
    ),
    ['a key of RSA with 1024 bits', { key: 'RSA-1024' }, 'found rsa 1024'],
    ['a key of Ed25519', { key: 'Ed25519' }, 'found ed25519'],
    ['a signature with SHA-1', { hash: 'SHA-1' }, 'SHA-256, SHA-384 or SHA-512'],
  ])('has no leaf with %s', async (_, wishes, want) => {
    expect((await problemOfLeaf(wishes)) ?? 'sound').toContain(want.replace('an authority', 'a certificate authority'));
  });

  test.each<[string, CertificateWishes, string]>([
    ['no basic constraints', { extensions: [keyUsage(keyCertSign)] }, 'expected a certificate authority'],
    ['a denial', { extensions: [basicConstraints(false), keyUsage(keyCertSign)] }, 'expected a certificate authority'],
    [
      'basic constraints that are not critical',
      { extensions: [basicConstraints(true, undefined, false), keyUsage(keyCertSign)] },
      'expected its basic constraints to be critical',
    ],
    ['no key usage', { extensions: [basicConstraints(true)] }, 'expected a key usage, found none'],
    [
      'a key usage that is not critical',
      { extensions: [basicConstraints(true), keyUsage(keyCertSign, false)] },
      'expected its key usage to be critical',
    ],
    ['no right to certify', { extensions: [basicConstraints(true), keyUsage(cRLSign)] }, 'usage keyCertSign'],
    ['a signature with SHA-1', { hash: 'SHA-1' }, 'SHA-256, SHA-384 or SHA-512'],
    ['a key of RSA with 1024 bits', { key: 'RSA-1024' }, 'found rsa 1024'],
  ])('has no authority with %s', async (_, wishes, want) => {
    const authority = await aCertificate(root, { extensions: AUTHORITY_EXTENSIONS, ...wishes });
    const below = await aCertificate(authority);
    expect(codeSigningProblem(certificatesOf([below, authority, root])) ?? 'sound').toContain(want);
  });

  test.each([
    [0, 'expected a path length of at least 1, found 0'],
    [1, undefined],
  ])('counts the authorities below a root of path length %i', async (length, want) => {
    const extensions = [basicConstraints(true, length), keyUsage(keyCertSign)];
    const problem = codeSigningProblem(
      certificatesOf(await aChain({ root: { extensions, subject: [{ CN: ['r'] }] } })),
    );
    expect(problem).toBe(want === undefined ? undefined : `CN=r: ${want}`);
  });

  test('is in order, whole, and ends at a root', async () => {
    const stranger = await anAuthority();
    const namesake = await anAuthority(root, { subject: [{ CN: ['middle'] }] });
    const issued = 'expected the next certificate to have issued it';
    expect(codeSigningProblem([])).toBe('expected a certificate, found none');
    expect(codeSigningProblem(certificatesOf([leaf, root, middle]))).toBe(`CN=leaf: ${issued}`);
    expect(codeSigningProblem(certificatesOf([leaf, root]))).toBe(`CN=leaf: ${issued}`);
    expect(codeSigningProblem(certificatesOf([leaf, middle]))).toContain('the last certificate to be self-signed');
    expect(codeSigningProblem(certificatesOf([leaf]))).toContain('expected the last certificate to be self-signed');
    expect(codeSigningProblem(certificatesOf([leaf, middle, stranger]))).toContain(issued);
    expect(codeSigningProblem(certificatesOf([leaf, namesake, root]))).toBe(`CN=leaf: ${issued}`);
    expect(codeSigningProblem(certificatesOf([leaf, middle, root, root]))).toContain('only the last certificate');
    const long = await aChain({ intermediates: Array.from({ length: 9 }, () => ({})) });
    expect(codeSigningProblem(certificatesOf(long))).toBe('expected at most 10 certificates, found 11');
  });
});

describe('a chain is valid', () => {
  const from = NOW - 30 * DAY_MS;
  const until = NOW + 365 * DAY_MS;
  const chain = certificatesOf([leaf, middle, root]);

  test.each([
    [
      from - 1,
      'CN=leaf: valid from 2026-05-02T12:00:00.000Z to 2027-06-01T12:00:00.000Z, not at 2026-05-02T11:59:59.999Z',
    ],
    [from, undefined],
    [until + 999, undefined],
    [until + 1000, expect.stringContaining('not at 2027-06-01T12:00:01.000Z')],
    [Number.NaN, expect.stringContaining('not at')],
  ])('at %i: %s', (at, want) => {
    expect(validAt(chain, at)).toEqual(want);
  });

  test('only while all of its certificates are', async () => {
    const expired = await anAuthority(root, { subject: [{ CN: ['expired'] }], until: NOW - DAY_MS });
    const below = await aCertificate(expired);
    expect(validAt(certificatesOf([below, expired, root]), NOW)).toMatch(/^CN=expired: valid from/);
  });
});

describe('a file of certificates', () => {
  test.each<[string, string | Buffer, number]>([
    ['one in PEM', pemOf([leaf]), 1],
    ['several in PEM, with words between', `leaf\n${pemOf([leaf])}\r\nmiddle\r\n${pemOf([middle, root])}`, 3],
    ['one in DER', leaf.certificate.raw, 1],
  ])('may hold %s', (_, file, count) => {
    const found = certificatesIn(Buffer.from(file));
    expect(found.map(({ raw }) => raw)).toEqual(
      certificatesOf([leaf, middle, root].slice(0, count)).map(({ raw }) => raw),
    );
  });

  const broken = pemOf([middle]).replace(/\n[A-Za-z0-9+/]/, '\n!');
  test.each<[string, string | Buffer, string]>([
    ['nothing', '', 'expected a certificate in PEM, found none'],
    ['a key', leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }), 'expected a certificate in PEM, found none'],
    ['half of one', pemOf([leaf]).slice(0, -30), 'expected certificate 1 to be PEM'],
    ['a good one and a broken one', pemOf([leaf]) + broken, 'expected certificate 2 to be PEM'],
    ['one in DER and more', Buffer.concat([leaf.certificate.raw, Buffer.from([0])]), 'and nothing else'],
    ['more than 1000', pemOf([leaf]).repeat(1001), 'expected at most 1000 certificates'],
  ])('does not hold %s', (_, file, want) => {
    expect(() => certificatesIn(Buffer.from(file))).toThrow(want);
  });
});

function unknownExtension(): Extension {
  return new Extension('2.5.29.32', true, Buffer.from('300630040602 2a03'.replace(' ', ''), 'hex'));
}
