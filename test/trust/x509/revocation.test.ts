import 'reflect-metadata';
import { type X509Certificate, sign } from 'node:crypto';
import { AuthorityInfoAccessExtension, CRLDistributionPointsExtension, Extension } from '@peculiar/x509';
import { describe, expect, test } from 'vitest';
import type { RevocationList } from '#trust/root.ts';
import { fieldsOf } from '#trust/x509/certificate.ts';
import { readCertificateList } from '#trust/x509/certificate-list.ts';
import { revocationOf } from '#trust/x509/revocation.ts';
import { verifyTimeStamp } from '#trust/x509/time-stamp.ts';
import {
  DAY_MS,
  type ListWishes,
  NOW,
  SIGNER_EXTENSIONS,
  aCertificate,
  aChain,
  aRevocationList,
  anAuthority,
  basicConstraints,
  certificatesOf,
  keyCertSign,
  keyUsage,
} from './authority.ts';
import { aTimeStamp, aTimeStampAuthority } from './time-stamping.ts';

const POINT = 'http://lists.test/a.crl';
const WITH_POINT = { extensions: [...SIGNER_EXTENSIONS, new CRLDistributionPointsExtension([POINT])] };
const [leaf, middle, root] = await chainOfThree();
const chain = certificatesOf([leaf, middle, root]);
const rootList = listOf(await aRevocationList(root), 'root.crl');

async function chainOfThree() {
  const top = await anAuthority(undefined, { subject: [{ CN: ['root'] }] });
  const between = await anAuthority(top, { subject: [{ CN: ['between'] }] });
  return [await aCertificate(between, { subject: [{ CN: ['alice'] }], ...WITH_POINT }), between, top] as const;
}

function listOf(bytes: Uint8Array, source = 'some.crl'): RevocationList {
  return { bytes, source };
}

/** Of the chain above, with a list of who issued its leaf. */
async function resultWith(wishes: ListWishes, at = NOW) {
  const list = listOf(await aRevocationList(middle, wishes), 'between.crl');
  return revocationOf(chain, [rootList, list], at);
}

function issuingPoint(hex: string): Extension {
  return new Extension('2.5.29.28', true, Buffer.from(hex, 'hex'));
}

/** Of the distribution point, in the tags of RFC 5280, section 5.2.5. */
function pointOf(address: string): Extension {
  const uri = Buffer.concat([Buffer.from([0x86, address.length]), Buffer.from(address)]);
  const name = Buffer.concat([Buffer.from([0xa0, uri.length + 2, 0xa0, uri.length]), uri]);
  return issuingPoint(Buffer.concat([Buffer.from([0x30, name.length]), name]).toString('hex'));
}

describe('a chain', () => {
  test('passes when no list has its certificates, and for as long as those lists are current', async () => {
    expect(await resultWith({ until: NOW + DAY_MS })).toEqual({
      outcome: 'pass',
      why: 'no certificate is on a revocation list of its issuer',
      goodUntil: NOW + DAY_MS,
    });
  });

  test('passes on lists that have others', async () => {
    const bob = await aCertificate(middle);
    expect(await resultWith({ revoked: [{ party: bob }] })).toMatchObject({ outcome: 'pass' });
  });

  test.each([
    [undefined, 'CN=alice was revoked at 2026-05-30T12:00:00.000Z: unspecified, says between.crl'],
    [1, 'CN=alice was revoked at 2026-05-30T12:00:00.000Z: keyCompromise, says between.crl'],
    [4, 'CN=alice was revoked at 2026-05-30T12:00:00.000Z: superseded, says between.crl'],
    [6, 'CN=alice is on hold since 2026-05-30T12:00:00.000Z, says between.crl'],
    [8, 'CN=alice was to be taken off the list at 2026-05-30T12:00:00.000Z, and is on it, says between.crl'],
  ])('fails when its leaf is listed with reason %s', async (reason, why) => {
    const entry = reason === undefined ? { party: leaf } : { party: leaf, reason };
    expect(await resultWith({ revoked: [entry] })).toEqual({ outcome: 'fail', why, goodUntil: undefined });
  });

  test('fails when its leaf is the last of many', async () => {
    const bob = await aCertificate(middle);
    const others = Array.from({ length: 200 }, (_, index) => ({
      party: bob,
      serialNumber: (0x70000000 + index).toString(16),
    }));
    const revoked = [...others, { party: leaf }];
    expect(await resultWith({ revoked })).toMatchObject({ outcome: 'fail' });
    expect(await resultWith({ revoked: revoked.slice(0, -1) })).toMatchObject({ outcome: 'pass' });
  });

  test('fails when an authority in it is listed', async () => {
    const lists = [await aRevocationList(root, { revoked: [{ party: middle }] }), await aRevocationList(middle)];
    expect(
      revocationOf(
        chain,
        lists.map((bytes) => listOf(bytes)),
        NOW,
      ),
    ).toMatchObject({
      outcome: 'fail',
      why: expect.stringContaining('CN=between was revoked'),
    });
  });

  test('fails when any current list has its leaf', async () => {
    const [clean, dirty] = [
      await aRevocationList(middle),
      await aRevocationList(middle, { revoked: [{ party: leaf }] }),
    ];
    for (const lists of [
      [clean, dirty],
      [dirty, clean],
    ]) {
      const all = [rootList, ...lists.map((bytes) => listOf(bytes))];
      expect(revocationOf(chain, all, NOW)).toMatchObject({ outcome: 'fail' });
    }
  });

  test('is not looked at without lists, and its root never is', async () => {
    expect(revocationOf(chain, [], NOW)).toEqual({
      outcome: 'none',
      why: 'no certificate revocation list is configured',
      goodUntil: undefined,
    });
    const own = listOf(await aRevocationList(root, { revoked: [{ party: root }] }));
    expect(revocationOf(chain.slice(2), [own], NOW)).toMatchObject({ outcome: 'none' });
  });

  test('does not need lists of an issuer whose certificates name none', async () => {
    const plain = await aChain();
    expect(revocationOf(certificatesOf(plain), [rootList], NOW)).toMatchObject({ outcome: 'none' });
    const [only, ...rest] = certificatesOf([await aCertificate(root), root]);
    expect(revocationOf([...(only === undefined ? [] : [only]), ...rest], [rootList], NOW)).toMatchObject({
      outcome: 'pass',
    });
  });

  test.each([
    ['a list', new CRLDistributionPointsExtension([POINT])],
    ['a responder', new AuthorityInfoAccessExtension({ ocsp: ['http://ocsp.test/'] })],
  ])('fails when its leaf names %s and no list of its issuer is there', async (_, extension) => {
    const bob = await aCertificate(middle, { extensions: [...SIGNER_EXTENSIONS, extension] });
    expect(revocationOf(certificatesOf([bob, middle, root]), [rootList], NOW)).toMatchObject({
      outcome: 'fail',
      why: expect.stringMatching(/can be revoked, and no revocation list of CN=between is configured$/),
    });
  });
});

describe('a list', () => {
  test.each<[string, ListWishes, number, string]>([
    ['at its end (CVE-2024-23332)', { until: NOW }, NOW, 'has expired: the next was due at 2026-06-01T12'],
    ['before its time', { from: NOW + 1000 }, NOW, 'is of 2026-06-01T12:00:01.000Z, which is still to come'],
    ['that does not say until when', { until: 'never' }, NOW, 'does not say until when it is current'],
    ['signed by another', { signedBy: leaf }, NOW, 'is not signed by CN=between'],
    ['signed with SHA-1', { hash: 'SHA-1' }, NOW, 'is not signed by CN=between'],
    [
      'that is a delta',
      { extensions: [new Extension('2.5.29.27', true, Buffer.from('020101', 'hex'))] },
      NOW,
      'is a delta list',
    ],
    ['that is indirect', { extensions: [issuingPoint('30038401ff')] }, NOW, 'is an indirect list'],
    ['for some reasons', { extensions: [issuingPoint('300483020640')] }, NOW, 'is for some reasons only'],
    ['for attributes', { extensions: [issuingPoint('30038501ff')] }, NOW, 'is for attribute certificates'],
    ['for authorities', { extensions: [issuingPoint('30038201ff')] }, NOW, 'is for authorities only'],
    ['for another part', { extensions: [pointOf('http://lists.test/b.crl')] }, NOW, 'is for another part'],
    [
      'with something critical',
      { extensions: [new Extension('1.2.3.4', true, Buffer.from('0500', 'hex'))] },
      NOW,
      'has the critical extension 1.2.3.4',
    ],
  ])('%s proves nothing', async (_, wishes, at, want) => {
    expect(await resultWith(wishes, at)).toMatchObject({
      outcome: 'fail',
      why: expect.stringContaining(`the revocation list between.crl ${want}`),
    });
  });

  test.each<[string, ListWishes, number]>([
    ['from its first second on', { from: NOW }, NOW],
    ['until its last', { until: NOW + 1000 }, NOW + 999],
    ['for signers', { extensions: [issuingPoint('30038101ff')] }, NOW],
    ['for the part it is in', { extensions: [pointOf(POINT)] }, NOW],
    [
      'with something that is not critical',
      { extensions: [new Extension('1.2.3.4', false, Buffer.from('0500', 'hex'))] },
      NOW,
    ],
  ])('is believed %s', async (_, wishes, at) => {
    expect(await resultWith(wishes, at)).toMatchObject({ outcome: 'pass' });
    const revoked = await resultWith({ ...wishes, revoked: [{ party: leaf }] }, at);
    expect(revoked).toMatchObject({ outcome: 'fail', why: expect.stringContaining('CN=alice was revoked') });
  });

  test('of an authority that must not sign lists proves nothing', async () => {
    const silent = await anAuthority(root, { extensions: [basicConstraints(true), keyUsage(keyCertSign)] });
    const bob = await aCertificate(silent, WITH_POINT);
    const lists = [rootList, listOf(await aRevocationList(silent))];
    expect(revocationOf(certificatesOf([bob, silent, root]), lists, NOW)).toMatchObject({
      outcome: 'fail',
      why: expect.stringContaining('is not signed by'),
    });
  });

  test('of a namesake with another key proves nothing', async () => {
    const namesake = await anAuthority(undefined, { subject: [{ CN: ['between'] }] });
    const lists = [rootList, listOf(await aRevocationList(namesake))];
    expect(revocationOf(chain, lists, NOW)).toMatchObject({ outcome: 'fail' });
  });

  test.each([
    ['cut short', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['with more behind it', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from([0])])],
    ['of nothing', () => Buffer.alloc(0)],
  ])('%s fails every chain: nobody knows whose it is', async (_, change) => {
    const lists = [rootList, listOf(change(await aRevocationList(middle)), 'bad.crl')];
    expect(revocationOf(chain, lists, NOW)).toMatchObject({
      outcome: 'fail',
      why: expect.stringContaining('the revocation list bad.crl cannot be read'),
    });
  });

  test('is read within seconds when it is as large as may be', async () => {
    const bytes = hugeList(await aRevocationList(middle));
    expect(bytes.length).toBeGreaterThan(7.5 * 1024 * 1024);
    const start = performance.now();
    const found = revocationOf(chain, [rootList, listOf(bytes)], NOW);
    // Measured: 0.3 seconds. asn1js takes 20.
    expect(performance.now() - start).toBeLessThan(3000);
    expect(found).toMatchObject({ outcome: 'fail', why: expect.stringContaining('CN=alice was revoked') });
    expect(revocationOf(chain, [rootList, listOf(Buffer.alloc(8 * 1024 * 1024 + 1))], NOW)).toMatchObject({
      outcome: 'fail',
      why: expect.stringContaining('expected at most 8388608 bytes'),
    });
  });
});

/** A list of as many entries as fit, really signed by the issuer of the leaf; the leaf's comes last. */
function hugeList(list: Buffer): Buffer {
  const { issuer, signed } = readCertificateList(list);
  const { serialNumber } = fieldsOf(leaf.certificate);
  const date = `170d${Buffer.from('260601000000Z').toString('hex')}`;
  const other = Buffer.from(`30210210${'01'.repeat(16)}${date}`, 'hex');
  const last = wrap(0x30, Buffer.from(`0203${Buffer.from(serialNumber).toString('hex')}${date}`, 'hex'));
  const entries = [...Array.from({ length: 230_000 }, () => other), last];
  const dates = Buffer.from(`${date}170d${Buffer.from('260701000000Z').toString('hex')}`, 'hex');
  const parts = [Buffer.from('020101', 'hex'), signed.algorithm.bytes, issuer.bytes, dates];
  const content = wrap(0x30, Buffer.concat([...parts, wrap(0x30, Buffer.concat(entries))]));
  const signature = Buffer.concat([Buffer.from([0]), sign('sha256', content, middle.privateKey)]);
  return wrap(0x30, Buffer.concat([content, signed.algorithm.bytes, wrap(0x03, signature)]));
}

function wrap(tag: number, content: Buffer): Buffer {
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const header = Buffer.from([tag, 0x83, 0, 0, 0]);
  header.writeUIntBE(content.length, 2, 3);
  return Buffer.concat([header, content]);
}

describe('the chain of a time stamp', () => {
  test('is held against lists as any other (CVE-2024-56138)', async () => {
    const authority = await aTimeStampAuthority();
    const signed = Buffer.from('a signature');
    const anchors: X509Certificate[] = [authority.root.certificate];
    const stamp = await verifyTimeStamp(aTimeStamp(authority, signed), { signed, anchors, extra: [] });
    const clean = listOf(await aRevocationList(authority.root));
    expect(revocationOf(stamp.chain, [clean], NOW)).toMatchObject({ outcome: 'pass' });
    const dirty = listOf(await aRevocationList(authority.root, { revoked: [{ party: authority.signer }] }));
    expect(revocationOf(stamp.chain, [dirty], NOW)).toMatchObject({ outcome: 'fail' });
  });
});
