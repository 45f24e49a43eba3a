import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { type HintSubject, hintsFor, hostOf } from '#trust/hints.ts';
import type { Missing } from '#trust/policy.ts';
import type { StatementOptions } from '#trust/requirement.ts';
import type { Root } from '#trust/root.ts';
import { digestFor } from './engine.ts';

const KEY = generateKeyPairSync('ed25519').publicKey;
const DIGEST = digestFor('image');
const SUBJECT: HintSubject = { repository: 'team-a/app', digest: DIGEST, host: 'registry.example.com:5000' };
const IMAGE = `registry.example.com:5000/team-a/app@${DIGEST}`;
const SLSA = 'https://slsa.dev/provenance/v1';
const FINGERPRINT = 'ABCD'.repeat(10);
const OFFLINE = '--use-signing-config=false --tlog-upload=false';

function missing(kind: Root['kind'], statement: Omit<StatementOptions, 'root'>, root = 'release'): Missing {
  return { words: 'a signature', root, kind, statement: { root, ...statement } };
}

test.each<[Missing, readonly string[]]>([
  [missing('keys', {}), [`cosign sign --key '<private key of release>' ${OFFLINE} ${IMAGE}`]],
  [
    missing('keys', { predicateType: SLSA }),
    [`cosign attest --type ${SLSA} --predicate '<file>' --key '<private key of release>' ${OFFLINE} ${IMAGE}`],
  ],
  [
    missing('sigstore', { identity: 'https://ci.example.com/a@main', issuer: 'https://ci.example.com' }, 'ci'),
    [`cosign sign ${IMAGE}  # as https://ci.example.com/a@main of https://ci.example.com`],
  ],
  [
    missing('sigstore', { identityPattern: '*@example.com', issuer: 'https://x', predicateType: SLSA }, 'ci'),
    [`cosign attest --type ${SLSA} --predicate '<file>' ${IMAGE}  # as *@example.com of https://x`],
  ],
  [missing('x509', {}, 'corp'), [`notation sign --key '<name of a key with a certificate of corp>' ${IMAGE}`]],
  [
    missing('x509', { subject: 'CN=alice' }, 'corp'),
    [`notation sign --key '<name of a key with a certificate of corp for CN=alice>' ${IMAGE}`],
  ],
  [missing('x509', { predicateType: SLSA }, 'corp'), []],
  [
    missing('openpgp', { key: 'abcd '.repeat(10) }, 'ops'),
    [
      `skopeo copy --all --preserve-digests --sign-by ${FINGERPRINT} docker://${IMAGE} docker://${IMAGE}`,
      `podman push --sign-by ${FINGERPRINT} registry.example.com:5000/team-a/app:1.4`,
    ],
  ],
  [missing('openpgp', { predicateType: SLSA }, 'ops'), []],
])('for %j there is something to type', (what, want) => {
  expect(hintsFor(what, { ...SUBJECT, tag: '1.4' })).toEqual(want);
});

test('without a tag that waits nobody is told to push', () => {
  expect(hintsFor(missing('openpgp', {}, 'ops'), SUBJECT)).toEqual([
    `skopeo copy --all --preserve-digests --sign-by '<fingerprint of a key of ops>' docker://${IMAGE} docker://${IMAGE}`,
  ]);
});

test('a registry that does not know its name is called HOST', () => {
  const [command] = hintsFor(missing('keys', {}), { ...SUBJECT, host: undefined });
  expect(command).toContain(` HOST/team-a/app@${DIGEST}`);
});

test.each([
  [undefined, undefined],
  ['https://registry.example.com', 'registry.example.com'],
  ['http://127.0.0.1:5000/', '127.0.0.1:5000'],
])('at %s images are under %s', (publicUrl, want) => {
  expect(hostOf(publicUrl)).toBe(want);
});

test.each<[string | undefined, readonly [string, string][], string]>([
  [undefined, [['/etc/keys/release.pub', 'aa']], 'release.pub'],
  [
    undefined,
    [
      ['/a.pub', 'aa'],
      ['/b.pub', 'bb'],
    ],
    'release',
  ],
  [
    'BB',
    [
      ['/a.pub', 'aa'],
      ['/b.pub', 'bb'],
    ],
    'b.pub',
  ],
  ['cc', [['/a.pub', 'aa']], 'release'],
])('the key %s of %j is called %s', (key, files, want) => {
  const keys = files.map(([file, spkiHash]) => ({ key: KEY, file, spkiHash }));
  const root: Root = { kind: 'keys', name: 'release', version: '1', problem: undefined, keys };
  const [command] = hintsFor(missing('keys', { key }), { ...SUBJECT, roots: [root] });
  expect(command).toContain(`'<private key of ${want}>'`);
});

test('what a configuration says runs nothing in the shell it is pasted into', () => {
  const evil = `x'; echo run; \n echo run #$(echo run)\`echo run\``;
  const hints = [
    missing('keys', { predicateType: evil }),
    missing('sigstore', { identity: evil, issuer: evil }),
    missing('sigstore', { identity: evil, issuer: evil, predicateType: evil }),
    missing('x509', { subject: evil }),
    missing('openpgp', {}, evil),
  ].flatMap((one) => hintsFor(one, SUBJECT));
  expect(hints).toHaveLength(5);
  for (const hint of hints) {
    // Each client is a function that prints its first word: whatever else is printed was run.
    const script = `cosign() { echo ok; }; notation() { echo ok; }; skopeo() { echo ok; }\n${hint}\n`;
    expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' })).toBe('ok\n');
  }
});
