import type { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { VerificationError } from '#trust/testimony.ts';
import { type TimeStamp, verifyTimeStamp } from '#trust/x509/time-stamp.ts';
import {
  AUTHORITY_EXTENSIONS,
  type CertificateWishes,
  DAY_MS,
  type KeyKind,
  NOW,
  TIME_STAMPING_EXTENSIONS,
  aCertificate,
  anAuthority,
  basicConstraints,
  cRLSign,
  digitalSignature,
  extendedKeyUsage,
  keyCertSign,
  keyUsage,
} from './authority.ts';
import { type TokenWishes, aTimeStamp, aTimeStampAuthority, aTimeStampResponse } from './time-stamping.ts';

const SIGNED = Buffer.from('a signature');
const TIME_STAMPING = '1.3.6.1.5.5.7.3.8';
const authority = await aTimeStampAuthority({ signer: { subject: [{ C: ['XX'] }, { CN: ['clock'] }] } });
const other = await aTimeStampAuthority();
const EXTENSIONS: CertificateWishes = { extensions: TIME_STAMPING_EXTENSIONS };
const anchors = [authority.root.certificate];

async function verified(token: Uint8Array, signed: Uint8Array = SIGNED): Promise<TimeStamp> {
  return await verifyTimeStamp(token, { signed, anchors, extra: [] });
}

/** In words why it is refused; that it is not refused, in words, too. */
async function refusalOf(verification: Promise<TimeStamp>): Promise<string> {
  try {
    const { authority: name } = await verification;
    return `verified, by ${name}`;
  } catch (error) {
    if (!(error instanceof VerificationError) || error.check !== 'timestamp') throw error;
    return error.message;
  }
}

function namesIn(chain: readonly X509Certificate[]): string[] {
  return chain.map(({ fingerprint256 }) => fingerprint256);
}

describe('a time stamp', () => {
  test('tells when, how exactly, and who says so', async () => {
    const { chain, ...found } = await verified(
      aTimeStamp(authority, SIGNED, { accuracy: { seconds: 2, millis: 500, micros: 1 } }),
    );
    expect(found).toEqual({ at: NOW, earliest: NOW - 2501, latest: NOW + 2501, authority: 'CN=clock,C=XX' });
    expect(namesIn(chain)).toEqual(namesIn([authority.signer.certificate, authority.root.certificate]));
  });

  test.each<[string, TokenWishes, Partial<TimeStamp>]>([
    ['no accuracy', {}, { earliest: NOW, latest: NOW }],
    ['a policy that implies a second', { policy: '0.4.0.2023.1.1' }, { earliest: NOW - 1000, latest: NOW + 1000 }],
    ['fractions of a second', { time: '20260601120000.25Z' }, { at: NOW + 250 }],
    ['an imprint of SHA-384', { imprint: { hash: 'sha384' } }, { at: NOW }],
    ['an imprint of SHA-512', { imprint: { hash: 'sha512' } }, { at: NOW }],
    ['a signature with SHA-512', { hash: 'sha512' }, { at: NOW }],
    ['the signer by key identifier', { byKeyIdentifier: true }, { at: NOW }],
    ['the certificate bound by SHA-1', { boundBy: 'v1' }, { at: NOW }],
    ['the certificate bound by SHA-512', { boundBy: 'v2 with SHA-512' }, { at: NOW }],
    ['the certificate bound with its issuer', { boundBy: 'v2 with issuer' }, { at: NOW }],
  ])('may have %s', async (_, wishes, want) => {
    expect(await verified(aTimeStamp(authority, SIGNED, wishes))).toMatchObject(want);
  });

  test.each<[string, KeyKind]>([
    ['P-384', 'P-384'],
    ['P-521', 'P-521'],
    ['RSA', 'RSA-2048'],
  ])('may be signed with %s', async (_, key) => {
    const { signer, root } = await aTimeStampAuthority({ signer: { key } });
    const token = aTimeStamp({ signer, root }, SIGNED);
    expect(await verifyTimeStamp(token, { signed: SIGNED, anchors: [root.certificate], extra: [] })).toMatchObject({
      at: NOW,
    });
  });

  test.each([
    [0, NOW],
    [1, NOW],
  ])('may come in an answer with status %i', async (status, at) => {
    expect(await verified(aTimeStampResponse(aTimeStamp(authority, SIGNED), status))).toMatchObject({ at });
  });

  test('needs no certificate in it when there is one beside it', async () => {
    const token = aTimeStamp(authority, SIGNED, { certificates: [] });
    const extra = [authority.signer.certificate];
    expect(await refusalOf(verified(token))).toBe('time stamp: expected the certificate of its signer, found none');
    expect(await verifyTimeStamp(token, { signed: SIGNED, anchors, extra })).toMatchObject({ at: NOW });
  });

  test('may be told by an authority below others, whose certificates lie in the token or beside it', async () => {
    const middle = await anAuthority(authority.root);
    const signer = await aCertificate(middle, { extensions: TIME_STAMPING_EXTENSIONS });
    const below = { signer, root: authority.root };
    const want = namesIn([signer.certificate, middle.certificate, authority.root.certificate]);
    const whole = aTimeStamp(below, SIGNED, { certificates: [middle.certificate, signer.certificate] });
    expect(namesIn((await verified(whole)).chain)).toEqual(want);
    const bare = aTimeStamp(below, SIGNED);
    const extra = [middle.certificate];
    expect(namesIn((await verifyTimeStamp(bare, { signed: SIGNED, anchors, extra })).chain)).toEqual(want);
    expect(await refusalOf(verified(bare))).toContain('to an authority that is trusted');
  });

  test('counts within the window of its authority, both ends included', async () => {
    const token = aTimeStamp(authority, SIGNED);
    const within = (window: { start: number; end: number | undefined }) =>
      refusalOf(verifyTimeStamp(token, { signed: SIGNED, anchors, extra: [], window }));
    expect(await within({ start: NOW, end: NOW })).toBe('verified, by CN=clock,C=XX');
    expect(await within({ start: NOW - 1, end: undefined })).toBe('verified, by CN=clock,C=XX');
    expect(await within({ start: NOW + 1, end: undefined })).toContain('its authority is not trusted at 2026-06-01T12');
    expect(await within({ start: 0, end: NOW - 1 })).toContain('its authority is not trusted at 2026-06-01T12');
  });
});

describe('a time stamp is refused', () => {
  test('when it is for something else', async () => {
    expect(await refusalOf(verified(aTimeStamp(authority, SIGNED), Buffer.from('another signature')))).toBe(
      'time stamp: it is for something else than this signature',
    );
  });

  test.each<[string, TokenWishes, string]>([
    ['names no certificate', { bound: 'none' }, 'name another certificate than its signer'],
    [
      'is bound to the other of two certificates (CVE-2026-39984)',
      { certificates: [authority.signer.certificate, other.signer.certificate], bound: other.signer.certificate },
      'name another certificate than its signer',
    ],
    [
      'is signed by one and names the other of two certificates (CVE-2026-49835)',
      {
        certificates: [other.signer.certificate, authority.signer.certificate],
        named: authority.signer.certificate,
        signedBy: other.signer,
      },
      'expected a signature of RSA or ECDSA with SHA-256, SHA-384 or SHA-512 that verifies',
    ],
    [
      'names and is bound to the certificate of another',
      {
        certificates: [authority.signer.certificate, other.signer.certificate],
        named: other.signer.certificate,
        bound: other.signer.certificate,
      },
      'expected a signature of RSA or ECDSA with SHA-256, SHA-384 or SHA-512 that verifies',
    ],
    [
      'is signed by another',
      { signedBy: other.signer },
      'expected a signature of RSA or ECDSA with SHA-256, SHA-384 or SHA-512 that verifies',
    ],
    ['has an imprint of SHA-1', { imprint: { hash: 'sha1' } }, 'expected SHA-256, SHA-384 or SHA-512'],
    [
      'says another hash than its imprint is made with',
      { imprint: { hash: 'sha512', value: Buffer.alloc(32) } },
      'for something else',
    ],
    ['is signed with SHA-1', { hash: 'sha1' }, 'expected SHA-256, SHA-384 or SHA-512'],
    ['has no signer', { signers: 0 }, 'expected one value, found none'],
    ['has two signers', { signers: 2 }, 'expected one value, found more'],
    ['holds something else', { contentType: '1.2.840.113549.1.7.1' }, 'found other signed content'],
    ['was signed as something else', { attributeContentType: '1.2.840.113549.1.7.1' }, 'attribute content type'],
    ['has no signed attributes', { attributes: 'none' }, 'expected tag 0xa0'],
    ['lacks the content type', { attributes: 'without content type' }, 'attribute content type'],
    ['lacks the message digest', { attributes: 'without message digest' }, 'attribute message digest'],
    ['has the digest of something else', { attributes: 'digest of something else' }, 'its content is not what was'],
    ['has an attribute twice', { attributes: 'twice' }, '1.2.840.113549.1.9.4 once'],
    ['is of version 2', { version: 2 }, 'expected version 1'],
    ['tells local time', { time: '20260601120000' }, 'expected a time'],
    ['tells a day that is none', { time: '20260231120000Z' }, 'expected a time'],
    ['is from before its certificate', { at: NOW - 31 * DAY_MS }, 'not at 2026-05-01T12:00:00.000Z'],
    ['is from after its certificate', { at: NOW + 366 * DAY_MS }, 'not at 2027-06-02T12:00:00.000Z'],
    [
      'has too many certificates',
      { certificates: Array.from({ length: 17 }, () => authority.signer.certificate) },
      'expected at most 16 certificates, found 17',
    ],
    ['claims an absurd accuracy', { accuracy: { seconds: 2 ** 40 } }, 'expected a small number'],
    ['claims a negative accuracy', { accuracy: { seconds: -1 } }, 'expected a small number'],
  ])('when it %s', async (_, wishes, want) => {
    expect(await refusalOf(verified(aTimeStamp(authority, SIGNED, wishes)))).toContain(want);
    // The reason is the wish and nothing else.
    expect(await refusalOf(verified(aTimeStamp(authority, SIGNED)))).toBe('verified, by CN=clock,C=XX');
  });

  test.each<[string, CertificateWishes, string]>([
    ['no extended key usage', { extensions: [keyUsage(digitalSignature)] }, 'whose extended key usage is timeStamping'],
    [
      'another besides timeStamping',
      { extensions: [keyUsage(digitalSignature), extendedKeyUsage([TIME_STAMPING, '1.3.6.1.5.5.7.3.3'], true)] },
      'timeStamping and nothing else',
    ],
    [
      'any extended key usage',
      { extensions: [keyUsage(digitalSignature), extendedKeyUsage(['2.5.29.37.0'], true)] },
      'timeStamping and nothing else',
    ],
    [
      'an extended key usage that is not critical',
      { extensions: [keyUsage(digitalSignature), extendedKeyUsage([TIME_STAMPING])] },
      'expected the extended key usage of its certificate to be critical',
    ],
    ['no key usage', { extensions: [extendedKeyUsage([TIME_STAMPING], true)] }, 'expected a key usage, found none'],
    [
      'a key usage that is not critical',
      { extensions: [keyUsage(digitalSignature, false), extendedKeyUsage([TIME_STAMPING], true)] },
      'expected its key usage to be critical',
    ],
    [
      'a key for other things',
      { extensions: [keyUsage(cRLSign), extendedKeyUsage([TIME_STAMPING], true)] },
      'expected the key usage digitalSignature, found cRLSign',
    ],
    [
      'the certificate of an authority',
      { extensions: [...TIME_STAMPING_EXTENSIONS, basicConstraints(true)] },
      'found a certificate authority',
    ],
    ['a key of RSA with 1024 bits', { key: 'RSA-1024' }, 'found rsa 1024'],
    ['a certificate signed with SHA-1', { hash: 'SHA-1' }, 'SHA-256, SHA-384 or SHA-512'],
  ])('when its signer has %s', async (_, wishes, want) => {
    const bad = { root: authority.root, signer: await aCertificate(authority.root, { ...EXTENSIONS, ...wishes }) };
    expect(await refusalOf(verified(aTimeStamp(bad, SIGNED)))).toContain(want);
  });

  test.each<[string, CertificateWishes, string]>([
    ['is no authority', { extensions: [keyUsage(keyCertSign)] }, 'expected a certificate authority'],
    ['denies being one', { extensions: [basicConstraints(false), keyUsage(keyCertSign)] }, 'expected a certificate'],
    [
      'must not issue certificates',
      { extensions: [basicConstraints(true), keyUsage(cRLSign)] },
      'expected the key usage keyCertSign',
    ],
    [
      'is for servers',
      { extensions: [...AUTHORITY_EXTENSIONS, extendedKeyUsage(['1.3.6.1.5.5.7.3.1'])] },
      'expected an authority that may certify time stamping',
    ],
    ['had expired by then', { until: NOW - DAY_MS }, 'not at 2026-06-01T12'],
  ])('when an authority between %s', async (_, wishes, want) => {
    const middle = await aCertificate(authority.root, { extensions: AUTHORITY_EXTENSIONS, ...wishes });
    const signer = await aCertificate(middle, EXTENSIONS);
    const certificates = [signer.certificate, middle.certificate];
    const token = aTimeStamp({ root: authority.root, signer }, SIGNED, { certificates });
    expect(await refusalOf(verified(token))).toContain(want);
  });

  test('when the path length of an authority is too short', async () => {
    const root = await anAuthority(undefined, { extensions: [basicConstraints(true, 0), keyUsage(keyCertSign)] });
    const middle = await anAuthority(root);
    const signer = await aCertificate(middle, EXTENSIONS);
    const token = aTimeStamp({ root, signer }, SIGNED, { certificates: [signer.certificate, middle.certificate] });
    const options = { signed: SIGNED, anchors: [root.certificate], extra: [] };
    expect(await refusalOf(verifyTimeStamp(token, options))).toContain('a path length of at least 1, found 0');
  });

  test('when its root comes with it and nobody named it', async () => {
    const token = aTimeStamp(other, SIGNED, { certificates: [other.signer.certificate, other.root.certificate] });
    expect(await refusalOf(verified(token))).toContain('to an authority that is trusted');
    const extra = [other.root.certificate];
    expect(await refusalOf(verifyTimeStamp(token, { signed: SIGNED, anchors, extra }))).toContain('trusted');
    expect(await refusalOf(verifyTimeStamp(token, { signed: SIGNED, anchors: [], extra: [] }))).toContain('trusted');
  });

  test('when a root has the name of a trusted one and another key', async () => {
    const impostor = await anAuthority(undefined, { subject: [{ CN: ['root'] }] });
    const trusted = await anAuthority(undefined, { subject: [{ CN: ['root'] }] });
    const signer = await aCertificate(impostor, EXTENSIONS);
    const token = aTimeStamp({ root: impostor, signer }, SIGNED, {
      certificates: [signer.certificate, impostor.certificate],
    });
    const options = { signed: SIGNED, anchors: [trusted.certificate], extra: [] };
    expect(await refusalOf(verifyTimeStamp(token, options))).toContain('to an authority that is trusted');
  });

  const token = aTimeStamp(authority, SIGNED);
  test.each<[string, Uint8Array, string]>([
    ['nothing', Buffer.alloc(0), 'expected DER'],
    ['text', Buffer.from('MIIB'), 'time stamp: '],
    ['a token and more', Buffer.concat([token, Buffer.from([0])]), 'found 1 bytes more'],
    ['half a token', token.subarray(0, token.length / 2), 'expected DER'],
    ['a certificate', authority.root.certificate.raw, 'time stamp: '],
    ['more than 64 KiB', Buffer.alloc(64 * 1024 + 1), 'expected at most 65536 bytes'],
    ['a refusal', aTimeStampResponse(undefined, 2), 'found a refusal with status 2'],
    ['a token and a refusal', aTimeStampResponse(token, 2), 'found a refusal with status 2'],
    ['an answer without a token', aTimeStampResponse(undefined), 'expected a value more'],
  ])('when it is %s', async (_, bytes, want) => {
    expect(await refusalOf(verified(bytes))).toContain(want);
  });
});
