import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ANONYMOUS } from '#access/subject.ts';
import { call } from '#test/support/client.ts';
import { type Login, type Workstation, aRepository, describeClient } from '#test/support/clients.ts';
import type { Layout } from '#test/support/e2e-layout.ts';
import { type Given, usePeople } from '#test/support/e2e-people.ts';
import { held, tagsOf, useScene } from '#test/support/e2e-scene.ts';

const PLAIN = '--tls-verify=false';
const UP = ['--dest-tls-verify=false', '--preserve-digests'];
const DOWN = '--src-tls-verify=false';

/** Who may do what; `pull` of what one may not even see is told apart from `push` only in the words. */
const ROLES = [
  { role: 'nobody', given: [], may: [] },
  { role: 'registry-viewer', given: [['registry-viewer', 'e2e/']], may: ['pull'] },
  { role: 'registry-signer', given: [['registry-signer', 'e2e/']], may: ['pull'] },
  { role: 'registry-editor', given: [['registry-editor', 'e2e/']], may: ['pull', 'push', 'retag', 'untag'] },
  { role: 'registry-admin', given: [['registry-admin', 'e2e/']], may: ['pull', 'push', 'retag', 'untag', 'delete'] },
] as const satisfies { role: string; given: Given[]; may: string[] }[];

const REFUSED = /denied|unauthorized|authentication required|not found|manifest unknown|may not exist/i;

describeClient(['podman', 'skopeo', 'regctl', 'crane'], () => {
  const scene = useScene();
  const people = usePeople(scene);
  let layout: Layout;
  let admin: Workstation;
  beforeAll(async () => {
    layout = await scene.aLayout();
    admin = await scene.aUserOf('skopeo');
  });

  const remote = (repository: string, tag = '1'): string => `docker://${scene.host}/${repository}:${tag}`;
  const anImage = async (repository = aRepository()): Promise<string> => {
    for (const tag of ['1', '2']) {
      await admin.succeed('skopeo', ['copy', ...UP, `oci:${layout.folder}:latest`, remote(repository, tag)]);
    }
    return repository;
  };
  /** What of these acts goes through; the others must be refused in words that say so. */
  const allowed = async (acts: Record<string, readonly [string, readonly string[]]>, here: Workstation) => {
    const done: string[] = [];
    for (const [act, [program, args]] of Object.entries(acts)) {
      const { code, stderr } = await here.run(program, args);
      if (code === 0) done.push(act);
      else expect([act, stderr]).toEqual([act, expect.stringMatching(REFUSED)]);
    }
    return done;
  };

  describe.each(ROLES)('$role', ({ given, may }) => {
    let login: Login;
    beforeAll(async () => {
      login = await people.aUser(...given);
    });

    it('does with skopeo and regctl what it may, and nothing else', async () => {
      const here = await scene.aUserOf(['skopeo', 'regctl'], scene.host, login);
      const repository = await anImage();
      const seen = await allowed(
        {
          pull: ['skopeo', ['copy', DOWN, remote(repository), `dir:${join(here.folder, 'image')}`]],
          push: ['skopeo', ['copy', ...UP, `oci:${layout.folder}:latest`, remote(aRepository())]],
          retag: ['skopeo', ['copy', DOWN, ...UP, remote(repository), remote(repository, '3')]],
          untag: ['regctl', ['tag', 'delete', `${scene.host}/${repository}:2`]],
          delete: ['skopeo', ['delete', PLAIN, remote(repository)]],
        },
        here,
      );
      expect(seen).toEqual(may);
      const left = ['1', '2', '3'].filter((tag) => tag !== (seen.includes('retag') ? '2' : '3'));
      expect(await tagsOf(scene.url, repository)).toEqual(seen.includes('delete') ? [] : left);
    });

    it('does with podman what it may, and nothing else', async () => {
      const here = await scene.aUserOf('podman', scene.host, login);
      const repository = await anImage();
      const image = await here.succeed('podman', ['pull', '--quiet', `oci:${layout.folder}:latest`]);
      const seen = await allowed(
        {
          pull: ['podman', ['pull', PLAIN, `${scene.host}/${repository}:1`]],
          push: ['podman', ['push', PLAIN, image, `${scene.host}/${aRepository()}:1`]],
          retag: ['podman', ['push', PLAIN, image, `${scene.host}/${repository}:3`]],
        },
        here,
      );
      expect(seen).toEqual(may.filter((act) => ['pull', 'push', 'retag'].includes(act)));
    });
  });

  it('shows in lists and searches only what one may see', async () => {
    const [mine, theirs] = [await anImage('seen/app'), await anImage('unseen/app')];
    const login = await people.aUser(['registry-viewer', 'seen/']);
    const here = await scene.aUserOf(['podman', 'skopeo', 'crane'], scene.host, login);
    expect(await here.succeed('crane', ['catalog', scene.host])).toBe(mine);
    const search = ['search', PLAIN, '--format', '{{.Name}}', `${scene.host}/app`];
    expect(await here.succeed('podman', search)).toBe(`${scene.host}/${mine}`);
    const list = (repository: string) => ['list-tags', PLAIN, `docker://${scene.host}/${repository}`];
    expect(JSON.parse(await here.succeed('skopeo', list(mine)))).toMatchObject({ Tags: ['1', '2'] });
    // In the words for what was never there.
    const said = async (repository: string): Promise<string> =>
      // skopeo begins with the second it is in.
      (await here.fail('skopeo', list(repository))).replaceAll(repository, 'X').replaceAll(/time="[^"]*"/g, '');
    expect(await said(theirs)).toBe(await said('unseen/nothing'));
  });

  it('pushes what lies where one may not read, by sending it, with no error', async () => {
    const login = await people.aUser(['registry-editor', 'open/']);
    const here = await scene.aUserOf('podman', scene.host, login);
    const image = await here.succeed('podman', ['pull', '--quiet', `oci:${layout.folder}:latest`]);
    const secret: Given = ['registry-editor', 'secret/app'];
    await people.grant(login.name, secret);
    // Now the client knows where the blobs lie, and will ask to mount them.
    await here.succeed('podman', ['push', PLAIN, image, `${scene.host}/secret/app:1`]);
    await here.succeed('podman', ['push', PLAIN, image, `${scene.host}/open/one:1`]);
    await people.revoke(login.name, secret, ['registry-editor', 'open/']);
    await people.grant(login.name, ['registry-editor', 'open/two']);
    const traffic = await scene.watch();
    await here.succeed('podman', ['push', PLAIN, image, `${scene.host}/open/two:1`]);
    const seen = await traffic();
    expect(seen).not.toHaveProperty('POST end-4 201');
    expect(seen).toMatchObject({ 'PUT end-6 201': 3 });
    expect((await held(scene.url, 'open/two', '1')).layers).toHaveLength(2);
  });

  it('ends what was granted and is taken back, between two pulls of one login', async () => {
    const repository = await anImage();
    const given: Given = ['registry-viewer', repository];
    const login = await people.aUser(given);
    const here = await scene.aUserOf(['podman', 'skopeo'], scene.host, login);
    const pulls = [
      ['podman', ['pull', '--quiet', PLAIN, `${scene.host}/${repository}:1`]],
      ['skopeo', ['inspect', PLAIN, remote(repository)]],
    ] as const;
    for (const [program, args] of pulls) await here.succeed(program, args);
    await people.revoke(login.name, given);
    for (const [program, args] of pulls) expect(await here.fail(program, args)).toMatch(REFUSED);
    await people.grant(login.name, given);
    for (const [program, args] of pulls) await here.succeed(program, args);
    await people.setPassword(login.name, 'another password');
    for (const [program, args] of pulls)
      expect(await here.fail(program, args)).toMatch(/unauthorized|invalid username/);
  });

  it('lets a robot in until it is disabled', async () => {
    const repository = await anImage();
    const robot = await people.aRobot('ci', ['registry-editor', repository]);
    const here = await scene.aUserOf(['podman', 'skopeo'], scene.host, robot);
    const retag = (tag: string) => ['copy', DOWN, ...UP, remote(repository), remote(repository, tag)];
    const pull = ['pull', '--quiet', PLAIN, `${scene.host}/${repository}:1`];
    await here.succeed('podman', pull);
    await here.succeed('skopeo', retag('3'));
    await people.disableRobot(robot.name);
    expect(await here.fail('podman', pull)).toMatch(/unauthorized|invalid username/);
    expect(await here.fail('skopeo', retag('4'))).toMatch(/unauthorized|invalid username/);
    expect(await tagsOf(scene.url, repository)).toEqual(['1', '2', '3']);
  });

  it('lets anybody pull what anybody may, and nothing else', async () => {
    const [open, closed] = [await anImage('public/app'), await anImage('private/app')];
    await people.grant(ANONYMOUS, ['registry-viewer', 'public/']);
    const here = await scene.aStranger();
    const pull = (repository: string) => ['pull', '--quiet', PLAIN, `${scene.host}/${repository}:1`];
    await here.succeed('podman', pull(open));
    await here.succeed('skopeo', ['inspect', PLAIN, remote(open)]);
    await here.succeed('crane', ['manifest', `${scene.host}/${open}:1`]);
    expect(await here.succeed('crane', ['catalog', scene.host])).toBe(open);
    expect(await here.fail('podman', pull(closed))).toMatch(REFUSED);
    expect(await here.fail('skopeo', ['inspect', PLAIN, remote(closed)])).toMatch(REFUSED);
    const push = ['copy', ...UP, `oci:${layout.folder}:latest`, remote(open, '2')];
    expect(await here.fail('skopeo', push)).toMatch(REFUSED);
    // Whoever logs in keeps what anybody has.
    const somebody = await scene.aUserOf('skopeo', scene.host, await people.aUser());
    await somebody.succeed('skopeo', ['inspect', PLAIN, remote(open)]);
    await people.revoke(ANONYMOUS, ['registry-viewer', 'public/']);
    expect(await here.fail('podman', pull(open))).toMatch(REFUSED);
  });

  it('ends with a token in hand: what was revoked is refused at once', async () => {
    const repository = await anImage();
    const given: Given = ['registry-viewer', repository];
    const { name, password } = await people.aUser(given);
    const basic = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
    const path = `/token?service=gatehouse&scope=repository:${repository}:pull`;
    const { json } = await call(scene.url, { method: 'GET', path, headers: { authorization: basic } });
    const authorization = `Bearer ${(json as { token: string }).token}`;
    const pull = async () =>
      (await call(scene.url, { method: 'GET', path: `/v2/${repository}/tags/list`, headers: { authorization } }))
        .status;
    expect(await pull()).toBe(200);
    await people.revoke(name, given);
    expect(await pull()).toBe(404);
    await people.grant(name, given);
    expect(await pull()).toBe(200);
    await people.setPassword(name, 'another password');
    expect(await pull()).toBe(401);
  });
});
