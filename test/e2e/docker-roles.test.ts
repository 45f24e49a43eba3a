import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ANONYMOUS } from '#access/subject.ts';
import { type Login, type Workstation, aRepository, describeClient } from '#test/support/clients.ts';
import { withDocker } from '#test/support/e2e-docker.ts';
import type { Layout } from '#test/support/e2e-layout.ts';
import { type Given, usePeople } from '#test/support/e2e-people.ts';
import { held, tagsOf, useScene } from '#test/support/e2e-scene.ts';

const UP = ['--dest-tls-verify=false', '--preserve-digests'];
const REFUSED = /denied|unauthorized|authentication required|not found|manifest unknown/i;

describeClient(['docker', 'dockerd', 'skopeo', 'podman'], () => {
  const scene = useScene();
  const people = usePeople(scene);
  let engine: Workstation;
  let admin: Workstation;
  let layout: Layout;
  beforeAll(async () => {
    engine = await withDocker(await scene.aStranger()).then(scene.keep);
    layout = await scene.aLayout();
    admin = await scene.aUserOf('skopeo');
  });

  const remote = (repository: string, tag = '1'): string => `${scene.host}/${repository}:${tag}`;
  const anImage = async (repository = aRepository(), { folder } = layout): Promise<string> => {
    const source = `oci:${folder}:latest`;
    await admin.succeed('skopeo', ['copy', ...UP, source, `docker://${remote(repository)}`]);
    return repository;
  };
  /** The command line of somebody with a home of their own; the engine is the same for all, and keeps no logins. */
  const through = (args: readonly string[]): string[] => [
    '--host',
    `unix://${join(engine.folder, 'docker.sock')}`,
    ...args,
  ];
  const aUserOf = async ({ name, password }: Login): Promise<Workstation> => {
    const here = await scene.aStranger();
    const args = through(['login', '--username', name, '--password-stdin', scene.host]);
    await here.succeed('docker', args, { input: password });
    return here;
  };
  const pull = (repository: string, tag?: string) => through(['pull', '--quiet', remote(repository, tag)]);
  const push = async (here: Workstation, to: string) => {
    await here.succeed('docker', through(['tag', remote('kept'), to]));
    return await here.run('docker', through(['push', to]));
  };
  // An image under a name that no test deletes.
  beforeAll(async () => {
    const here = await aUserOf(await people.aUser(['registry-viewer', await anImage('kept')]));
    await here.succeed('docker', pull('kept'));
  });

  describe.each<{ role: string; given: Given[]; may: string[] }>([
    { role: 'nobody', given: [], may: [] },
    { role: 'registry-viewer', given: [['registry-viewer', 'e2e/']], may: ['pull'] },
    { role: 'registry-signer', given: [['registry-signer', 'e2e/']], may: ['pull'] },
    { role: 'registry-editor', given: [['registry-editor', 'e2e/']], may: ['pull', 'push', 'retag'] },
    { role: 'registry-admin', given: [['registry-admin', 'e2e/']], may: ['pull', 'push', 'retag'] },
  ])('$role', ({ given, may }) => {
    it('pulls, pushes and tags as it may, and not otherwise', async () => {
      const here = await aUserOf(await people.aUser(...given));
      const repository = await anImage();
      const endings = {
        pull: await here.run('docker', pull(repository)),
        push: await push(here, remote(aRepository())),
        retag: await push(here, remote(repository, '2')),
      };
      const done = Object.entries(endings).filter(([, { code }]) => code === 0);
      expect(done.map(([act]) => act)).toEqual(may);
      const refusals = Object.values(endings).filter(({ code }) => code !== 0);
      for (const { stderr } of refusals) expect(stderr).toMatch(REFUSED);
      expect(await tagsOf(scene.url, repository)).toEqual(may.includes('retag') ? ['1', '2'] : ['1']);
    });
  });

  it('keeps a refresh token after the login and not the password; podman takes it too', async () => {
    const repository = await anImage();
    const login = await people.aUser(['registry-viewer', repository]);
    const here = await aUserOf(login);
    const config = await readFile(join(here.folder, '.docker/config.json'), 'utf8');
    const { auth, identitytoken } = (JSON.parse(config) as DockerConfig).auths[scene.host] ?? {};
    expect(identitytoken).toMatch(/^ghrt_/);
    expect(`${config}${Buffer.from(auth ?? '', 'base64').toString()}`).not.toContain(login.password);
    const traffic = await scene.watch();
    await here.succeed('docker', pull(repository));
    await here.succeed('podman', ['pull', '--quiet', '--tls-verify=false', remote(repository)]);
    expect(await traffic()).toMatchObject({ 'POST token 200': 2 });
    await people.setPassword(login.name, 'another password');
    expect(await here.fail('docker', pull(repository))).toMatch(/unauthorized/);
    expect(await here.fail('podman', ['pull', '--quiet', '--tls-verify=false', remote(repository)])).toMatch(
      /unauthorized|invalid username/,
    );
  });

  it('ends what was granted and is taken back, between two pulls of one login', async () => {
    const repository = await anImage();
    const given: Given = ['registry-viewer', repository];
    const login = await people.aUser(given);
    const here = await aUserOf(login);
    await here.succeed('docker', pull(repository));
    await people.revoke(login.name, given);
    expect(await here.fail('docker', pull(repository))).toMatch(REFUSED);
    await people.grant(login.name, given);
    await here.succeed('docker', pull(repository));
  });

  it('lets a robot in until it is disabled', async () => {
    const repository = await anImage();
    const robot = await people.aRobot('ci', ['registry-editor', repository]);
    const here = await aUserOf(robot);
    await here.succeed('docker', pull(repository));
    expect(await push(here, remote(repository, '2'))).toMatchObject({ code: 0 });
    await people.disableRobot(robot.name);
    expect(await here.fail('docker', pull(repository))).toMatch(/unauthorized/);
    expect(await push(here, remote(repository, '3'))).not.toMatchObject({ code: 0 });
    expect(await tagsOf(scene.url, repository)).toEqual(['1', '2']);
  });

  it('lets anybody pull what anybody may, and nothing else', async () => {
    const [open, closed] = [await anImage('public/app'), await anImage('private/app')];
    const here = await scene.aStranger();
    expect(await here.fail('docker', pull(open))).toMatch(REFUSED);
    await people.grant(ANONYMOUS, ['registry-viewer', 'public/']);
    await here.succeed('docker', pull(open));
    expect(await here.fail('docker', pull(closed))).toMatch(REFUSED);
    expect((await push(here, remote(open, '2'))).stderr).toMatch(REFUSED);
  });

  // Layers of their own in both: the engine asks for a few of the places it knows, and these must be among them.
  it('mounts layers from where one may read, with one token for both repositories', async () => {
    const login = await people.aUser(['registry-viewer', 'base/'], ['registry-editor', 'team/']);
    const here = await aUserOf(login);
    await here.succeed('docker', pull(await anImage('base/app', await scene.aLayout())));
    await here.succeed('docker', through(['tag', remote('base/app'), remote('team/app')]));
    const traffic = await scene.watch();
    expect(await here.succeed('docker', through(['push', remote('team/app')]))).toContain('Mounted from base/app');
    expect(await traffic()).toMatchObject({ 'POST end-4 201': 2 });
    expect((await held(scene.url, 'team/app', '1')).layers).toHaveLength(2);
  });

  it('sends what lies where one may not read, with no error', async () => {
    const secret = await anImage('secret/app', await scene.aLayout());
    const given: Given = ['registry-viewer', secret];
    const login = await people.aUser(given, ['registry-editor', 'free/']);
    const here = await aUserOf(login);
    // Now the engine knows that the layers lie there, and will ask to mount them.
    await here.succeed('docker', pull(secret));
    await people.revoke(login.name, given);
    await here.succeed('docker', through(['tag', remote(secret), remote('free/app')]));
    const traffic = await scene.watch();
    await here.succeed('docker', through(['push', remote('free/app')]));
    const seen = await traffic();
    expect(seen).not.toHaveProperty('POST end-4 201');
    // Two layers and the config.
    expect(seen).toMatchObject({ 'PUT end-6 201': 3 });
    expect((await held(scene.url, 'free/app', '1')).layers).toHaveLength(2);
  });
});

interface DockerConfig {
  readonly auths: Readonly<Record<string, { readonly auth?: string; readonly identitytoken?: string } | undefined>>;
}
