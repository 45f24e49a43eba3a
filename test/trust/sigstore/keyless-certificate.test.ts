import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { beforeAll, describe, expect, test } from 'vitest';
import type { SigstoreRoot } from '#trust/root.ts';
import { anchorsOf } from '#trust/sigstore/anchors.ts';
import { voucherOf } from '#trust/sigstore/chain.ts';
import type { KeylessMaterial } from '#trust/sigstore/material.ts';
import { certificateOf } from '#trust/x509/certificate.ts';
import { type AuthorityWishes, type LeafWishes, type Span, aTestAuthority } from './authority.ts';
import { CONTENT, failuresOf, rootWith } from './failures.ts';
import { type TestSigstore, aTestSigstore, authorityInstance } from './instance.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

let sigstore: TestSigstore;
let stranger: TestSigstore;
beforeAll(async () => {
  [sigstore, stranger] = [await aTestSigstore(), await aTestSigstore({ name: 'stranger' })];
});

/** The checks that fail, seen from the instance's own root unless told otherwise. */
async function failures(material: KeylessMaterial, root: SigstoreRoot = sigstore.root): ReturnType<typeof failuresOf> {
  return await failuresOf(material, root);
}

describe('a certificate', () => {
  const UNSEEN = { authenticity: 'no log of certificates of the root has seen the certificate' };

  test('is refused that no log of certificates has seen', async () => {
    expect(await failures(await sigstore.sign(CONTENT, { scts: [] }))).toEqual({
      authenticity: 'the certificate is in no log of certificates',
    });
  });

  test('is refused that was seen by a log of nobody', async () => {
    const scts = [{ log: stranger.certificateLog, at: sigstore.at }];
    expect(await failures(await sigstore.sign(CONTENT, { scts }))).toEqual(UNSEEN);
  });

  test('is refused with the time stamp of another certificate', async () => {
    const scts = [{ log: sigstore.certificateLog, at: sigstore.at, over: 'another certificate' }] as const;
    expect(await failures(await sigstore.sign(CONTENT, { scts }))).toEqual(UNSEEN);
  });

  test('is refused with a time stamp that names another log than made it', async () => {
    const scts = [{ log: sigstore.certificateLog, at: sigstore.at, logId: Buffer.alloc(32, 7) }];
    expect(await failures(await sigstore.sign(CONTENT, { scts }))).toEqual(UNSEEN);
  });

  test('is refused with certificate time stamps that cannot be read', async () => {
    const more = [new Extension('1.3.6.1.4.1.11129.2.4.2', false, Buffer.from('0403000100', 'hex'))];
    expect(await failures(await sigstore.sign(CONTENT, { scts: [], more }))).toEqual({
      authenticity: 'the certificate time stamps cannot be read',
    });
  });

  test.each<[string, LeafWishes, string]>([
    ['for no usage', { usages: 'none' }, 'usage codeSigning'],
    ['for servers', { usages: ['1.3.6.1.5.5.7.3.1'] }, 'usage codeSigning'],
    ['for any usage', { usages: ['2.5.29.37.0'] }, 'usage codeSigning'],
    ['whose key is not for signatures', { keyUsage: KeyUsageFlags.keyAgreement }, 'the key usage digitalSignature'],
    ['of an authority', { isCa: true }, 'found a certificate authority'],
    ['without an issuer', { issuerForm: 'none' }, 'does not say who issued'],
    [
      'whose issuer is no text',
      { issuerForm: 'none', more: [new Extension('1.3.6.1.4.1.57264.1.8', false, Buffer.from('0403616263', 'hex'))] },
      'does not say who issued',
    ],
    ['with an empty issuer', { issuer: '' }, 'does not say who issued'],
    [
      'whose issuer takes words from the identity',
      { issuer: 'https://issuer.test https://ci.test' },
      'does not say who',
    ],
    ['without an identity', { identityType: 'none' }, 'expected one identity in the certificate, found 0'],
    ['with two identities', { identityType: 'both' }, 'expected one identity in the certificate, found 2'],
    ['for a host', { identityType: 'dns', identity: 'ci.test' }, 'names neither'],
    ['for a user of something else', { identityType: 'upn', identity: 'alice!ci.test' }, 'names neither'],
    ['for a URI with a space', { identity: 'https://ci.test/app@main x' }, 'names neither'],
    ['for an address with a line end', { identityType: 'email', identity: 'ci@ci.test\n' }, 'names neither'],
    ['for an address with an end in it', { identityType: 'email', identity: 'ci@ci.test\0.org' }, 'names neither'],
    ['signed over SHA-1', { certificateHash: 'SHA-1' }, 'expected a signature of RSA or ECDSA with SHA-256'],
    ['for an address written as a URI', { identity: 'ci@ci.test' }, 'names neither'],
    [
      'for a URI written as an address',
      { identityType: 'email', identity: 'https://ci.test/app@main' },
      'names neither',
    ],
    ['for an address written as a user', { identityType: 'otherName', identity: 'ci@ci.test' }, 'names neither'],
    ['for a URI written as a user', { identityType: 'otherName', identity: 'https://ci.test/!x' }, 'names neither'],
  ])('is refused %s', async (_, wishes, why) => {
    const found = await failures(await sigstore.sign(CONTENT, wishes));
    expect(found).toEqual({ authenticity: expect.stringContaining(why) });
  });

  test('is refused with a critical extension nobody knows', async () => {
    const more = [new Extension('1.2.3.4', true, Buffer.from('0500', 'hex'))];
    expect(await failures(await sigstore.sign(CONTENT, { more }))).toEqual({
      authenticity: 'the certificate: expected no critical extension 1.2.3.4',
    });
  });

  test('is not looked at with an extension twice', async () => {
    const more = [0, 1].map(() => new Extension('1.2.3.4', false, Buffer.from('0500', 'hex')));
    const why = 'expected extension 1.2.3.4 once';
    expect(await failures(await sigstore.sign(CONTENT, { more }))).toEqual({
      integrity: why,
      authenticity: why,
      timestamp: why,
    });
  });

  test('that is an end of the chain vouches for nobody, not even itself', async () => {
    const material = await sigstore.sign(CONTENT, { more: [new BasicConstraintsExtension(false, undefined, true)] });
    const certificateAuthorities = [authorityInstance([material.certificate], { start: new Date(0) })];
    expect(await failures(material, rootWith(sigstore, { certificateAuthorities }))).toEqual({
      authenticity: 'the certificate vouches for itself',
    });
  });

  test('that signed itself is nobody, though the root names it', async () => {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const { rawData } = await X509CertificateGenerator.createSelfSigned({
      name: 'CN=self',
      keys,
      signingAlgorithm: algorithm,
      notBefore: new Date(sigstore.at - MINUTE_MS),
      notAfter: new Date(sigstore.at + MINUTE_MS),
      extensions: [
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.3']),
        new SubjectAlternativeNameExtension([
          {
            type: 'url',
            value: 'https://ci.test/app@main',
          },
        ]),
        new Extension('1.3.6.1.4.1.57264.1.1', false, Buffer.from('https://issuer.test')),
      ],
    });
    const material = { ...(await sigstore.sign(CONTENT)), certificate: Buffer.from(rawData) };
    const certificateAuthorities = [authorityInstance([material.certificate], { start: new Date(0) })];
    expect((await failures(material, rootWith(sigstore, { certificateAuthorities }))).authenticity).toBe(
      'the certificate vouches for itself',
    );
  });

  test('leads to an authority only while it is valid itself', async () => {
    const leaf = certificateOf((await sigstore.sign(CONTENT)).certificate);
    const { authorities } = anchorsOf(sigstore.trustedRoot);
    const [later, within] = [sigstore.at + 11 * MINUTE_MS, sigstore.at + MINUTE_MS];
    expect(voucherOf(leaf, authorities, within).issuer.raw).toEqual(sigstore.authority.chain[0]);
    expect(() => voucherOf(leaf, authorities, later)).toThrow('expected it to be valid at');
  });

  test('does not sign when it is that of the root', async () => {
    const [, root = Buffer.alloc(0)] = sigstore.authority.chain;
    const { authenticity } = await failures({ ...(await sigstore.sign(CONTENT)), certificate: root });
    expect(authenticity).toBe('expected one identity in the certificate, found 0');
  });

  test.each<[string, (span: Span) => AuthorityWishes, string]>([
    [
      'an intermediate that had expired: CVE-2026-24122',
      ({ from }) => ({ intermediate: { from: from - DAY_MS, until: from - 1000 } }),
      'expected it to be valid at',
    ],
    [
      'an intermediate of the future',
      ({ until }) => ({ intermediate: { from: until, until: until + DAY_MS } }),
      'expected it to be valid at',
    ],
    [
      'a root that had expired',
      ({ from }) => ({ root: { from: from - DAY_MS, until: from - 1000 } }),
      'expected it to be valid at',
    ],
    ['an intermediate that is none', () => ({ intermediateIsCa: false }), 'expected a certificate authority'],
    ['an intermediate for servers', () => ({ intermediateUsages: ['1.3.6.1.5.5.7.3.1'] }), 'may certify code signing'],
    [
      'an intermediate that may not sign certificates',
      () => ({ intermediateKeyUsage: KeyUsageFlags.digitalSignature }),
      'expected the key usage keyCertSign',
    ],
    [
      'an intermediate with a critical extension nobody knows',
      () => ({ intermediateMore: [new Extension('1.2.3.4', true, Buffer.from('0500', 'hex'))] }),
      'expected no critical extension 1.2.3.4',
    ],
    [
      'one intermediate more than the root allows',
      () => ({ pathLength: 0 }),
      'expected a path length of at least 1, found 0',
    ],
  ])('is refused under %s', async (_, wishes, why) => {
    const span = { from: sigstore.at, until: sigstore.at + 10 * MINUTE_MS };
    const authority = await aTestAuthority(sigstore.at, wishes(span));
    const certificateAuthorities = [authorityInstance(authority.chain, { start: new Date(0) })];
    const material = await sigstore.sign(CONTENT, { authority });
    expect(await failures(material, rootWith(sigstore, { certificateAuthorities }))).toEqual({
      authenticity: expect.stringContaining(why),
    });
  });
});
