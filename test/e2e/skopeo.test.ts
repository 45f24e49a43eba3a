import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DOCKER_MANIFEST, IMAGE_INDEX, IMAGE_MANIFEST } from '#oci/media-type.ts';
import { aRepository, describeClient } from '#test/support/clients.ts';
import { aMultiPlatformLayout, sha256 } from '#test/support/e2e-layout.ts';
import { held, pushTags, tagsOf, useScene } from '#test/support/e2e-scene.ts';

// Without the second, skopeo compresses what was not compressed.
const UP = ['--dest-tls-verify=false', '--preserve-digests'];
const DOWN = '--src-tls-verify=false';

describeClient('skopeo', () => {
  const scene = useScene();
  const remote = (repository: string, tag = '1'): string => `docker://${scene.host}/${repository}:${tag}`;

  it('logs in with the right password only', async () => {
    const here = await scene.aStranger();
    expect((await here.logIn('skopeo', scene.host, { password: 'wrong' })).stderr).toContain(
      'invalid username/password',
    );
    const refused = await here.fail('skopeo', ['inspect', '--tls-verify=false', remote(aRepository())]);
    expect(refused).toContain('unauthorized');
    expect((await here.logIn('skopeo', scene.host)).stdout).toContain('Login Succeeded!');
  });

  it('copies an image up and down, and not a byte changes', async () => {
    const layout = await scene.aLayout({ layers: [300_000, 5] });
    const here = await scene.aUserOf('skopeo');
    const repository = aRepository();
    await here.succeed('skopeo', ['copy', ...UP, `oci:${layout.folder}:latest`, remote(repository)]);
    expect((await held(scene.url, repository, '1')).digest).toBe(layout.manifest.digest);
    const there = await scene.aUserOf('skopeo');
    const folder = join(there.folder, 'image');
    await there.succeed('skopeo', ['copy', DOWN, remote(repository), `dir:${folder}`]);
    expect(`sha256:${sha256(await readFile(join(folder, 'manifest.json')))}`).toBe(layout.manifest.digest);
    for (const { digest } of [layout.config, ...layout.layers]) {
      const hex = digest.slice('sha256:'.length);
      expect(sha256(await readFile(join(folder, hex)))).toBe(hex);
    }
  });

  it('copies an image for several platforms, all of it', async () => {
    const layout = scene.keep(await aMultiPlatformLayout(['amd64', 'arm64', 's390x']));
    const here = await scene.aUserOf('skopeo');
    const [first, second] = [aRepository(), aRepository()];
    await here.succeed('skopeo', ['copy', '--all', ...UP, `oci:${layout.folder}:latest`, remote(first)]);
    await here.succeed('skopeo', ['copy', '--all', DOWN, ...UP, remote(first), remote(second)]);
    const index = await held(scene.url, second, '1');
    expect([index.digest, index.mediaType]).toEqual([layout.manifest.digest, IMAGE_INDEX]);
    for (const { digest } of index.document.manifests ?? []) {
      expect((await held(scene.url, second, digest)).layers).toHaveLength(1);
    }
  });

  it('copies between repositories by mounting', async () => {
    const layout = await scene.aLayout({ layers: [100_000, 200_000] });
    const here = await scene.aUserOf('skopeo');
    const [first, second] = [aRepository(), aRepository()];
    await here.succeed('skopeo', ['copy', ...UP, `oci:${layout.folder}:latest`, remote(first)]);
    const traffic = await scene.watch();
    await here.succeed('skopeo', ['copy', DOWN, ...UP, remote(first), remote(second)]);
    const seen = await traffic();
    // The two layers; skopeo carries the config itself.
    expect(seen).toMatchObject({ 'POST end-4 201': 2 });
    expect((await held(scene.url, second, '1')).digest).toBe(layout.manifest.digest);
  });

  it('turns OCI into Docker schema 2 and back', async () => {
    const layout = await scene.aLayout();
    const here = await scene.aUserOf('skopeo');
    const repository = aRepository();
    await here.succeed('skopeo', ['copy', ...UP, `oci:${layout.folder}:latest`, remote(repository, 'oci')]);
    const convert = (format: string, from: string, to: string) =>
      here.succeed('skopeo', [
        'copy',
        DOWN,
        '--dest-tls-verify=false',
        '--format',
        format,
        remote(repository, from),
        remote(repository, to),
      ]);
    await convert('v2s2', 'oci', 'docker');
    await convert('oci', 'docker', 'again');
    const docker = await held(scene.url, repository, 'docker');
    const again = await held(scene.url, repository, 'again');
    expect([docker.mediaType, again.mediaType]).toEqual([DOCKER_MANIFEST, IMAGE_MANIFEST]);
    const digests = layout.layers.map(({ digest }) => digest);
    expect(again.document.config?.digest).toBe(layout.config.digest);
    expect(again.document.layers?.map(({ digest }) => digest)).toEqual(digests);
  });

  it('deletes an image and its tags', async () => {
    const layout = await scene.aLayout();
    const here = await scene.aUserOf('skopeo');
    const repository = aRepository();
    for (const tag of ['1', 'same']) {
      await here.succeed('skopeo', ['copy', ...UP, `oci:${layout.folder}:latest`, remote(repository, tag)]);
    }
    await here.succeed('skopeo', ['delete', '--tls-verify=false', remote(repository)]);
    expect(await tagsOf(scene.url, repository)).toEqual([]);
    expect(await here.fail('skopeo', ['inspect', '--tls-verify=false', remote(repository)])).toContain(
      'manifest unknown',
    );
  });

  it('lists ten thousand tags and more, page by page', async () => {
    const repository = aRepository();
    const tags = await pushTags(scene.url, repository, 10_050);
    const here = await scene.aUserOf('skopeo');
    const traffic = await scene.watch();
    const listed = await here.succeed('skopeo', [
      'list-tags',
      '--tls-verify=false',
      `docker://${scene.host}/${repository}`,
    ]);
    const { Tags } = JSON.parse(listed) as { Tags: string[] };
    expect(Tags.toSorted()).toEqual(tags.toSorted());
    // It does not ask for a number: this is where the registry itself ends a page.
    expect(await traffic()).toMatchObject({ 'GET end-8 200': 2 });
  });
});
