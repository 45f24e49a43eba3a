import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DOCKER_MANIFEST, IMAGE_MANIFEST } from '#oci/media-type.ts';
import { type Workstation, aRepository, describeClient } from '#test/support/clients.ts';
import { held, useScene } from '#test/support/e2e-scene.ts';

const PLAIN = '--tls-verify=false';

describeClient('buildah', () => {
  const scene = useScene();
  /** Builds an image that holds one file, and returns what is in it. */
  const build = async (here: Workstation, name: string, architecture = 'amd64'): Promise<Buffer> => {
    const bytes = randomBytes(200_000);
    await writeFile(join(here.folder, 'payload'), bytes);
    const container = await here.succeed('buildah', ['from', '--arch', architecture, 'scratch']);
    await here.succeed('buildah', ['copy', container, join(here.folder, 'payload'), '/payload']);
    await here.succeed('buildah', ['commit', '--quiet', container, name]);
    return bytes;
  };
  const payloadOf = async (reference: string, ...options: string[]): Promise<Buffer> => {
    const there = await scene.aUserOf('buildah');
    const container = await there.succeed('buildah', ['from', '--quiet', PLAIN, ...options, reference]);
    return await readFile(join(await there.succeed('buildah', ['mount', container]), 'payload'));
  };

  it('logs in with the right password only', async () => {
    const here = await scene.aStranger();
    expect((await here.logIn('buildah', scene.host, { password: 'wrong' })).stderr).toContain(
      'invalid username/password',
    );
    const image = `docker://${scene.host}/${aRepository()}:1`;
    expect(await here.fail('buildah', ['pull', PLAIN, image])).toMatch(/unauthorized|authentication required/);
    expect((await here.logIn('buildah', scene.host)).stdout).toContain('Login Succeeded!');
  });

  it.each([
    ['oci', IMAGE_MANIFEST],
    ['v2s2', DOCKER_MANIFEST],
  ])('builds and pushes (%s), and builds on the same bytes elsewhere', async (format, mediaType) => {
    const here = await scene.aUserOf('buildah');
    const bytes = await build(here, 'localhost/built');
    const repository = aRepository();
    const reference = `${scene.host}/${repository}:1`;
    await here.succeed('buildah', ['push', PLAIN, '--format', format, 'localhost/built', `docker://${reference}`]);
    expect((await held(scene.url, repository, '1')).mediaType).toBe(mediaType);
    expect((await payloadOf(reference)).equals(bytes)).toBe(true);
  });

  it('pushes a manifest list with all its images', async () => {
    const here = await scene.aUserOf('buildah');
    await here.succeed('buildah', ['manifest', 'create', 'several']);
    const bytes = new Map<string, Buffer>();
    for (const architecture of ['amd64', 'arm64']) {
      bytes.set(architecture, await build(here, `localhost/${architecture}`, architecture));
      await here.succeed('buildah', [
        'manifest',
        'add',
        '--arch',
        architecture,
        'several',
        `localhost/${architecture}`,
      ]);
    }
    const reference = `${scene.host}/${aRepository()}:1`;
    await here.succeed('buildah', ['manifest', 'push', '--all', PLAIN, 'several', `docker://${reference}`]);
    for (const [architecture, expected] of bytes) {
      expect((await payloadOf(reference, '--arch', architecture)).equals(expected)).toBe(true);
    }
  });

  it('pushes to a second repository without sending the layer again', async () => {
    const here = await scene.aUserOf('buildah');
    await build(here, 'localhost/shared');
    const [first, second] = [aRepository(), aRepository()];
    await here.succeed('buildah', ['push', PLAIN, 'localhost/shared', `docker://${scene.host}/${first}:1`]);
    const traffic = await scene.watch();
    await here.succeed('buildah', ['push', PLAIN, 'localhost/shared', `docker://${scene.host}/${second}:1`]);
    expect(await traffic()).toMatchObject({ 'POST end-4 201': 1 });
  });
});
