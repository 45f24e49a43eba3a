import { generateKeyPairSync } from 'node:crypto';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Role } from '#access/permissions.ts';
import { type Workstation, aWorkstation, describeClient } from '#test/support/clients.ts';
import {
  PLAIN,
  aKeyPair,
  aPlace,
  expectAbsent,
  expectPulled,
  signingWith,
  useGate,
  verifyingWith,
} from '#test/support/e2e-gate.ts';
import { signKeyless, trusting } from '#test/support/e2e-keyless.ts';
import type { Layout } from '#test/support/e2e-layout.ts';
import { KEY, aSigner, believe } from '#test/support/e2e-openpgp.ts';
import { LEGACY, TRUST_POLICY } from '#test/support/e2e-signing.ts';
import { type TestSigstore, aTestSigstore, trustedRootFile } from '#test/trust/sigstore/instance.ts';

/** Keys that cosign has not made. */
const IMPORTED = {
  p384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ed25519: generateKeyPairSync('ed25519'),
};
const REFERRERS = '--registry-referrers-mode=oci-1-1';
const CORP = 'corp.example.org';
const STRANGER = 'stranger.example.org';
const BY_CI = { root: 'ci', identity: 'https://ci.test/app@main', issuer: 'https://issuer.test' };

/** An image that was pushed. */
interface Pushed {
  readonly name: string;
  readonly tagged: string;
  readonly pinned: string;
}

/** How a client signs; and how it verifies, as somebody who only pulls, where it can. */
interface Way {
  readonly root: 'keys' | 'ci' | 'corp' | 'ops';
  readonly sign: (image: Pushed, by: 'signer' | 'stranger') => Promise<unknown>;
  readonly verify?: (image: Pushed) => readonly [program: string, ...args: string[]];
  /** What is said of a signature by a stranger. */
  readonly complaint: RegExp;
}

describeClient(['cosign', 'notation', 'gpg', 'podman', 'skopeo', 'crane', 'oras'], () => {
  let sigstore: TestSigstore;
  let signer: Workstation;
  let stranger: Workstation;
  let editor: Workstation;
  let viewer: Workstation;
  let node: Workstation;
  let keylessly: readonly string[];
  const gate = useGate(async (smith) => {
    sigstore = await aTestSigstore();
    await writeFile(join(smith.folder, 'trusted_root.json'), trustedRootFile(sigstore.trustedRoot));
    [signer, stranger] = [await aSigner(await aWorkstation()), await aSigner(await aWorkstation())];
    for (const [who, name] of [
      [signer, CORP],
      [stranger, STRANGER],
    ] as const) {
      await who.succeed('notation', ['cert', 'generate-test', '--default', name]);
    }
    const keys = [await aKeyPair(smith, 'release')];
    await aKeyPair(smith, 'stranger');
    for (const [name, { privateKey }] of Object.entries(IMPORTED)) {
      await writeFile(join(smith.folder, `${name}.pem`), privateKey.export({ type: 'pkcs8', format: 'pem' }));
      const files = ['--key', `${name}.pem`, '--output-key-prefix', name];
      await smith.succeed('cosign', ['import-key-pair', '--yes', ...files], smith);
      keys.push(join(smith.folder, `${name}.pub`));
    }
    return {
      roots: {
        keys: { keys },
        ci: { sigstore: join(smith.folder, 'trusted_root.json') },
        corp: { x509: [join(signer.folder, `.config/notation/localkeys/${CORP}.crt`)] },
        ops: { openpgp: join(signer.folder, 'key.gpg') },
      },
      policies: [
        { repositories: 'team-a/keys/**', require: { root: 'keys' } },
        { repositories: 'team-a/ci/**', require: BY_CI },
        { repositories: 'team-a/corp/**', require: { root: 'corp', subject: `CN=${CORP}` } },
        { repositories: 'team-a/ops/**', require: { root: 'ops' } },
        { repositories: 'team-a/strict/**', mode: 'strict', require: { root: 'ops' } },
      ],
      simpleSigning: { extension: true },
    };
  });
  const { scene } = gate;
  beforeAll(async () => {
    for (const who of [signer, stranger]) {
      scene.keep(who);
      const login = await gate.people.aUser(['registry-signer', 'team-a/']);
      for (const program of ['podman', 'skopeo', 'crane', 'oras']) await who.logIn(program, scene.host, login);
    }
    editor = await gate.aPerson('registry-editor');
    viewer = await gate.aPerson('registry-viewer');
    node = await gate.aPerson('registry-viewer');
    keylessly = await trusting(viewer, sigstore);
    await believe(node, scene.host, signer);
    const store = `.config/notation/truststore/x509/ca/${CORP}`;
    await mkdir(join(viewer.folder, store), { recursive: true });
    const certificate = join(signer.folder, `.config/notation/localkeys/${CORP}.crt`);
    await copyFile(certificate, join(viewer.folder, store, `${CORP}.crt`));
    const [policy] = TRUST_POLICY.trustPolicies;
    const policies = { ...TRUST_POLICY, trustPolicies: [{ ...policy, trustStores: [`ca:${CORP}`] }] };
    await writeFile(join(viewer.folder, '.config/notation/trustpolicy.json'), JSON.stringify(policies));
  });
  afterAll(async () => {
    for (const who of [signer, stranger]) await who.run('gpgconf', ['--kill', 'all']);
  });

  const anImage = async (root: string, { folder, manifest }: Layout): Promise<Pushed> => {
    const place = aPlace(root);
    const [name, to] = [`${place}:1.4`, `${scene.host}/${place}`];
    const up = ['copy', '--dest-tls-verify=false', '--preserve-digests'];
    await editor.succeed('skopeo', [...up, `oci:${folder}:latest`, `docker://${to}:1.4`]);
    return { name, tagged: `${to}:1.4`, pinned: `${to}@${manifest.digest}` };
  };
  /** With podman and skopeo, until the next time. */
  const loggedInAs = async (role: Role, person: Workstation): Promise<void> => {
    const login = await gate.people.aUser([role, 'team-a/']);
    await person.logIn('podman', scene.host, login);
  };
  const who = (by: 'signer' | 'stranger'): Workstation => (by === 'signer' ? signer : stranger);
  const withKey = (name: string, ...options: string[]): Way => ({
    root: 'keys',
    sign: ({ pinned }, by) => {
      const key = join(gate.safe, `${by === 'signer' ? name : 'stranger'}.key`);
      return who(by).succeed('env', ['COSIGN_EXPERIMENTAL=1', 'cosign', ...signingWith(key), ...options, pinned]);
    },
    complaint: /signed by {2}unknown \(cosign, .*\): does not count: integrity: no key of this root made it/,
  });
  const verifiable = (way: Way, name: string, ...options: string[]): Way => ({
    ...way,
    verify: ({ pinned }) => ['cosign', 'verify', ...verifyingWith(join(gate.safe, `${name}.pub`)), ...options, pinned],
  });
  const keyless: Way = {
    root: 'ci',
    sign: ({ pinned }, by) =>
      signKeyless(who(by), pinned, { sigstore, ...(by === 'signer' ? {} : { identity: `${BY_CI.identity}2` }) }),
    verify: ({ pinned }) => ['cosign', 'verify', '--allow-http-registry', ...keylessly, pinned],
    complaint: /signed by {2}https:\/\/ci\.test\/app@main2 .*: does not count: the policy asks ci for another signer/,
  };
  const withCertificate = (format: string): Way => ({
    root: 'corp',
    sign: ({ pinned }, by) =>
      who(by).succeed('notation', ['sign', '--insecure-registry', '--signature-format', format, pinned]),
    verify: ({ pinned }) => ['notation', 'verify', '--insecure-registry', pinned],
    complaint:
      /signed by {2}CN=stranger\.example\.org,.*: does not count: .* no certificate of the chain is in the trust/,
  });
  const bySkopeo: Way = {
    root: 'ops',
    sign: ({ pinned }, by) => {
      const options = ['--all', '--preserve-digests', '--src-tls-verify=false', '--dest-tls-verify=false'];
      return who(by).succeed('skopeo', [
        'copy',
        ...options,
        '--sign-by',
        KEY,
        `docker://${pinned}`,
        `docker://${pinned}`,
      ]);
    },
    complaint: /signed by {2}OpenPGP key \w{16} .*: does not count: .* no key of the ring has the id /,
  };

  it.each<[string, Way]>([
    ['cosign: a bundle', verifiable(withKey('release'), 'release')],
    ['cosign: a tag', verifiable(withKey('release', LEGACY), 'release', LEGACY)],
    // cosign 3 writes these two and reads neither.
    ['cosign: a referrer of OCI 1.1', withKey('release', LEGACY, REFERRERS)],
    ['cosign: P-384', withKey('p384')],
    ['cosign: RSA', verifiable(withKey('rsa'), 'rsa')],
    ['cosign: Ed25519', withKey('ed25519')],
    ['cosign: an identity', keyless],
    ['notation: JWS', withCertificate('jws')],
    ['notation: COSE', withCertificate('cose')],
    ['skopeo: OpenPGP', bySkopeo],
  ])('holds what an editor pushed until a signer has signed it, and nobody else: %s', async (_, way) => {
    const layout = await scene.aLayout();
    const image = await anImage(way.root, layout);
    const [program, ...verify] = way.verify?.(image) ?? ['crane', 'manifest', image.pinned];
    await expectAbsent(viewer, image.tagged);
    await way.sign(image, 'stranger');
    const complaint = await gate.complaint(image.name);
    expect(complaint).toMatch(/ is held since .*, pushed by user-/);
    expect(complaint).toMatch(way.complaint);
    await expectAbsent(viewer, image.tagged);
    expect(await viewer.fail(program, verify)).toMatch(/not found|unknown|no signatures found/i);

    await way.sign(image, 'signer');
    await expectPulled(viewer, image.tagged, layout);
    await viewer.succeed(program, verify);
  });

  it('podman push --sign-by passes by itself, and a node that wants the signature pulls it', async () => {
    const [layout, name] = [await scene.aLayout(), aPlace('ops')];
    const tagged = `${scene.host}/${name}:1.4`;
    const push = async (by: Workstation): Promise<void> => {
      await loggedInAs('registry-editor', by);
      const image = await by.succeed('podman', ['pull', '--quiet', `oci:${layout.folder}:latest`]);
      await by.succeed('podman', ['push', PLAIN, '--sign-by', KEY, image, tagged]);
    };
    await push(stranger);
    expect(await gate.complaint(`${name}:1.4`)).toMatch(bySkopeo.complaint);
    await expectAbsent(viewer, tagged);
    await push(signer);
    await expectPulled(viewer, tagged, layout);
    await expectPulled(node, tagged, layout);
  });

  it('strict: takes the tag of what skopeo has signed by its digest; podman, which signs last, it refuses', async () => {
    const layout = await scene.aLayout();
    const name = `${scene.host}/${aPlace('strict')}`;
    const image = { name, tagged: `${name}:1.4`, pinned: `${name}@${layout.manifest.digest}` };
    await loggedInAs('registry-editor', signer);
    const id = await signer.succeed('podman', ['pull', '--quiet', `oci:${layout.folder}:latest`]);
    const push = ['push', PLAIN, '--sign-by', KEY, id, image.tagged];
    expect(await signer.fail('podman', push)).toContain('needs a signature first');
    const up = ['copy', '--dest-tls-verify=false', '--preserve-digests', `oci:${layout.folder}:latest`];
    await editor.succeed('skopeo', [...up, `docker://${image.pinned}`]);
    expect(await editor.fail('crane', ['tag', image.pinned, '1.4'])).toContain(`skopeo copy --all`);
    await bySkopeo.sign(image, 'signer');
    await editor.succeed('crane', ['tag', image.pinned, '1.4']);
    await expectPulled(viewer, image.tagged, layout);
  });

  it.each([
    ['keys', () => join(gate.safe, 'release.key'), ['--yes', '--allow-http-registry']],
    ['corp', () => CORP, ['--insecure-registry']],
    ['ops', () => KEY, ['--src-tls-verify=false', '--dest-tls-verify=false']],
  ])('what trust explain says to type is what publishes: %s', async (root, key, options) => {
    const layout = await scene.aLayout();
    const image = await anImage(root, layout);
    const [, command = ''] = /^what would release it:\n.*\n {4}(.*)$/m.exec(await gate.complaint(image.name)) ?? [];
    expect(command).toContain(image.pinned);
    const [program = '', verb = '', ...words] = command.replaceAll(/'<[^>]*>'/g, key()).split(' ');
    await signer.succeed(program, [verb, ...options, ...words]);
    await expectPulled(viewer, image.tagged, layout);
  });
});
