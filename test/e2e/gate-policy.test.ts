import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Workstation, aWorkstation, describeClient } from '#test/support/clients.ts';
import { CLIENTS, aKeyPair, aPlace, expectAbsent, expectPulled, signingWith, useGate } from '#test/support/e2e-gate.ts';
import { signKeyless } from '#test/support/e2e-keyless.ts';
import type { Layout } from '#test/support/e2e-layout.ts';
import { KEY, aSigner } from '#test/support/e2e-openpgp.ts';
import { LEGACY } from '#test/support/e2e-signing.ts';
import { type TestSigstore, aTestSigstore, trustedRootFile } from '#test/trust/sigstore/instance.ts';

const BY_CI = { root: 'ci', identity: 'https://ci.test/app@main', issuer: 'https://issuer.test' };
const TWO_PEOPLE = [{ root: 'corp', subject: 'CN=alice' }, { root: 'corp', subject: 'CN=bob' }, { root: 'ops' }];
const PROVENANCE = { root: 'release', predicateType: 'https://slsa.dev/provenance/v1' };

/** One signature of one client. */
type Signing = (pinned: string) => Promise<unknown>;

describeClient(['cosign', 'notation', 'gpg', 'podman', 'skopeo', 'crane', 'oras'], () => {
  let sigstore: TestSigstore;
  let signer: Workstation;
  let editor: Workstation;
  let viewer: Workstation;
  const gate = useGate(async (smith) => {
    sigstore = await aTestSigstore();
    await writeFile(join(smith.folder, 'trusted_root.json'), trustedRootFile(sigstore.trustedRoot));
    signer = await aSigner(await aWorkstation());
    for (const name of ['alice', 'bob', 'carol']) await signer.succeed('notation', ['cert', 'generate-test', name]);
    const certificateOf = (name: string): string => join(signer.folder, `.config/notation/localkeys/${name}.crt`);
    return {
      roots: {
        release: { keys: [await aKeyPair(smith, 'release')] },
        ci: { sigstore: join(smith.folder, 'trusted_root.json') },
        corp: { x509: ['alice', 'bob', 'carol'].map(certificateOf) },
        ops: { openpgp: join(signer.folder, 'key.gpg') },
      },
      policies: [
        {
          repositories: 'team-a/**',
          mode: 'hold',
          require: { any: [{ root: 'release' }, BY_CI, { threshold: 2, of: TWO_PEOPLE }] },
        },
        { repositories: 'team-a/proven/**', mode: 'hold', require: { all: [BY_CI, PROVENANCE] } },
      ],
      simpleSigning: { extension: true },
    };
  });
  const { scene } = gate;
  beforeAll(async () => {
    scene.keep(signer);
    const login = await gate.people.aUser(['registry-signer', 'team-a/']);
    for (const program of CLIENTS) await signer.logIn(program, scene.host, login);
    editor = await gate.aPerson('registry-editor');
    viewer = await gate.aPerson('registry-viewer');
  });
  afterAll(() => signer.run('gpgconf', ['--kill', 'all']));

  const does = (program: string, ...args: string[]): Promise<string> =>
    signer.succeed(program, args, { folder: signer.folder });
  const notation =
    (name: string): Signing =>
    (pinned) =>
      does('notation', 'sign', '--insecure-registry', '--key', name, pinned);
  const openpgp: Signing = (pinned) => {
    const options = ['--all', '--preserve-digests', '--src-tls-verify=false', '--dest-tls-verify=false'];
    return does('skopeo', 'copy', ...options, '--sign-by', KEY, `docker://${pinned}`, `docker://${pinned}`);
  };
  const key: Signing = (pinned) => does('cosign', ...signingWith(join(gate.safe, 'release.key')), pinned);
  const identity: Signing = (pinned) => signKeyless(signer, pinned, { sigstore });
  const attestation =
    (...options: string[]): Signing =>
    async (pinned) => {
      await writeFile(join(signer.folder, 'predicate.json'), '{"buildDefinition":{},"runDetails":{}}');
      const [, ...words] = signingWith(join(gate.safe, 'release.key'));
      const predicate = ['--type', 'slsaprovenance1', '--predicate', 'predicate.json'];
      return await does('cosign', 'attest', ...words, ...predicate, ...options, pinned);
    };
  const push = async (kind: string): Promise<{ layout: Layout; name: string; pinned: string }> => {
    const [layout, place] = [await scene.aLayout(), aPlace(kind)];
    const up = ['copy', '--dest-tls-verify=false', '--preserve-digests', `oci:${layout.folder}:latest`];
    await editor.succeed('skopeo', [...up, `docker://${scene.host}/${place}:1.4`]);
    return { layout, name: `${place}:1.4`, pinned: `${scene.host}/${place}@${layout.manifest.digest}` };
  };

  it.each<[string, { kind?: string; before: Signing[]; complaint: RegExp; last: Signing }]>([
    ['a key', { before: [], complaint: /signed by {2}nobody yet/, last: key }],
    ['an identity', { before: [notation('carol')], complaint: /asks corp for another signer/, last: identity }],
    [
      'two people with certificates, and not one of them twice',
      { before: [notation('alice'), notation('alice')], complaint: /CN=alice.*: counts/, last: notation('bob') },
    ],
    [
      'one with a certificate and one with an OpenPGP key',
      { before: [openpgp, openpgp], complaint: /OpenPGP.*: counts/, last: notation('bob') },
    ],
    [
      'an attestation besides an identity, and no plain signature instead',
      { kind: 'proven', before: [identity, key], complaint: /a plain signature, and an att/, last: attestation() },
    ],
    [
      'an attestation as it was before bundles, besides an identity',
      { kind: 'proven', before: [attestation(LEGACY)], complaint: /slsa\.dev.*: counts/, last: identity },
    ],
  ])('takes what the policy takes: %s', async (_, { kind = 'app', before, complaint, last }) => {
    const { layout, name, pinned } = await push(kind);
    for (const sign of before) await sign(pinned);
    expect(await gate.complaint(name)).toMatch(complaint);
    await expectAbsent(viewer, `${scene.host}/${name}`);
    await last(pinned);
    await expectPulled(viewer, `${scene.host}/${name}`, layout);
  });
});
