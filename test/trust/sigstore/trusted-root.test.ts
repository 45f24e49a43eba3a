import { beforeAll, describe, expect, test } from 'vitest';
import { parseTrustedRoot } from '#trust/sigstore/trusted-root.ts';
import { type TestSigstore, aTestSigstore, trustedRootFile } from './instance.ts';

const V01 = 'application/vnd.dev.sigstore.trustedroot+json;version=0.1';
const V02 = 'application/vnd.dev.sigstore.trustedroot.v0.2+json';

let sigstore: TestSigstore;
beforeAll(async () => {
  sigstore = await aTestSigstore();
});

/** A trusted root as JSON, after something was done to it. */
function fileWith(change: (root: Shape) => unknown): Buffer {
  const root: Shape = JSON.parse(trustedRootFile(sigstore.trustedRoot).toString());
  return Buffer.from(JSON.stringify({ ...root, ...Object(change(root)) }));
}

interface Shape {
  readonly tlogs: readonly Record<string, unknown>[];
  readonly ctlogs: readonly Record<string, unknown>[];
  readonly certificateAuthorities: readonly Record<string, unknown>[];
}

describe('a trusted root', () => {
  test.each([V01, V02])('is read as %s', (mediaType) => {
    expect(parseTrustedRoot(fileWith(() => ({ mediaType })))).toEqual({ ...sigstore.trustedRoot, mediaType });
  });

  test('needs no time stamp authority', () => {
    const root = parseTrustedRoot(fileWith(() => ({ timestampAuthorities: undefined })));
    expect(root.timestampAuthorities).toEqual([]);
  });

  test('may say more than is understood', () => {
    expect(parseTrustedRoot(fileWith(() => ({ later: true })))).toEqual(sigstore.trustedRoot);
  });

  const logWith = (change: object) => (root: Shape) => ({ tlogs: [{ ...root.tlogs[0], ...change }] });
  test.each<[string, (root: Shape) => unknown, RegExp]>([
    ['another media type', () => ({ mediaType: 'application/json' }), /no trusted root of sigstore: .*mediaType/s],
    ['no media type', () => ({ mediaType: undefined }), /mediaType/],
    ['no transparency log', () => ({ tlogs: [] }), /tlogs/],
    ['no log of certificates', () => ({ ctlogs: undefined }), /ctlogs/],
    ['no certificate authority', () => ({ certificateAuthorities: [] }), /certificateAuthorities/],
    ['a hundred and one logs', ({ tlogs }) => ({ tlogs: Array.from({ length: 101 }, () => tlogs[0]) }), /tlogs/],
    ['a log without an id', logWith({ logId: undefined }), /logId/],
    [
      'a log with an id too short',
      logWith({ logId: { keyId: 'AAAA' } }),
      /tlogs\[0\] cannot be used: it has no log id/,
    ],
    ['a log without a key', logWith({ publicKey: {} }), /rawBytes/],
    ['a log with a key of garbage', logWith({ publicKey: { rawBytes: 'AAAA' } }), /tlogs\[0\] cannot be used/],
    ['a log of another hash', logWith({ hashAlgorithm: 'SHA2_512' }), /hashAlgorithm/],
    ['a log that is null', () => ({ tlogs: [null] }), /tlogs/],
    [
      'an authority with a certificate of garbage',
      () => ({ certificateAuthorities: [{ certChain: { certificates: [{ rawBytes: 'AAAA' }] } }] }),
      /certificateAuthorities\[0\] cannot be used/,
    ],
    [
      'an authority without certificates',
      () => ({ certificateAuthorities: [{ certChain: { certificates: [] } }] }),
      /certificates/,
    ],
    [
      'an authority whose time is no time',
      ({ certificateAuthorities: [authority] }) => ({
        certificateAuthorities: [{ ...authority, validFor: { start: 'once' } }],
      }),
      /start/,
    ],
  ])('is refused with %s', (_, change, why) => {
    expect(() => parseTrustedRoot(fileWith(change))).toThrow(why);
  });

  test.each([
    ['nothing', ''],
    ['no JSON', 'mediaType: x'],
    ['a list', '[]'],
    ['null', 'null'],
    ['a member twice', `{"mediaType":"${V01}","mediaType":"${V02}"}`],
    ['half of it', () => trustedRootFile(sigstore.trustedRoot).subarray(0, 500).toString()],
    ['more than a mebibyte', () => ' '.repeat(1024 * 1024 + 1)],
  ])('is refused when it is %s', (_, content) => {
    expect(() => parseTrustedRoot(Buffer.from(typeof content === 'string' ? content : content()))).toThrow(Error);
  });
});
