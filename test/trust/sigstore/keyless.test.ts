import { X509Certificate, createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkKeyless } from '#trust/sigstore/keyless.ts';
import { aTestAuthority } from './authority.ts';
import type { EntryKind } from './entry-body.ts';
import { type SigningWishes, type TestSigstore, aTestSigstore, authorityInstance, rootOf } from './instance.ts';

const CONTENT = Buffer.from('what is signed');
const ENVELOPE = { payloadType: 'application/vnd.in-toto+json', payload: Buffer.from('{"_type":"x"}') };
const NONE = { outcome: 'none', why: 'a keyless signature has none' };

let sigstore: TestSigstore;
beforeAll(async () => {
  sigstore = await aTestSigstore();
});

describe('a keyless signature', () => {
  test('says who signed, when, and who has seen it', async () => {
    const material = await sigstore.sign(CONTENT);
    const { publicKey } = new X509Certificate(material.certificate);
    const spki = createHash('sha256')
      .update(publicKey.export({ type: 'spki', format: 'der' }))
      .digest('hex');
    const when = new Date(sigstore.at).toISOString();
    expect(await checkKeyless(material, sigstore.root)).toEqual({
      signer: {
        name: 'https://ci.test/app@main (https://issuer.test)',
        ids: ['identity:https://issuer.test https://ci.test/app@main', `spki:${spki}`],
        identity: 'https://ci.test/app@main',
        issuer: 'https://issuer.test',
      },
      checks: {
        integrity: { outcome: 'pass', why: 'the signature fits the content and the key of the certificate' },
        authenticity: {
          outcome: 'pass',
          why: 'issued by https://authority.test; seen by https://ct.test; one transparency log: https://rekor1.test',
        },
        timestamp: {
          outcome: 'pass',
          why: `${when} (transparency log https://rekor1.test), ${when} (time stamp authority https://authority.test)`,
        },
        expiry: NONE,
        revocation: NONE,
      },
    });
  });

  test.each<[string, SigningWishes]>([
    ['over content, in a log of version 1', { entries: ['hashedrekord 0.0.1'] }],
    ['over content, in a log of version 2', { entries: ['hashedrekord 0.0.2'] }],
    ['over an envelope, as dsse', { envelope: ENVELOPE, entries: ['dsse 0.0.1'] }],
    ['over an envelope, as intoto', { envelope: ENVELOPE, entries: ['intoto 0.0.2'] }],
    ['over an envelope, as hashedrekord', { envelope: ENVELOPE, entries: ['hashedrekord 0.0.1'] }],
    ['over an envelope, in a log of version 2', { envelope: ENVELOPE, entries: ['hashedrekord 0.0.2'] }],
    ['in both logs', { entries: ['hashedrekord 0.0.1', 'hashedrekord 0.0.2'] }],
    ['with the time of a log alone', { stampedAt: [] }],
    ['by a key on P-384', { curve: 'P-384' }],
    ['by a key on P-521', { curve: 'P-521' }],
    ['by a key on P-384 over SHA-256, as older signers made it', { curve: 'P-384', hash: 'sha256' }],
    ['with one certificate time stamp of a stranger', { scts: [] }],
  ])('is good %s', async (_, wishes) => {
    const { certificateLog, at } = sigstore;
    const stranger = (await aTestSigstore()).certificateLog;
    const scts = [stranger, certificateLog].map((log) => ({ log, at }));
    const all = wishes.scts === undefined ? wishes : { ...wishes, scts };
    const { envelope } = all;
    const material =
      envelope === undefined ? await sigstore.sign(CONTENT, all) : await sigstore.signEnvelope(envelope, all);
    expect(await outcomesOf(material)).toEqual({ integrity: 'pass', authenticity: 'pass', timestamp: 'pass' });
  });

  test.each<[string, SigningWishes, string]>([
    ['an address', { identityType: 'email', identity: 'ci@ci.test' }, 'ci@ci.test'],
    ['a URI', { identityType: 'url', identity: 'spiffe://ci.test/app' }, 'spiffe://ci.test/app'],
    ['a user', { identityType: 'otherName', identity: 'alice!ci.test' }, 'alice!ci.test'],
  ])('is by %s', async (_, wishes, identity) => {
    const { signer, checks } = await checkKeyless(await sigstore.sign(CONTENT, wishes), sigstore.root);
    expect([signer.identity, checks.authenticity.outcome]).toEqual([identity, 'pass']);
  });

  test.each(['v1', 'v2'] as const)('says its issuer in the form %s alone, too', async (issuerForm) => {
    const { signer, checks } = await checkKeyless(await sigstore.sign(CONTENT, { issuerForm }), sigstore.root);
    expect([signer.issuer, checks.authenticity.outcome]).toEqual(['https://issuer.test', 'pass']);
  });

  test('counts logs and not entries', async () => {
    const words = async (entries: readonly EntryKind[]): Promise<string> => {
      const { checks } = await checkKeyless(await sigstore.sign(CONTENT, { entries }), sigstore.root);
      return checks.authenticity.why;
    };
    expect(await words(['hashedrekord 0.0.1', 'hashedrekord 0.0.2'])).toContain('2 transparency logs: ');
    // CVE-2026-49834
    expect(await words(['hashedrekord 0.0.1', 'hashedrekord 0.0.1'])).toContain('one transparency log: ');
  });

  test('is good at one of its times though another is too late', async () => {
    const { at } = sigstore;
    const material = await sigstore.sign(CONTENT, { entries: ['hashedrekord 0.0.2'], stampedAt: [at + 3_600_000, at] });
    expect(await outcomesOf(material)).toEqual({ integrity: 'pass', authenticity: 'pass', timestamp: 'pass' });
  });

  test('is good where the root trusts the intermediate as it stands', async () => {
    const [intermediate = Buffer.alloc(0)] = sigstore.authority.chain;
    const certificateAuthorities = [authorityInstance([intermediate], { start: new Date(0) })];
    const root = rootOf({ ...sigstore.trustedRoot, certificateAuthorities });
    expect((await checkKeyless(await sigstore.sign(CONTENT), root)).checks.authenticity.outcome).toBe('pass');
  });

  test('is nothing to a root that could not be read', async () => {
    const { checks } = await checkKeyless(await sigstore.sign(CONTENT), rootOf(undefined));
    const why = 'the root cannot be used: it cannot be read';
    expect([checks.authenticity, checks.timestamp]).toEqual([
      { outcome: 'fail', why },
      { outcome: 'fail', why },
    ]);
  });

  test('by another authority of the same name is nothing', async () => {
    const authority = await aTestAuthority(sigstore.at);
    const { checks } = await checkKeyless(await sigstore.sign(CONTENT, { authority }), sigstore.root);
    expect(checks.authenticity).toEqual({ outcome: 'fail', why: 'no authority of the root issued the certificate' });
  });
});

async function outcomesOf(material: Parameters<typeof checkKeyless>[0]): Promise<unknown> {
  const { integrity, authenticity, timestamp } = (await checkKeyless(material, sigstore.root)).checks;
  return { integrity: integrity.outcome, authenticity: authenticity.outcome, timestamp: timestamp.outcome };
}
