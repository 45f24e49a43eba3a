import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { call } from '#test/support/client.ts';
import { type Login, type Workstation, aRepository, describeClient } from '#test/support/clients.ts';
import type { Layout } from '#test/support/e2e-layout.ts';
import { usePeople } from '#test/support/e2e-people.ts';
import { tagsOf, useScene } from '#test/support/e2e-scene.ts';
import { LEGACY, SIGN, SIGNER, TRUST_POLICY, VERIFY } from '#test/support/e2e-signing.ts';

const PLAIN = '--tls-verify=false';
const UP = ['--dest-tls-verify=false', '--preserve-digests'];
const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const NOTARY = 'application/vnd.cncf.notary.signature';

describeClient(['cosign', 'notation', 'oras', 'podman', 'skopeo', 'crane'], () => {
  const scene = useScene();
  const people = usePeople(scene);
  let layout: Layout;
  let admin: Workstation;
  let signer: Workstation;
  let viewer: Workstation;
  const aUserOf = async (login: Login): Promise<Workstation> =>
    // crane keeps its login where docker does, and there cosign and notation look.
    await scene.aUserOf(['crane', 'oras', 'podman'], scene.host, login);
  beforeAll(async () => {
    layout = await scene.aLayout();
    admin = await scene.aUserOf('skopeo');
    signer = await aUserOf(await people.aUser(['registry-signer', 'e2e/']));
    viewer = await aUserOf(await people.aUser(['registry-viewer', 'e2e/']));
    await signer.succeed('cosign', ['generate-key-pair'], { folder: signer.folder });
    await copyFile(join(signer.folder, 'cosign.pub'), join(viewer.folder, 'cosign.pub'));
  });

  const remote = (repository: string, tag = '1'): string => `${scene.host}/${repository}:${tag}`;
  const pinned = (repository: string): string => `${scene.host}/${repository}@${layout.manifest.digest}`;
  const tagged = (suffix = ''): string => `${layout.manifest.digest.replace(':', '-')}${suffix}`;
  const anImage = async (): Promise<string> => {
    const repository = aRepository();
    await admin.succeed('skopeo', ['copy', ...UP, `oci:${layout.folder}:latest`, `docker://${remote(repository)}`]);
    return repository;
  };
  /** Runs a client in the home of whoever runs it, where keys and files lie. */
  const does = (who: Workstation, program: string, ...args: string[]): Promise<string> =>
    who.succeed(program, args, { folder: who.folder });
  const cannot = (who: Workstation, program: string, ...args: string[]): Promise<string> =>
    who.fail(program, args, { folder: who.folder });
  const attachedTo = async (repository: string): Promise<string[]> => {
    const path = `/v2/${repository}/referrers/${layout.manifest.digest}`;
    const { json } = await call(scene.url, { method: 'GET', path });
    return (json as { manifests: { artifactType: string }[] }).manifests.map(({ artifactType }) => artifactType);
  };

  it('signs with cosign, and a viewer verifies: a bundle among the referrers', async () => {
    const repository = await anImage();
    expect(await cannot(viewer, 'cosign', 'verify', ...VERIFY, pinned(repository))).toContain('no signatures found');
    await does(signer, 'cosign', 'sign', ...SIGN, pinned(repository));
    await does(viewer, 'cosign', 'verify', ...VERIFY, pinned(repository));
    expect([await attachedTo(repository), await tagsOf(scene.url, repository)]).toEqual([[BUNDLE], ['1']]);
  });

  it('signs with cosign as it was before bundles, twice, and a viewer verifies: under a tag', async () => {
    const repository = await anImage();
    for (const by of ['one', 'two'])
      await does(signer, 'cosign', 'sign', ...SIGN, LEGACY, '-a', `by=${by}`, pinned(repository));
    const verified = await does(viewer, 'cosign', 'verify', ...VERIFY, LEGACY, pinned(repository));
    expect(verified).toMatch(/"by":"one".*"by":"two"/);
    expect(await tagsOf(scene.url, repository)).toEqual(['1', tagged('.sig')]);
  });

  it.each([
    ['a bundle', [], ['1'], [BUNDLE]],
    ['a tag', [LEGACY], ['1', '.att'], []],
  ])('attests with cosign, and a viewer verifies: %s', async (_, format, tags, attached) => {
    const repository = await anImage();
    await writeFile(join(signer.folder, 'predicate.json'), '{"spdxVersion":"SPDX-2.3"}');
    const predicate = ['--type', 'spdxjson', '--predicate', 'predicate.json'];
    await does(signer, 'cosign', 'attest', ...SIGN, ...format, ...predicate, pinned(repository));
    const verify = ['verify-attestation', ...VERIFY, ...format, '--type', 'spdxjson', pinned(repository)];
    expect(await does(viewer, 'cosign', ...verify)).toContain('payload');
    const expected = tags.map((tag) => (tag.startsWith('.') ? tagged(tag) : tag));
    expect([await attachedTo(repository), await tagsOf(scene.url, repository)]).toEqual([attached, expected]);
  });

  it('signs with notation, twice, and a viewer verifies', async () => {
    const repository = await anImage();
    await does(signer, 'notation', 'cert', 'generate-test', '--default', SIGNER);
    const store = `.config/notation/truststore/x509/ca/${SIGNER}`;
    await mkdir(join(viewer.folder, store), { recursive: true });
    const certificate = join(store, `${SIGNER}.crt`);
    await copyFile(join(signer.folder, certificate), join(viewer.folder, certificate));
    await writeFile(join(viewer.folder, '.config/notation/trustpolicy.json'), JSON.stringify(TRUST_POLICY));
    const verify = ['verify', '--insecure-registry', pinned(repository)];
    expect(await cannot(viewer, 'notation', ...verify)).toContain('no signature is associated');
    // Once as it is out of the box, with an index under a tag, and once with the referrers list alone.
    for (const option of [[], ['--force-referrers-tag=false']]) {
      await does(signer, 'notation', 'sign', '--insecure-registry', ...option, pinned(repository));
      expect(await does(viewer, 'notation', ...verify)).toContain('Successfully verified signature');
    }
    await does(signer, 'notation', 'sign', '--insecure-registry', pinned(repository));
    expect(await attachedTo(repository)).toEqual([NOTARY, NOTARY, NOTARY]);
    expect(await tagsOf(scene.url, repository)).toEqual(['1', tagged()]);
  });

  it('attaches with oras', async () => {
    const repository = await anImage();
    await writeFile(join(signer.folder, 'note'), 'scanned');
    // Another one: what is there already oras does not send.
    await writeFile(join(viewer.folder, 'note'), 'not scanned');
    const attach = ['attach', '--plain-http', '--artifact-type', 'application/vnd.example.note'];
    await does(signer, 'oras', ...attach, remote(repository), 'note:text/plain');
    expect(await attachedTo(repository)).toEqual(['application/vnd.example.note']);
    expect(await cannot(viewer, 'oras', ...attach, remote(repository), 'note:text/plain')).toMatch(/denied/);
  });

  it('pushes no image, tag or artifact', async () => {
    const repository = await anImage();
    const other = await scene.aLayout();
    const image = await does(signer, 'podman', 'pull', '--quiet', `oci:${layout.folder}:latest`);
    const another = await does(signer, 'podman', 'pull', '--quiet', `oci:${other.folder}:latest`);
    await writeFile(join(signer.folder, 'file'), 'no image');
    const attempts = [
      ['podman', 'push', PLAIN, another, remote(repository)],
      ['podman', 'push', PLAIN, image, remote(repository, '2')],
      ['podman', 'push', PLAIN, another, remote(repository, tagged('.sig'))],
      ['oras', 'push', '--plain-http', remote(repository, 'artifact'), 'file:text/plain'],
      ['oras', 'tag', '--plain-http', remote(repository), 'another'],
      ['crane', 'tag', remote(repository), 'another'],
      ['crane', 'push', other.folder, remote(repository)],
    ] as const;
    for (const [program, ...args] of attempts) {
      expect([args, await cannot(signer, program, ...args)]).toEqual([args, expect.stringMatching(/denied/i)]);
    }
    expect([await tagsOf(scene.url, repository), await attachedTo(repository)]).toEqual([['1'], []]);
  });

  it('does not sign without the role', async () => {
    const repository = await anImage();
    await copyFile(join(signer.folder, 'cosign.key'), join(viewer.folder, 'cosign.key'));
    for (const format of [[], [LEGACY]]) {
      expect(await cannot(viewer, 'cosign', 'sign', ...SIGN, ...format, pinned(repository))).toMatch(/denied/i);
    }
    expect([await tagsOf(scene.url, repository), await attachedTo(repository)]).toEqual([['1'], []]);
  });
});
