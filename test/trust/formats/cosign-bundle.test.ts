import { describe, expect, test } from 'vitest';
import type { Subject } from '#trust/format.ts';
import {
  ALICE,
  BUNDLE_TYPE,
  MALLORY,
  aBundle,
  aScene,
  aStatement,
  anEnvelope,
  attach,
  findingsOf,
  onlyFinding,
  vouchers,
} from './cosign-signing.ts';

const RELEASE = 'release: alice.pub';

describe('a bundle', () => {
  const good = (subject: Subject): object => anEnvelope(aStatement(subject.digest), ALICE);

  test.each<[string, (subject: Subject) => string, string]>([
    ['that is garbage of the right type', () => '\u0000\u0001garbage', 'expected a JSON document'],
    ['that is truncated', (of) => aBundle(good(of)).slice(0, 400), 'expected a JSON document'],
    ['that is null', () => 'null', 'bundle: document'],
    [
      'of a version nobody knows',
      (of) => aBundle(good(of), { mediaType: BUNDLE_TYPE.replace('v0.3', 'v0.4') }),
      'bundle: mediaType',
    ],
    [
      'without verification material',
      (of) => aBundle(good(of), { verificationMaterial: undefined }),
      'bundle: verificationMaterial',
    ],
    ['with nobody who made it', (of) => aBundle(good(of), { verificationMaterial: {} }), 'exactly one of publicKey'],
    [
      'with a key and a certificate',
      (of) => aBundle(good(of), { verificationMaterial: { publicKey: {}, certificate: { rawBytes: 'AAAA' } } }),
      'exactly one of publicKey',
    ],
    ['with an envelope and a message', (of) => aBundle(good(of), { messageSignature: {} }), 'a signature of a file'],
    ['of a file', () => aBundle({}, { dsseEnvelope: undefined, messageSignature: {} }), 'a signature of a file'],
    ['without an envelope', () => aBundle({}, { dsseEnvelope: undefined }), 'envelope: document'],
    [
      'with 33 log entries',
      (of) =>
        aBundle(good(of), {
          verificationMaterial: {
            publicKey: {},
            tlogEntries: Array.from({ length: 33 }, () => ({ canonicalizedBody: 'AAAA' })),
          },
        }),
      'verificationMaterial.tlogEntries',
    ],
    [
      'with 33 time stamps',
      (of) =>
        aBundle(good(of), {
          verificationMaterial: {
            publicKey: {},
            timestampVerificationData: {
              rfc3161Timestamps: Array.from({ length: 33 }, () => ({ signedTimestamp: 'AAAA' })),
            },
          },
        }),
      'rfc3161Timestamps',
    ],
    [
      'with the envelope twice',
      (of) =>
        aBundle(good(of)).replace(
          '"dsseEnvelope"',
          `"dsseEnvelope":${JSON.stringify(anEnvelope(aStatement(of.digest), MALLORY))},"dsseEnvelope"`,
        ),
      'a member twice: "dsseEnvelope"',
    ],
    [
      'whose statement has the subject twice',
      (of) => aBundle(anEnvelope(aStatement(of.digest).replace('"subject"', '"subject":[],"subject"'), ALICE)),
      'a member twice: "subject"',
    ],
    [
      'with a payload that is no JSON (CVE-2026-39395)',
      () => aBundle(anEnvelope('<xml/>', ALICE)),
      'expected a JSON document',
    ],
    [
      'of more than 8 MiB',
      (of) => aBundle(good(of), { padding: 'x'.repeat(8 << 20) }),
      'expected at most 8388608 bytes',
    ],
  ])('%s counts for nothing', async (_, content, problem) => {
    const { shelf, subject } = aScene();
    attach(shelf, subject, content(subject));
    expect(await onlyFinding(shelf, subject)).toMatchObject({
      isAboutSubject: false,
      problem: expect.stringContaining(problem),
      testimonies: [],
    });
  });

  test.each<[string, (text: string) => string]>([
    ['without padding', (text) => text.replace(/=+$/, '')],
    ['with padding too much', (text) => `${text}====`],
    ['with blanks', (text) => `${text.slice(0, 4)}\n${text.slice(4)}`],
    ['in the alphabet of URLs', (text) => text.replaceAll('+', '-').replaceAll('/', '_')],
    ['with bits that nobody reads', (text) => lastBitsSet(text)],
  ])('in base64 %s counts for nothing', async (_, change) => {
    const { shelf, subject } = aScene();
    // Until the text has what is to be changed in it.
    let sig = '';
    while (change(sig) === sig || !/[+/].*[^=]==$|[+/].*[^=]=$/.test(sig)) {
      const made = good(subject) as { signatures: [{ sig: string }] };
      sig = made.signatures[0].sig;
    }
    attach(shelf, subject, aBundle({ ...good(subject), signatures: [{ sig: change(sig) }] }));
    attach(shelf, subject, aBundle({ ...good(subject), signatures: [{ sig }] }));
    const findings = await findingsOf(shelf, subject);
    expect(vouchers(findings)).toEqual([RELEASE]);
    expect(findings.map(({ problem }) => problem)).toContainEqual(
      expect.stringContaining('envelope: signatures.0.sig'),
    );
  });
});

/** The same bytes to a lenient decoder: the bits before the padding are not looked at. */
function lastBitsSet(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const at = text.indexOf('=') - 1;
  if (at < 0) return text;
  return `${text.slice(0, at)}${alphabet[alphabet.indexOf(text.charAt(at)) + 1]}${text.slice(at + 1)}`;
}
