import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Workstation, aRepository, describeClient } from '#test/support/clients.ts';
import { type Layout, aMultiPlatformLayout, sha256 } from '#test/support/e2e-layout.ts';
import { held, pushTags, tagsOf, useScene } from '#test/support/e2e-scene.ts';

describeClient('regctl', () => {
  const scene = useScene();
  const remote = (repository: string, tag = '1'): string => `${scene.host}/${repository}:${tag}`;
  const push = async (here: Workstation, { folder }: Layout, repository: string, tag = '1'): Promise<string> =>
    await here.succeed('regctl', ['image', 'copy', `ocidir://${folder}:latest`, remote(repository, tag)]);

  it('logs in with the right password only', async () => {
    const here = await scene.aStranger();
    const wrong = await here.logIn('regctl', scene.host, { password: 'wrong' });
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('unauthorized')]);
    expect(await here.fail('regctl', ['tag', 'ls', `${scene.host}/${aRepository()}`])).toContain('unauthorized');
    expect((await here.logIn('regctl', scene.host)).code).toBe(0);
  });

  it('pushes and pulls, and not a byte changes', async () => {
    const layout = await scene.aLayout({ layers: [300_000, 5] });
    const repository = aRepository();
    await push(await scene.aUserOf('regctl'), layout, repository);
    const there = await scene.aUserOf('regctl');
    const folder = join(there.folder, 'image');
    await there.succeed('regctl', ['image', 'copy', remote(repository), `ocidir://${folder}:1`]);
    for (const { digest } of [layout.manifest, layout.config, ...layout.layers]) {
      const hex = digest.slice('sha256:'.length);
      expect(sha256(await readFile(join(folder, 'blobs/sha256', hex)))).toBe(hex);
    }
  });

  it('copies an image for several platforms between repositories by mounting', async () => {
    const layout = scene.keep(await aMultiPlatformLayout(['amd64', 'arm64']));
    const here = await scene.aUserOf('regctl');
    const [first, second] = [aRepository(), aRepository()];
    await push(here, layout, first);
    const traffic = await scene.watch();
    await here.succeed('regctl', ['image', 'copy', remote(first), remote(second)]);
    const seen = await traffic();
    // Two platforms, a config and a layer each.
    expect(seen).toMatchObject({ 'POST end-4 201': 4 });
    expect(Object.keys(seen)).not.toContain('PUT end-6 201');
    const index = await held(scene.url, second, '1');
    expect(index.digest).toBe(layout.manifest.digest);
    for (const { digest } of index.document.manifests ?? []) await held(scene.url, second, digest);
  });

  it('makes an index of two images', async () => {
    const here = await scene.aUserOf('regctl');
    const layouts = [await scene.aLayout(), await scene.aLayout()];
    const repository = aRepository();
    for (const [index, layout] of layouts.entries()) await push(here, layout, repository, `part-${index}`);
    const parts = layouts.flatMap((_, index) => ['--ref', remote(repository, `part-${index}`)]);
    await here.succeed('regctl', ['index', 'create', remote(repository), ...parts]);
    const { document } = await held(scene.url, repository, '1');
    expect(document.manifests?.map(({ digest }) => digest)).toEqual(layouts.map(({ manifest }) => manifest.digest));
  });

  it('puts an artifact on an image and lists it through the referrers API, with no tag left behind', async () => {
    const here = await scene.aUserOf('regctl');
    const repository = aRepository();
    await push(here, await scene.aLayout(), repository);
    const traffic = await scene.watch();
    for (const kind of ['application/vnd.example.one', 'application/vnd.example.two']) {
      const put = [
        'artifact',
        'put',
        '--subject',
        remote(repository),
        '--artifact-type',
        kind,
        '--file-media-type',
        'text/plain',
      ];
      await here.succeed('regctl', put, { input: `content of ${kind}` });
    }
    const list = [
      'artifact',
      'list',
      remote(repository),
      '--format',
      '{{range .Descriptors}}{{println .ArtifactType}}{{end}}',
    ];
    expect((await here.succeed('regctl', list)).split('\n').toSorted()).toEqual([
      'application/vnd.example.one',
      'application/vnd.example.two',
    ]);
    const filter = ['--filter-artifact-type', 'application/vnd.example.two'];
    expect(await here.succeed('regctl', [...list, ...filter])).toBe('application/vnd.example.two');
    expect(await here.succeed('regctl', ['artifact', 'get', '--subject', remote(repository), ...filter])).toBe(
      'content of application/vnd.example.two',
    );
    expect((await traffic())['GET end-12 200']).toBeGreaterThanOrEqual(2);
    expect(await tagsOf(scene.url, repository)).toEqual(['1']);
  });

  it('deletes one tag and leaves the other', async () => {
    const here = await scene.aUserOf('regctl');
    const layout = await scene.aLayout();
    const repository = aRepository();
    for (const tag of ['1', '2']) await push(here, layout, repository, tag);
    await here.succeed('regctl', ['tag', 'delete', remote(repository)]);
    expect(await tagsOf(scene.url, repository)).toEqual(['2']);
    expect((await held(scene.url, repository, '2')).digest).toBe(layout.manifest.digest);
  });

  it('lists more than a thousand tags', async () => {
    const repository = aRepository();
    const tags = await pushTags(scene.url, repository, 1050);
    const here = await scene.aUserOf('regctl');
    const listed = await here.succeed('regctl', ['tag', 'ls', `${scene.host}/${repository}`]);
    expect(listed.split('\n').toSorted()).toEqual(tags.toSorted());
  });
});
