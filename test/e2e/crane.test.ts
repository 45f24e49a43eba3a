import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { IMAGE_INDEX } from '#oci/media-type.ts';
import { type Workstation, aRepository, describeClient } from '#test/support/clients.ts';
import { type Layout, sha256 } from '#test/support/e2e-layout.ts';
import { held, pushTags, tagsOf, useScene } from '#test/support/e2e-scene.ts';

describeClient('crane', () => {
  const scene = useScene();
  const remote = (repository: string, tag = '1'): string => `${scene.host}/${repository}:${tag}`;
  const push = async (here: Workstation, layout: Layout, repository: string, tag = '1'): Promise<string> =>
    await here.succeed('crane', ['push', layout.folder, remote(repository, tag)]);

  it('is let in with the right password only', async () => {
    const here = await scene.aStranger();
    const layout = await scene.aLayout();
    const repository = aRepository();
    const attempt = ['push', layout.folder, remote(repository)];
    expect(await here.fail('crane', attempt)).toContain('UNAUTHORIZED');
    // Its login asks nobody; the push that follows does.
    await here.logIn('crane', scene.host, { password: 'wrong' });
    expect(await here.fail('crane', attempt)).toContain('UNAUTHORIZED');
    await here.logIn('crane', scene.host);
    expect(await here.succeed('crane', attempt)).toContain(layout.manifest.digest);
  });

  it('pushes and pulls, and not a byte changes', async () => {
    const layout = await scene.aLayout({ layers: [300_000, 5] });
    const repository = aRepository();
    await push(await scene.aUserOf('crane'), layout, repository);
    const there = await scene.aUserOf('crane');
    const folder = join(there.folder, 'image');
    await there.succeed('crane', ['pull', '--format=oci', remote(repository), folder]);
    for (const { digest } of [layout.manifest, layout.config, ...layout.layers]) {
      const hex = digest.slice('sha256:'.length);
      expect(sha256(await readFile(join(folder, 'blobs/sha256', hex)))).toBe(hex);
    }
  });

  it('pulls what a digest names after its tag has moved on', async () => {
    const [old, young] = [await scene.aLayout(), await scene.aLayout()];
    const here = await scene.aUserOf('crane');
    const repository = aRepository();
    for (const layout of [old, young]) await push(here, layout, repository);
    const pinned = `${scene.host}/${repository}@${old.manifest.digest}`;
    expect(sha256(await here.succeed('crane', ['manifest', pinned]))).toBe(old.manifest.digest.slice(7));
    expect(await here.succeed('crane', ['digest', remote(repository)])).toBe(young.manifest.digest);
  });

  it('appends images to an index', async () => {
    const here = await scene.aUserOf('crane');
    const layouts = [await scene.aLayout(), await scene.aLayout()];
    const repository = aRepository();
    for (const [index, layout] of layouts.entries()) await push(here, layout, repository, `part-${index}`);
    const parts = ['-m', remote(repository, 'part-0'), '-m', remote(repository, 'part-1')];
    await here.succeed('crane', ['index', 'append', ...parts, '-t', remote(repository)]);
    const { document, mediaType } = await held(scene.url, repository, '1');
    expect(mediaType).toBe(IMAGE_INDEX);
    const children = layouts.map(({ manifest }) => manifest.digest);
    expect(document.manifests?.map(({ digest }) => digest)).toEqual(children);
    for (const child of children) await held(scene.url, repository, child);
  });

  it('copies between repositories by mounting, without one byte of a blob', async () => {
    const layout = await scene.aLayout({ layers: [100_000, 200_000] });
    const here = await scene.aUserOf('crane');
    const [first, second] = [aRepository(), aRepository()];
    await push(here, layout, first);
    const traffic = await scene.watch();
    await here.succeed('crane', ['copy', remote(first), remote(second)]);
    const seen = await traffic();
    expect(seen).toMatchObject({ 'POST end-4 201': 3 });
    expect(Object.keys(seen)).not.toContain('PUT end-6 201');
    expect((await held(scene.url, second, '1')).digest).toBe(layout.manifest.digest);
  });

  it('deletes a tag, and a manifest', async () => {
    const here = await scene.aUserOf('crane');
    const layout = await scene.aLayout();
    const repository = aRepository();
    for (const tag of ['1', '2']) await push(here, layout, repository, tag);
    await here.succeed('crane', ['delete', remote(repository)]);
    expect(await tagsOf(scene.url, repository)).toEqual(['2']);
    const pinned = `${scene.host}/${repository}@${layout.manifest.digest}`;
    await here.succeed('crane', ['delete', pinned]);
    expect(await here.fail('crane', ['manifest', pinned])).toContain('MANIFEST_UNKNOWN');
    expect(await tagsOf(scene.url, repository)).toEqual([]);
  });

  it('lists more than a thousand tags, page by page', async () => {
    const repository = aRepository();
    const tags = await pushTags(scene.url, repository, 2050);
    const here = await scene.aUserOf('crane');
    const traffic = await scene.watch();
    const listed = await here.succeed('crane', ['ls', `${scene.host}/${repository}`]);
    expect(listed.split('\n').toSorted()).toEqual(tags.toSorted());
    // It asks for a thousand at a time.
    expect(await traffic()).toMatchObject({ 'GET end-8 200': 3 });
  });

  it('lists the catalog', async () => {
    const here = await scene.aUserOf('crane');
    const repository = aRepository();
    await push(here, await scene.aLayout(), repository);
    expect((await here.succeed('crane', ['catalog', scene.host])).split('\n')).toContain(repository);
  });
});
