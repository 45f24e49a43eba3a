import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Login, type Workstation, describeClient } from '#test/support/clients.ts';
import { withDocker } from '#test/support/e2e-docker.ts';
import {
  ABSENT,
  PLAIN,
  aKeyPair,
  aPlace,
  expectAbsent,
  expectPulled,
  signingWith,
  useGate,
} from '#test/support/e2e-gate.ts';
import type { Descriptor } from '#test/support/e2e-layout.ts';
import { LEGACY } from '#test/support/e2e-signing.ts';

const REQUIRE = { require: { root: 'release' } };

describeClient(['docker', 'dockerd', 'cosign', 'podman', 'skopeo', 'crane', 'oras', 'regctl', 'curl'], () => {
  const gate = useGate(async (smith) => ({
    roots: { release: { keys: [await aKeyPair(smith, 'release')] } },
    policies: ['hold', 'strict', 'audit'].map((mode) => ({ repositories: `team-a/${mode}/**`, mode, ...REQUIRE })),
  }));
  const { scene } = gate;
  let engine: Workstation;
  let editor: Workstation;
  let signer: Workstation;
  let viewer: Workstation & Login;
  beforeAll(async () => {
    engine = await withDocker(await scene.aStranger()).then(scene.keep);
    const login = await gate.aPerson('registry-editor');
    editor = login;
    await editor.logIn('regctl', scene.host, login);
    signer = await gate.aPerson('registry-signer');
    viewer = await gate.aPerson('registry-viewer');
    await engine.logIn('docker', scene.host, await gate.people.aUser(['registry-editor', 'team-a/']));
  });

  const anImage = (mode: string): string => `${scene.host}/${aPlace(mode)}:1.4`;
  /** Builds an image that says which it is. */
  const build = async (version: string, image: string): Promise<void> => {
    const context = join(engine.folder, version);
    await mkdir(context, { recursive: true });
    await writeFile(join(context, 'version'), version);
    await writeFile(join(context, 'Dockerfile'), 'FROM scratch\nCOPY version /\n');
    await engine.succeed('docker', ['build', '--quiet', '--tag', image, context]);
  };
  const push = async (version: string, image: string): Promise<void> => {
    await build(version, image);
    await engine.succeed('docker', ['push', image]);
  };
  /** What an image says it is, pulled by the viewer. */
  const pull = async (image: string): Promise<string> => {
    const id = await viewer.succeed('podman', ['pull', '--quiet', PLAIN, image]);
    return await readFile(join(await viewer.succeed('podman', ['image', 'mount', id]), 'version'), 'utf8');
  };
  const sign = (image: string, ...options: string[]): Promise<string> =>
    signer.succeed('cosign', [...signingWith(join(gate.safe, 'release.key')), ...options, image]);

  it('hold: a viewer has the old image until the new one is signed, and the new one right after', async () => {
    const image = anImage('hold');
    await push('v1', image);
    await expectAbsent(viewer, image);
    await sign(image);
    expect(await pull(image)).toBe('v1');
    await push('v2', image);
    expect(await pull(image)).toBe('v1');
    await sign(image);
    expect(await pull(image)).toBe('v2');
  });

  it('hold: an older push that is signed later never replaces a newer one', async () => {
    const image = anImage('hold');
    const [name = ''] = image.split(':1.4');
    const digests: string[] = [];
    for (const version of ['v1', 'v2']) {
      await push(version, image);
      digests.push(await editor.succeed('crane', ['digest', image]));
    }
    const [first, second] = digests.map((digest) => `${name}@${digest}`);
    await sign(first ?? '');
    await expectAbsent(viewer, image);
    expect(await pull(first ?? '')).toBe('v1');
    await sign(second ?? '');
    expect(await pull(image)).toBe('v2');
    await sign(first ?? '', LEGACY);
    expect(await pull(image)).toBe('v2');
  });

  it('hold: what is held is there for whoever pushes, and in no list of a viewer', async () => {
    const image = anImage('hold');
    await push('v1', image);
    await editor.succeed('podman', ['pull', '--quiet', PLAIN, image]);
    const [repository = ''] = image.split(':1.4');
    expect(await editor.succeed('crane', ['ls', repository])).toBe('1.4');
    expect(await viewer.run('crane', ['ls', repository])).toMatchObject({ stdout: '' });
    const digest = await editor.succeed('crane', ['digest', image]);
    const { layers } = JSON.parse(await editor.succeed('crane', ['manifest', image])) as { layers: [Descriptor] };
    for (const [act, what] of [
      ['manifest', digest],
      ['digest', digest],
      ['blob', layers[0].digest],
    ] as const) {
      expect(await viewer.fail('crane', [act, `${repository}@${what}`])).toMatch(/MANIFEST_UNKNOWN|BLOB_UNKNOWN|404/);
    }
    // The engine is anybody's; who is logged in is the viewer.
    const dockerPull = ['--host', `unix://${join(engine.folder, 'docker.sock')}`, 'pull', image];
    expect(await viewer.fail('docker', dockerPull)).toMatch(ABSENT);
    await sign(image);
    await viewer.succeed('docker', dockerPull);
    expect(await viewer.succeed('crane', ['ls', repository])).toBe('1.4');
    expect(await viewer.succeed('crane', ['digest', image])).toBe(digest);
  });

  describe('strict', () => {
    it('docker hears why its tag is refused, and how to sign', async () => {
      const image = anImage('strict');
      await build('v1', image);
      const said = await engine.fail('docker', ['push', image]);
      expect(said).toMatch(/denied: team-a\/strict\/\w+:1\.4 needs a signature first: /);
      expect(said).toMatch(/push it by its digest, sign that \(cosign sign --key .*\), then push the tag/);
      await expectAbsent(editor, image);
    });

    it.each([
      ['crane', (folder: string, to: string, digest: string) => ['push', folder, `${to}@${digest}`]],
      ['oras', (folder: string, to: string) => ['cp', '--from-oci-layout', '--to-plain-http', `${folder}:latest`, to]],
    ] as const)('takes what %s pushes by digest, and the tag once that is signed', async (client, push) => {
      const image = anImage('strict');
      const layout = await scene.aLayout();
      const { digest } = layout.manifest;
      const [repository = ''] = image.split(':1.4');
      await editor.succeed(client, push(layout.folder, repository, digest));
      const tag = ['tag', `${repository}@${digest}`, '1.4'];
      expect(await editor.fail('crane', tag)).toMatch(/DENIED.*needs a signature first.*cosign sign --key/s);
      await sign(`${repository}@${digest}`);
      await editor.succeed('crane', tag);
      await expectPulled(viewer, image, layout);
      await editor.succeed('oras', ['tag', '--plain-http', image, 'latest']);
      await expectPulled(viewer, `${repository}:latest`, layout);
    });
  });

  it.each([
    ['oras', (from: string, to: string) => ['cp', '-r', '--from-plain-http', '--to-plain-http', from, to]],
    ['regctl', (from: string, to: string) => ['image', 'copy', '--referrers', from, to]],
  ] as const)('strict: takes what %s copies with its signatures, and not without', async (client, copy) => {
    const [from, to] = [anImage('hold'), anImage('strict')];
    await push('v1', from);
    expect(await editor.fail(client, copy(from, to))).toContain('needs a signature first');
    await sign(from);
    await editor.succeed(client, copy(from, to));
    expect(await pull(to)).toBe('v1');
  });

  it.each([
    ['a bundle', []],
    ['a tag', [LEGACY]],
  ])('audit: everything passes, with a warning until it is signed: %s', async (_, options) => {
    const image = anImage('audit');
    await push('v1', image);
    expect(await pull(image)).toBe('v1');
    const [repository = ''] = image.slice(scene.host.length + 1).split(':1.4');
    const url = `${scene.url}/v2/${repository}/manifests/1.4`;
    const warnings = async (): Promise<string[]> => {
      const curl = ['--silent', '--head', '--user', `${viewer.name}:${viewer.password}`, url];
      const head = await viewer.succeed('curl', curl);
      expect(head).toMatch(/^HTTP\/1\.1 200 /);
      return head.match(/^warning: .*$/gim) ?? [];
    };
    expect(await warnings()).toEqual([expect.stringMatching(/^warning: 299 - "it needs .*"/i)]);
    await sign(image, ...options);
    // Of what passes anyway nobody waits for the judge.
    await expect.poll(warnings).toEqual([]);
    expect(await pull(image)).toBe('v1');
  });
});
