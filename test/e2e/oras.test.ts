import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Workstation, aRepository, describeClient } from '#test/support/clients.ts';
import { held, pushTags, tagsOf, useScene } from '#test/support/e2e-scene.ts';

const PLAIN = '--plain-http';
const MODEL = 'application/vnd.example.model';

describeClient('oras', () => {
  const scene = useScene();
  const remote = (repository: string, tag = '1'): string => `${scene.host}/${repository}:${tag}`;
  /** Pushes an artifact of two files and returns what is in them. */
  const push = async (here: Workstation, reference: string): Promise<Record<string, Buffer>> => {
    const files = { 'weights.bin': randomBytes(300_000), 'read.me': randomBytes(3) };
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(here.folder, name), bytes);
    const args = ['push', PLAIN, '--artifact-type', MODEL, reference, ...Object.keys(files)];
    await here.succeed('oras', args, { folder: here.folder });
    return files;
  };

  it('logs in with the right password only', async () => {
    const here = await scene.aStranger();
    expect((await here.logIn('oras', scene.host, { password: 'wrong' })).stderr).toContain('unauthorized');
    expect(await here.fail('oras', ['repo', 'tags', PLAIN, `${scene.host}/${aRepository()}`])).toContain(
      'unauthorized',
    );
    expect((await here.logIn('oras', scene.host)).stdout).toContain('Login Succeeded');
  });

  it('pushes an artifact, and pulls the same bytes', async () => {
    const here = await scene.aUserOf('oras');
    const reference = remote(aRepository());
    const files = await push(here, reference);
    const there = await scene.aUserOf('oras');
    await there.succeed('oras', ['pull', PLAIN, '--output', join(there.folder, 'pulled'), reference]);
    for (const [name, bytes] of Object.entries(files)) {
      expect((await readFile(join(there.folder, 'pulled', name))).equals(bytes)).toBe(true);
    }
  });

  it('attaches to an image and discovers it through the referrers API, with no tag left behind', async () => {
    const here = await scene.aUserOf('oras');
    const repository = aRepository();
    await push(here, remote(repository));
    const { digest } = await held(scene.url, repository, '1');
    const traffic = await scene.watch();
    for (const kind of ['application/spdx+json', 'application/vnd.example.note']) {
      await writeFile(join(here.folder, 'attached'), kind);
      const args = ['attach', PLAIN, '--artifact-type', kind, remote(repository), 'attached:text/plain'];
      await here.succeed('oras', args, { folder: here.folder });
    }
    const discover = async (...options: string[]): Promise<Discovered> =>
      JSON.parse(await here.succeed('oras', ['discover', PLAIN, '--format', 'json', ...options, remote(repository)]));
    const all = await discover();
    expect(all.digest).toBe(digest);
    expect(all.referrers.map(({ artifactType }) => artifactType).toSorted()).toEqual([
      'application/spdx+json',
      'application/vnd.example.note',
    ]);
    const [only, ...others] = (await discover('--artifact-type', 'application/spdx+json')).referrers;
    expect([only?.artifactType, others]).toEqual(['application/spdx+json', []]);
    expect((await traffic())['GET end-12 200']).toBeGreaterThanOrEqual(2);
    expect(await tagsOf(scene.url, repository)).toEqual(['1']);
    await mkdir(join(here.folder, 'pulled'));
    const attached = `${scene.host}/${repository}@${only?.digest}`;
    await here.succeed('oras', ['pull', PLAIN, '--output', join(here.folder, 'pulled'), attached]);
    expect(await readFile(join(here.folder, 'pulled/attached'), 'utf8')).toBe('application/spdx+json');
  });

  it('copies an artifact with what is attached to it, by mounting', async () => {
    const here = await scene.aUserOf('oras');
    const [first, second] = [aRepository(), aRepository()];
    await push(here, remote(first));
    await writeFile(join(here.folder, 'attached'), 'a note');
    const attach = ['attach', PLAIN, '--artifact-type', MODEL, remote(first), 'attached:text/plain'];
    await here.succeed('oras', attach, { folder: here.folder });
    const traffic = await scene.watch();
    const copy = ['cp', '--recursive', '--from-plain-http', '--to-plain-http', remote(first), remote(second)];
    await here.succeed('oras', copy);
    const seen = await traffic();
    // Two files, the note, and the empty config they share.
    expect(seen['POST end-4 201']).toBeGreaterThanOrEqual(4);
    expect(Object.keys(seen)).not.toContain('PUT end-6 201');
    expect((await held(scene.url, second, '1')).layers).toHaveLength(2);
    const tree = await here.succeed('oras', ['discover', PLAIN, '--format', 'json', remote(second)]);
    expect((JSON.parse(tree) as Discovered).referrers).toHaveLength(1);
  });

  it('makes an index of two artifacts', async () => {
    const here = await scene.aUserOf('oras');
    const repository = aRepository();
    for (const tag of ['one', 'two']) await push(here, remote(repository, tag));
    await here.succeed('oras', ['manifest', 'index', 'create', PLAIN, remote(repository), 'one', 'two']);
    expect((await held(scene.url, repository, '1')).document.manifests).toHaveLength(2);
  });

  it('deletes a manifest, and its tags go with it', async () => {
    const here = await scene.aUserOf('oras');
    const repository = aRepository();
    await push(here, remote(repository));
    await here.succeed('oras', ['manifest', 'delete', PLAIN, '--force', remote(repository)]);
    expect(await tagsOf(scene.url, repository)).toEqual([]);
    expect(await here.fail('oras', ['manifest', 'fetch', PLAIN, remote(repository)])).toContain('not found');
  });

  it('lists ten thousand tags and more, page by page', async () => {
    const repository = aRepository();
    const tags = await pushTags(scene.url, repository, 10_050);
    const here = await scene.aUserOf('oras');
    const traffic = await scene.watch();
    const listed = await here.succeed('oras', ['repo', 'tags', PLAIN, `${scene.host}/${repository}`]);
    expect(listed.split('\n').toSorted()).toEqual(tags.toSorted());
    // It does not ask for a number: this is where the registry itself ends a page.
    expect(await traffic()).toMatchObject({ 'GET end-8 200': 2 });
  });
});

interface Discovered {
  readonly digest: string;
  readonly referrers: readonly { readonly digest: string; readonly artifactType: string }[];
}
