import { sign } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { SigstoreRoot } from '#trust/root.ts';
import type { KeylessMaterial } from '#trust/sigstore/material.ts';
import { aKeyPair } from './authority.ts';
import { CONTENT, ENVELOPE, SECOND, failuresOf, rootWith } from './failures.ts';
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

describe('the time of a signature', () => {
  test('is missed where a certificate has long expired: CVE-2022-23649', async () => {
    const why = 'nobody trusted says when it was signed';
    const material = await sigstore.sign(CONTENT, { ...SECOND, stampedAt: [] });
    expect(await failures(material)).toEqual({ timestamp: why, authenticity: why });
  });

  test.each([
    ['before the certificate', -MINUTE_MS],
    ['after the certificate', 11 * MINUTE_MS],
  ])('is refused %s', async (_, offset) => {
    const material = await sigstore.sign(CONTENT, { ...SECOND, stampedAt: [sigstore.at + offset] });
    const when = new Date(sigstore.at + offset).toISOString();
    const { timestamp, authenticity } = await failures(material);
    expect(timestamp).toMatch(new RegExp(`^the certificate was valid from .*; signed at ${when} `));
    expect(authenticity).toBe(timestamp);
  });

  test('of a log is refused outside the certificate', async () => {
    const span = { from: sigstore.at + MINUTE_MS, until: sigstore.at + 2 * MINUTE_MS };
    const { timestamp } = await failures(await sigstore.sign(CONTENT, { stampedAt: [], span }));
    expect(timestamp).toMatch(/^the certificate was valid from /);
  });

  test.each<[string, (material: KeylessMaterial) => Promise<Uint8Array>]>([
    ['over another signature', async () => await sigstore.stamp(Buffer.from('another'), sigstore.at)],
    ['over what was signed', async () => await sigstore.stamp(CONTENT, sigstore.at)],
    ['by an authority of nobody', async ({ signature }) => await stranger.stamp(signature, sigstore.at)],
    ['cut short', async ({ timeStamps }) => timeStamps[0]?.subarray(0, 200) ?? new Uint8Array()],
    ['that is empty', async () => new Uint8Array()],
  ])('is no time stamp %s', async (_, timeStamp) => {
    const material = await sigstore.sign(CONTENT, SECOND);
    const timeStamps = [await timeStamp(material)];
    expect((await failures({ ...material, timeStamps })).timestamp).toMatch(
      /^nobody trusted says when it was signed; ./,
    );
  });

  test('is no time stamp of an authority the root names another certificate of', async () => {
    const [authority] = sigstore.trustedRoot.timestampAuthorities;
    const other = stranger.trustedRoot.timestampAuthorities[0]?.certChain?.certificates ?? [];
    const own = authority?.certChain?.certificates ?? [];
    const chain = [...other.slice(0, 1), ...own].map(({ rawBytes }) => rawBytes);
    const timestampAuthorities = [authorityInstance(chain, { start: new Date(0) })];
    const { timestamp } = await failures(
      await sigstore.sign(CONTENT, SECOND),
      rootWith(sigstore, { timestampAuthorities }),
    );
    expect(timestamp).toMatch(/^nobody trusted says when it was signed; ./);
  });
});

describe('a key or an authority whose time was over: CVE-2026-54787', () => {
  const spans: [string, (at: number) => { start: Date; end?: Date }][] = [
    ['ended before', (at) => ({ start: new Date(at - DAY_MS), end: new Date(at - 1) })],
    ['began after', (at) => ({ start: new Date(at + 1) })],
  ];

  test.each(spans)('is no transparency log when it %s', async (_, span) => {
    const tlogs = [sigstore.logs.first, sigstore.logs.second].map((log) => log.instance(span(sigstore.at)));
    const root = rootWith(sigstore, { tlogs });
    for (const kind of ['hashedrekord 0.0.1', 'hashedrekord 0.0.2'] as const) {
      const { authenticity } = await failures(await sigstore.sign(CONTENT, { entries: [kind] }), root);
      expect(authenticity).toMatch(/^the key of the transparency log was not good at /);
    }
    const { timestamp } = await failures(await sigstore.sign(CONTENT, { stampedAt: [] }), root);
    expect(timestamp).toMatch(/^nobody trusted says when it was signed; the key of the transparency log was not good/);
  });

  test.each(spans)('is no certificate authority when it %s', async (_, span) => {
    const certificateAuthorities = [authorityInstance(sigstore.authority.chain, span(sigstore.at))];
    const { authenticity } = await failures(
      await sigstore.sign(CONTENT),
      rootWith(sigstore, { certificateAuthorities }),
    );
    expect(authenticity).toMatch(/^https:\/\/authority.test was not trusted at /);
  });

  test.each(spans)('is no log of certificates when it %s', async (_, span) => {
    const ctlogs = sigstore.trustedRoot.ctlogs.map((log) => ({
      ...log,
      publicKey: log.publicKey && { ...log.publicKey, validFor: { ...span(sigstore.at), end: span(sigstore.at).end } },
    }));
    const { authenticity } = await failures(await sigstore.sign(CONTENT), rootWith(sigstore, { ctlogs }));
    expect(authenticity).toBe('no log of certificates of the root has seen the certificate');
  });

  test.each(spans)('is no time stamp authority when it %s', async (_, span) => {
    const timestampAuthorities = sigstore.trustedRoot.timestampAuthorities.map((authority) => ({
      ...authority,
      validFor: { start: span(sigstore.at).start, end: span(sigstore.at).end },
    }));
    const { timestamp } = await failures(
      await sigstore.sign(CONTENT, SECOND),
      rootWith(sigstore, { timestampAuthorities }),
    );
    expect(timestamp).toMatch(/^nobody trusted says when it was signed; ./);
  });
});

describe('a signature', () => {
  const WRONG = 'the signature was not made by the key of the certificate over this content';

  test('is refused over other content', async () => {
    const { integrity } = await failures({ ...(await sigstore.sign(CONTENT)), signed: Buffer.from('other') });
    expect(integrity).toBe(WRONG);
  });

  test('is refused with the certificate of somebody else', async () => {
    const { certificate } = await sigstore.sign(CONTENT);
    const { integrity } = await failures({ ...(await sigstore.sign(CONTENT)), certificate });
    expect(integrity).toBe(WRONG);
  });

  test('is refused by another key', async () => {
    const signature = sign('sha256', CONTENT, aKeyPair().privateKey);
    expect((await failures({ ...(await sigstore.sign(CONTENT)), signature })).integrity).toBe(WRONG);
  });

  test.each(['payload', 'payloadType'] as const)('is refused over an envelope with another %s', async (part) => {
    const material = await sigstore.signEnvelope(ENVELOPE);
    const envelope = { ...ENVELOPE, [part]: part === 'payload' ? Buffer.from('other') : 'text/plain' };
    expect((await failures({ ...material, envelope })).integrity).toBe('what was signed is not the envelope');
  });

  test.each(['logEntries', 'timeStamps'] as const)('is not looked at with 33 %s: CVE-2024-45395', async (list) => {
    const material = await sigstore.sign(CONTENT);
    const { [list]: one } = material;
    const found = await failures({ ...material, [list]: Array.from({ length: 33 }, () => one[0]) });
    const why = expect.stringMatching(/^expected at most 32 (log entries|time stamps), found 33$/);
    expect(found).toEqual({ integrity: why, authenticity: why, timestamp: why });
    expect(await failures({ ...material, [list]: Array.from({ length: 32 }, () => one[0]) })).toEqual({});
  });
});
