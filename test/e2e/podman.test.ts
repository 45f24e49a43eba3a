import { expect, it } from 'vitest';
import { type Workstation, aRepository, describeClient } from '#test/support/clients.ts';
import { type Layout, filesIn } from '#test/support/e2e-layout.ts';
import { held, useScene } from '#test/support/e2e-scene.ts';

const PLAIN = '--tls-verify=false';

describeClient('podman', () => {
  const scene = useScene();
  const load = async (here: Workstation, layout: Layout): Promise<string> =>
    await here.succeed('podman', ['pull', '--quiet', `oci:${layout.folder}:latest`]);
  const pull = async (reference: string, ...options: string[]): Promise<string> => {
    const there = await scene.aUserOf('podman');
    const image = await there.succeed('podman', ['pull', '--quiet', PLAIN, ...options, reference]);
    return await there.succeed('podman', ['image', 'mount', image]);
  };

  it('logs in with the right password only', async () => {
    const here = await scene.aStranger();
    expect((await here.logIn('podman', scene.host, { password: 'wrong' })).stderr).toContain(
      'invalid username/password',
    );
    expect(await here.fail('podman', ['pull', PLAIN, `${scene.host}/${aRepository()}:1`])).toMatch(
      /unauthorized|authentication required/,
    );
    expect((await here.logIn('podman', scene.host)).stdout).toContain('Login Succeeded!');
  });

  it('pushes, and pulls the same bytes into a fresh store', async () => {
    const layout = await scene.aLayout({ layers: [300_000, 5, 0] });
    const here = await scene.aUserOf('podman');
    const reference = `${scene.host}/${aRepository()}:1`;
    await here.succeed('podman', ['push', PLAIN, await load(here, layout), reference]);
    expect(await filesIn(await pull(reference), layout.files)).toEqual(layout.files);
  });

  it('pulls what a digest names after its tag has moved on', async () => {
    const [old, young] = [await scene.aLayout(), await scene.aLayout()];
    const here = await scene.aUserOf('podman');
    const repository = aRepository();
    await here.succeed('podman', ['push', PLAIN, await load(here, old), `${scene.host}/${repository}:1`]);
    const { digest } = await held(scene.url, repository, '1');
    await here.succeed('podman', ['push', PLAIN, await load(here, young), `${scene.host}/${repository}:1`]);
    expect(await filesIn(await pull(`${scene.host}/${repository}@${digest}`), old.files)).toEqual(old.files);
    expect(await filesIn(await pull(`${scene.host}/${repository}:1`), young.files)).toEqual(young.files);
  });

  it('pushes an image for several platforms, and pulls the one asked for', async () => {
    const here = await scene.aUserOf('podman');
    const images = { amd64: await scene.aLayout(), arm64: await scene.aLayout() };
    await here.succeed('podman', ['manifest', 'create', 'several']);
    for (const [architecture, layout] of Object.entries(images)) {
      const image = `oci:${layout.folder}:latest`;
      await here.succeed('podman', ['manifest', 'add', '--arch', architecture, 'several', image]);
    }
    const repository = aRepository();
    const reference = `${scene.host}/${repository}:1`;
    await here.succeed('podman', ['manifest', 'push', '--all', PLAIN, 'several', `docker://${reference}`]);
    const { document } = await held(scene.url, repository, '1');
    expect(document.manifests?.map(({ platform }) => platform?.architecture)).toEqual(['amd64', 'arm64']);
    for (const [architecture, { files }] of Object.entries(images)) {
      expect(await filesIn(await pull(reference, '--arch', architecture), files)).toEqual(files);
    }
  });

  it('pushes to a second repository without sending the layers again', async () => {
    const layout = await scene.aLayout({ layers: [100_000, 100_000] });
    const here = await scene.aUserOf('podman');
    const image = await load(here, layout);
    await here.succeed('podman', ['push', PLAIN, image, `${scene.host}/${aRepository()}:1`]);
    const second = aRepository();
    const traffic = await scene.watch();
    await here.succeed('podman', ['push', PLAIN, image, `${scene.host}/${second}:1`]);
    expect(await traffic()).toMatchObject({ 'POST end-4 201': 2 });
    expect((await held(scene.url, second, '1')).layers).toHaveLength(2);
  });
});
