import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type Call, call } from '#test/support/client.ts';
import { type Login, type Workstation, describeClient } from '#test/support/clients.ts';
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
import type { Layout } from '#test/support/e2e-layout.ts';

type Person = Workstation & Login;

// The server looks at files every 5 s by itself.
const SECONDS = { timeout: 20_000, interval: 250 };

describeClient(['cosign', 'podman', 'skopeo', 'crane', 'oras'], () => {
  const gate = useGate(async (smith) => {
    await aKeyPair(smith, 'release');
    await copyFile(join(smith.folder, 'release.pub'), join(smith.folder, 'trusted.pub'));
    await aKeyPair(smith, 'next');
    const roots = {
      changing: { keys: [join(smith.folder, 'trusted.pub')] },
      release: { keys: [join(smith.folder, 'release.pub')] },
    };
    return {
      roots,
      policies: [
        { repositories: 'team-a/enforce/**', mode: 'hold', pull: 'enforce', require: { root: 'changing' } },
        { repositories: 'team-a/hold/**', mode: 'hold', require: { root: 'release' } },
      ],
    };
  });
  const { scene } = gate;
  let editor: Person;
  let signer: Person;
  let viewer: Person;
  beforeAll(async () => {
    [editor, signer, viewer] = [
      await gate.aPerson('registry-editor'),
      await gate.aPerson('registry-signer'),
      await gate.aPerson('registry-viewer'),
    ];
  });

  const remote = (repository: string): string => `${scene.host}/${repository}`;
  const sign = (image: string, key = 'release'): Promise<string> =>
    signer.succeed('cosign', [...signingWith(join(gate.safe, `${key}.key`)), image]);
  const push = async (who: Workstation, { folder }: Layout, image: string): Promise<string> => {
    const up = ['copy', '--dest-tls-verify=false', '--preserve-digests'];
    return await who.succeed('skopeo', [...up, `oci:${folder}:latest`, `docker://${image}`]);
  };
  const ask = ({ name, password }: Login, method: string, path: string, more: Partial<Call> = {}): Promise<Answer> => {
    const authorization = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
    return call(scene.url, { method, path, anonymous: true, ...more, headers: { authorization, ...more.headers } });
  };

  describe('pull: enforce', () => {
    it('a signed index gives each of its platforms, until the key is no longer trusted', async () => {
      const image = `${remote(aPlace('enforce'))}:1.4`;
      const images = { amd64: await scene.aLayout(), arm64: await scene.aLayout() };
      await editor.succeed('podman', ['manifest', 'create', 'several']);
      for (const [architecture, { folder }] of Object.entries(images)) {
        await editor.succeed('podman', ['manifest', 'add', '--arch', architecture, 'several', `oci:${folder}:latest`]);
      }
      const pushAll = ['manifest', 'push', '--all', PLAIN, 'several', `docker://${image}`];
      await editor.succeed('podman', pushAll);
      await expectAbsent(viewer, image, '--arch', 'arm64');
      await sign(image);
      for (const [architecture, layout] of Object.entries(images)) {
        await expectPulled(viewer, image, layout, '--arch', architecture);
      }

      const isPulled = async (): Promise<boolean> =>
        (await viewer.run('podman', ['pull', PLAIN, '--arch', 'arm64', image])).code === 0;
      await copyFile(join(gate.safe, 'next.pub'), join(gate.safe, 'trusted.pub'));
      await expect.poll(isPulled, SECONDS).toBe(false);
      await expectAbsent(viewer, image, '--arch', 'arm64');
      await expectPulled(editor, image, images.arm64, '--arch', 'arm64');
      await editor.succeed('podman', pushAll);

      await sign(image, 'next');
      await expectPulled(viewer, image, images.amd64, '--arch', 'amd64');
    });
  });

  it('what is held is neither mounted nor copied by who does not see it, and is once it is signed', async () => {
    const layout = await scene.aLayout();
    const { digest } = layout.manifest;
    const [layer = layout.config] = layout.layers;
    const [from, to] = [aPlace('hold'), 'own/app'];
    const thief = await gate.aPerson('registry-viewer');
    await gate.people.grant(thief.name, ['registry-editor', 'own/']);
    await push(editor, layout, `${remote(from)}:1.4`);
    const bytes = await readFile(join(layout.folder, 'blobs/sha256', digest.slice('sha256:'.length)));
    const uploads = `/v2/${to}/blobs/uploads/?mount=${layer.digest}`;
    const answers = async (): Promise<number[]> => {
      const [explicit, anywhere] = [
        await ask(thief, 'POST', `${uploads}&from=${from}`),
        await ask(thief, 'POST', uploads),
      ];
      const [there, here] = [from, to].map((repository) => `/v2/${repository}/blobs/${layer.digest}`);
      const blobs = [await ask(thief, 'HEAD', there ?? ''), await ask(thief, 'GET', here ?? '')];
      return [explicit, anywhere, ...blobs].map(({ status }) => status);
    };
    const copies = (reference: string): readonly (readonly [string, ...string[]])[] => {
      const plain = ['--src-tls-verify=false', '--dest-tls-verify=false'];
      return [
        ['skopeo', 'copy', ...plain, `docker://${remote(from)}${reference}`, `docker://${remote(to)}:stolen`],
        ['crane', 'copy', `${remote(from)}${reference}`, `${remote(to)}:stolen`],
        ['oras', 'cp', '--from-plain-http', '--to-plain-http', `${remote(from)}${reference}`, `${remote(to)}:stolen`],
      ];
    };

    expect(await answers()).toEqual([202, 202, 404, 404]);
    for (const [program, ...args] of [...copies(':1.4'), ...copies(`@${digest}`)]) {
      expect([program, args, await thief.fail(program, args)]).toEqual([program, args, expect.stringMatching(ABSENT)]);
    }
    // A manifest of one's own that names what one does not have.
    const body = { body: bytes, headers: { 'content-type': layout.manifest.mediaType } };
    expect(await ask(thief, 'PUT', `/v2/${to}/manifests/stolen`, body)).toMatchObject({ status: 404 });

    await sign(`${remote(from)}:1.4`);
    await expect.poll(answers, SECONDS).toEqual([201, 201, 200, 200]);
    for (const [program, ...args] of copies(':1.4')) await thief.succeed(program, args);
  });
});
