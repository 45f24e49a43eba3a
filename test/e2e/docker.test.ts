import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { DOCKER_MANIFEST, DOCKER_MANIFEST_LIST } from '#oci/media-type.ts';
import { type Workstation, aRepository, describeClient } from '#test/support/clients.ts';
import { withDocker } from '#test/support/e2e-docker.ts';
import { held, useScene } from '#test/support/e2e-scene.ts';

const LAYERS = ['one', 'two'];

describeClient(['docker', 'dockerd'], () => {
  const scene = useScene();
  let here: Workstation;
  let there: Workstation;
  beforeAll(async () => {
    [here, there] = await Promise.all([
      withDocker(await scene.aStranger()).then(scene.keep),
      withDocker(await scene.aStranger()).then(scene.keep),
    ]);
    for (const workstation of [here, there]) await workstation.logIn('docker', scene.host);
  });

  const remote = (repository: string, tag = '1'): string => `${scene.host}/${repository}:${tag}`;
  /** Builds an image of two layers with the classic builder; returns the file in each. */
  const build = async (reference: string, platform = 'linux/amd64'): Promise<Record<string, Buffer>> => {
    const context = join(here.folder, `context-${randomBytes(4).toString('hex')}`);
    await mkdir(context);
    const files: Record<string, Buffer> = {};
    for (const name of LAYERS) {
      const bytes = randomBytes(200_000);
      files[name] = bytes;
      await writeFile(join(context, name), bytes);
    }
    await writeFile(join(context, 'Dockerfile'), `FROM scratch\n${LAYERS.map((name) => `COPY ${name} /\n`).join('')}`);
    await here.succeed('docker', ['build', '--quiet', '--platform', platform, '--tag', reference, context]);
    return files;
  };
  /** The files of an image that the other engine pulls. */
  const pull = async (reference: string): Promise<Record<string, Buffer>> => {
    await there.succeed('docker', ['pull', '--quiet', reference]);
    const container = await there.succeed('docker', ['create', '--network', 'none', reference, 'nothing']);
    const entries = LAYERS.map(async (name) => {
      const copy = join(there.folder, `${container.slice(0, 12)}-${name}`);
      await there.succeed('docker', ['cp', `${container}:/${name}`, copy]);
      return [name, await readFile(copy)] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  };

  it('logs in with the right password only', async () => {
    // The login of the command line alone: the engine is the other workstation's.
    const elsewhere = await scene.aStranger();
    const through = ['--host', `unix://${join(here.folder, 'docker.sock')}`];
    const logIn = (password: string) =>
      elsewhere.run('docker', [...through, 'login', '--username', 'admin', '--password-stdin', scene.host], {
        input: password,
      });
    expect((await logIn('wrong')).stderr).toContain('unauthorized');
    expect(await elsewhere.fail('docker', [...through, 'pull', remote(aRepository())])).toContain('unauthorized');
    expect((await here.logIn('docker', scene.host)).stdout).toContain('Login Succeeded');
  });

  it('pushes, and pulls the same bytes into a fresh engine', async () => {
    const repository = aRepository();
    const files = await build(remote(repository));
    await here.succeed('docker', ['push', remote(repository)]);
    expect((await held(scene.url, repository, '1')).mediaType).toBe(DOCKER_MANIFEST);
    expect(await pull(remote(repository))).toEqual(files);
  });

  it('pulls what a digest names after its tag has moved on', async () => {
    const repository = aRepository();
    const old = await build(remote(repository));
    await here.succeed('docker', ['push', remote(repository)]);
    const { digest } = await held(scene.url, repository, '1');
    const young = await build(remote(repository));
    await here.succeed('docker', ['push', remote(repository)]);
    expect(await pull(`${scene.host}/${repository}@${digest}`)).toEqual(old);
    expect(await pull(remote(repository))).toEqual(young);
  });

  it('pushes to a second repository by mounting the layers', async () => {
    const [first, second] = [aRepository(), aRepository()];
    const files = await build(remote(first));
    await here.succeed('docker', ['push', remote(first)]);
    await here.succeed('docker', ['tag', remote(first), remote(second)]);
    const traffic = await scene.watch();
    expect(await here.succeed('docker', ['push', remote(second)])).toContain(`Mounted from ${first}`);
    // The config alone is sent again.
    expect(await traffic()).toMatchObject({ 'POST end-4 201': 2, 'PUT end-6 201': 1 });
    expect(await pull(remote(second))).toEqual(files);
  });

  it('pushes a manifest list, and pulls the platform of the engine', async () => {
    const repository = aRepository();
    const files = await build(remote(repository, 'amd64'));
    await build(remote(repository, 'arm64'), 'linux/arm64');
    const parts = ['amd64', 'arm64'].map((tag) => remote(repository, tag));
    for (const part of parts) await here.succeed('docker', ['push', part]);
    await here.succeed('docker', ['manifest', 'create', '--insecure', remote(repository), ...parts]);
    for (const [index, part] of parts.entries()) {
      const architecture = ['amd64', 'arm64'][index] ?? '';
      await here.succeed('docker', ['manifest', 'annotate', remote(repository), part, '--arch', architecture]);
    }
    await here.succeed('docker', ['manifest', 'push', '--insecure', remote(repository)]);
    const { mediaType, document } = await held(scene.url, repository, '1');
    expect([mediaType, document.manifests?.length]).toEqual([DOCKER_MANIFEST_LIST, 2]);
    expect(await pull(remote(repository))).toEqual(files);
  });
});
