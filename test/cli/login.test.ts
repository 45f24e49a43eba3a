import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Gatehouse, PASSWORD, startGatehouse } from '../support/gatehouse.ts';
import { here } from './here.ts';
import { type Outcome, type Place, gatehouse as command, temporaryPlace } from './process.ts';

let gatehouse: Gatehouse;

beforeAll(async () => {
  gatehouse = await startGatehouse();
  const { installation } = gatehouse;
  const local = installation.administration(installation.localCaller);
  await local.createUser({ name: 'alice', password: PASSWORD });
  await local.addGrant({ kind: 'user', subject: 'alice', role: 'registry-admin', scope: 'team-a/' });
});

afterAll(() => gatehouse.stop());

/** Runs a command with a home of its own. */
function inHome({ folder }: Place, environment: Record<string, string> = {}) {
  const variables = { XDG_CONFIG_HOME: folder, ...environment };
  // Only what reads standard input needs a process of its own.
  return (words: string, input?: string): Promise<Outcome> =>
    input === undefined ? here(words.split(' '), variables) : command(words.split(' '), input, variables);
}

describe('login', () => {
  test('keeps a token, with which commands speak to the server as whoever logged in', async () => {
    await using home = await temporaryPlace('');
    const run = inHome(home);
    const { url } = gatehouse;
    expect(await run(`login ${url} -u alice --password-stdin`, `${PASSWORD}\n`)).toEqual({
      code: 0,
      stdout: `logged in to ${url} as alice\n`,
      stderr: '',
    });
    const file = join(home.folder, 'gatehouse/login.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const kept = await readFile(file, 'utf8');
    expect(kept).not.toContain(PASSWORD);
    expect(JSON.parse(kept)).toEqual({ servers: { [url]: { user: 'alice', refreshToken: expect.any(String) } } });

    expect(
      (await run(`policy add-role-to-group registry-viewer system:authenticated -n team-a --server ${url}`)).stdout,
    ).toBe('gave registry-viewer on team-a/ to group system:authenticated\n');
    expect((await run(`policy can-i push team-a/app --server ${url}`)).stdout).toBe('yes: registry-admin on team-a/\n');
    expect(await run(`user list --server ${url}`)).toEqual({
      code: 1,
      stdout: '',
      stderr: 'gatehouse: no permission to system on every repository\n',
    });
    const asAlice = inHome(home, { GATEHOUSE_SERVER: url });
    const lines = (await asAlice('audit --repository team-a/app --json')).stdout;
    expect(lines).toBe('');

    expect((await run(`logout ${url}`)).stdout).toBe(`logged out of ${url}\n`);
    expect(await asAlice('policy roles')).toEqual({
      code: 1,
      stdout: '',
      stderr: `gatehouse: there is no login for ${url}: gatehouse login ${url}, or set GATEHOUSE_USER and GATEHOUSE_PASSWORD\n`,
    });
  });

  test('ends with the password it was bought with', async () => {
    await using home = await temporaryPlace('');
    const run = inHome(home);
    const { url, installation } = gatehouse;
    const local = installation.administration(installation.localCaller);
    await local.createUser({ name: 'bob', password: PASSWORD });
    await run(`login ${url} -u bob --password-stdin`, PASSWORD);
    expect((await run(`policy roles --server ${url}`)).code).toBe(0);
    const changed = await run(
      `user set-password bob --password-stdin --server ${url}`,
      `${PASSWORD}\nanother password\n`,
    );
    expect(changed.stdout).toBe('changed the password of bob\n');
    expect(await run(`policy roles --server ${url}`)).toEqual({
      code: 1,
      stdout: '',
      stderr: `gatehouse: the login for ${url} is no longer good: gatehouse login ${url}\n`,
    });
  });

  test.each([
    [
      'wrong password',
      '-u alice --password-stdin',
      'wrong password',
      1,
      'does not know you: the name and password are not those of a user',
    ],
    ['no user', '--password-stdin', PASSWORD, 2, "required option '-u, --user <name>' not specified"],
    ['no terminal', '-u alice', PASSWORD, 2, 'there is no terminal to ask for the password'],
    [
      'no certificate',
      '-u alice --password-stdin --ca /no/such',
      PASSWORD,
      2,
      '--ca: /no/such cannot be read (ENOENT)',
    ],
  ])('with %s is refused in words', async (_, flags, input, code, words) => {
    await using home = await temporaryPlace('');
    const outcome = await inHome(home)(`login ${gatehouse.url} ${flags}`, input);
    expect(outcome).toEqual({ code, stdout: '', stderr: expect.stringContaining(words) });
  });
});

describe('a server', () => {
  test('is spoken to with a name and password of the environment', async () => {
    await using home = await temporaryPlace('');
    const run = inHome(home, {
      GATEHOUSE_SERVER: gatehouse.url,
      GATEHOUSE_USER: 'admin',
      GATEHOUSE_PASSWORD: PASSWORD,
    });
    expect((await run('group create remote')).stdout).toBe('created group remote\n');
    expect(JSON.parse((await run('group list --json')).stdout)).toEqual({ groups: [{ name: 'remote', members: [] }] });
    const created = await run('robot create deploy -r team-z/app --json');
    expect(JSON.parse(created.stdout)).toMatchObject({ name: 'robot+deploy', expiresAt: null });
    expect((await run('robot rotate robot+deploy')).code).toBe(0);
    expect((await run('audit --kind robot.create --json')).stdout).toContain('"actor":"admin"');
    expect(await run('group delete nobody')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'gatehouse: there is no group "nobody"\n',
    });
  });

  test.each([
    ['that is not there', 'http://127.0.0.1:1', 1, 'nothing answers at http://127.0.0.1:1: is the server running?'],
    ['that speaks no TLS', 'https', 1, 'does not speak TLS: is it http?'],
    ['with a path', 'http://127.0.0.1:1/v2', 2, 'expected the URL of a server, such as https://registry.example.com'],
    ['that knows another password', 'wrong', 1, 'does not know you'],
  ])('%s is told of in one line', async (_, server, code, words) => {
    await using home = await temporaryPlace('');
    const url = { https: gatehouse.url.replace('http:', 'https:'), wrong: gatehouse.url }[server] ?? server;
    const run = inHome(home, { GATEHOUSE_USER: 'admin', GATEHOUSE_PASSWORD: 'not the one' });
    const { code: ended, stdout, stderr } = await run(`group list --server ${url}`);
    expect({ code: ended, stdout }).toEqual({ code, stdout: '' });
    expect(stderr).toMatch(/^gatehouse: .*\n$/);
    expect(stderr).toContain(words);
  });

  test('is not asked when the file of logins cannot be understood', async () => {
    await using home = await temporaryPlace('');
    const run = inHome(home);
    await run(`login ${gatehouse.url} -u alice --password-stdin`, PASSWORD);
    await writeFile(join(home.folder, 'gatehouse/login.json'), '{"servers":5}');
    const { code, stderr } = await run(`policy roles --server ${gatehouse.url}`);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('is no file of logins: remove it') });
  });
});
