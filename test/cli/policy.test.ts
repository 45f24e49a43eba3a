import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { here } from './here.ts';
import { type Outcome, type Place, temporaryPlace } from './process.ts';

const HASH = '$2y$04$Sw7C/dOSUcS5lhj.ougp/OV3Xnj2msZDSkTyFobM.iFi0/duGWiA6';

type Run = (words: string) => Promise<Outcome>;

/** Runs commands on the data of a place. */
function at(place: Place): Run {
  return (words) => here([...words.split(' '), '--config', place.configFile]);
}

/** A file of users, by its path. */
async function htpasswd({ folder }: Place, ...names: readonly string[]): Promise<string> {
  const file = join(folder, 'htpasswd');
  await writeFile(file, names.map((name) => `${name}:${HASH}\n`).join(''));
  return file;
}

test('roles are given, listed, asked about and taken back', async () => {
  await using place = await temporaryPlace('');
  const run = at(place);
  await run(`user import ${await htpasswd(place, 'alice')}`);
  expect(await run('policy add-role-to-user registry-viewer alice -n team-a')).toEqual({
    code: 0,
    stdout: 'gave registry-viewer on team-a/ to user alice\n',
    stderr: '',
  });
  expect((await run('policy add-role-to-user registry-viewer alice -n team-a/')).stdout).toBe(
    'user alice has registry-viewer on team-a/ already\n',
  );
  await run('group create devs');
  await run('group add-member devs alice');
  expect((await run('policy add-role-to-group registry-editor devs -r team-a/app')).stdout).toBe(
    'gave registry-editor on team-a/app to group devs\n',
  );
  expect((await run('policy add-role-to-user system-admin alice')).stdout).toBe(
    'gave system-admin on every repository to user alice\n',
  );
  const moment = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`;
  expect((await run('policy list')).stdout).toMatch(
    new RegExp(
      [
        '^SCOPE       ROLE             KIND   SUBJECT  GIVEN BY      GIVEN',
        String.raw`\*           system-admin     user   alice    system:local  ${moment}`,
        `team-a/     registry-viewer  user   alice    system:local  ${moment}`,
        `team-a/app  registry-editor  group  devs     system:local  ${moment}\n$`,
      ].join('\n'),
    ),
  );
  expect((await run('policy list -n team-a')).stdout.split('\n')).toHaveLength(3);
  expect((await run('policy remove-role-from-user system-admin alice --all')).stdout).toBe(
    'took system-admin on every repository from user alice\n',
  );
  expect((await run('policy who-can push team-a/app')).stdout).toBe(
    'KIND   NAME   THROUGH\ngroup  devs   registry-editor on team-a/app\nuser   alice  registry-editor on team-a/app through group devs\n',
  );
  expect(await run('policy can-i --as alice push team-a/app')).toEqual({
    code: 0,
    stdout: 'yes: registry-editor on team-a/app through group devs\n',
    stderr: '',
  });
  expect((await run('policy remove-role-from-group registry-editor devs -r team-a/app')).code).toBe(0);
  expect(await run('policy can-i --as alice push team-a/app')).toEqual({
    code: 1,
    stdout:
      'no: registry-viewer on team-a/, which gives no more than pull; push takes registry-editor or registry-admin or system-admin\n',
    stderr: '',
  });
  const { code, stdout } = await run('policy can-i --as alice --json delete team-b/app');
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toEqual({
    name: 'alice',
    allowed: false,
    reason: 'no role there; delete takes registry-admin or system-admin',
  });
});

test('groups are created, filled, emptied and deleted', async () => {
  await using place = await temporaryPlace('');
  const run = at(place);
  await run(`user import ${await htpasswd(place, 'alice')}`);
  expect((await run('group create devs')).stdout).toBe('created group devs\n');
  expect((await run('group add-member devs alice')).stdout).toBe('added alice to group devs\n');
  expect((await run('group add-member devs alice')).stdout).toBe('alice is in group devs already\n');
  expect((await run('group list')).stdout).toBe('GROUP  MEMBERS\ndevs   alice\n');
  expect((await run('group remove-member devs alice')).stdout).toBe('removed alice from group devs\n');
  await run('policy add-role-to-group registry-viewer devs --all');
  expect((await run('group delete devs')).stdout).toBe(
    'deleted group devs\ntook back registry-viewer on every repository\n',
  );
  expect(JSON.parse((await run('group list --json')).stdout)).toEqual({ groups: [] });
});

test('robots are created, listed, rotated, disabled, enabled and deleted', async () => {
  await using place = await temporaryPlace('');
  const run = at(place);
  const created = await run('robot create ci -n team-a --role registry-editor --expires-in 90d');
  expect(created.stdout).toMatch(
    /^created robot\+ci with registry-editor on team-a\/\nsecret: ghr_\w{40} \(shown this once; expires \d{4}-\S+Z\)\n$/,
  );
  const list = (await run('robot list')).stdout.split('\n');
  expect(list[0]).toMatch(/^NAME {6}SCOPE {4}STATE {3}EXPIRES {15}ROTATED {15}DESCRIPTION$/);
  expect(list[1]).toMatch(/^robot\+ci {2}team-a\/ {2}active {2}\d{4}-\S+Z {2}\d{4}-\S+Z$/);
  const rotated: unknown = JSON.parse((await run('robot rotate robot+ci --expires-in never --json')).stdout);
  expect(rotated).toEqual({ name: 'robot+ci', secret: expect.stringMatching(/^ghr_/), expiresAt: null });
  expect((await run('robot disable ci')).stdout).toBe('disabled robot+ci\n');
  expect((await run('robot list')).stdout).toContain('disabled');
  expect((await run('robot enable ci')).stdout).toBe('enabled robot+ci\n');
  expect((await run('robot delete ci')).stdout).toBe('deleted robot+ci\n');
  expect(await run('robot delete ci')).toEqual({
    code: 1,
    stdout: '',
    stderr: 'gatehouse: there is no robot "robot+ci"\n',
  });
});

test('the audit trail says who did what here', async () => {
  await using place = await temporaryPlace('');
  const run = at(place);
  await run('group create devs');
  await run('policy add-role-to-group registry-viewer devs -r team-a/app');
  expect((await run('audit --since 1h')).stdout).toMatch(
    new RegExp(
      [
        '^TIME {18}ACTOR {9}FROM {2}EVENT {9}OUTCOME {2}WHAT',
        String.raw`\S{20} {2}system:local {2}- {5}grant\.add {5}done {5}team-a/app:devs {2}.*role=registry-viewer.*`,
        String.raw`\S{20} {2}system:local {2}- {5}group\.create {2}done {5}devs\n$`,
      ].join('\n'),
    ),
  );
  const lines = (await run('audit --repository team-a/app --actor system:local --json')).stdout.trimEnd().split('\n');
  expect(lines.map((line) => Object(JSON.parse(line)).kind)).toEqual(['grant.add']);
  expect((await run('audit --until 1h --json')).stdout).toBe('');
  expect((await run('audit --limit 1 --json')).stdout.trimEnd().split('\n')).toHaveLength(1);
});

test('the keys that sign tokens are changed, and the old ones taken back', async () => {
  await using place = await temporaryPlace('');
  const run = at(place);
  expect((await run('keys rotate')).stdout).toMatch(/^signing with key \S{16}\n$/);
  const revoked = await run('keys rotate --revoke --json');
  expect(JSON.parse(revoked.stdout)).toEqual({ key: expect.stringMatching(/^\S{16}$/), revoked: true });
  const events = (await run('audit --kind key.rotate --json')).stdout.trimEnd().split('\n');
  expect(events.map((line) => Object(JSON.parse(line)).detail)).toEqual([{ revoked: true }, { revoked: false }]);
});

test('the users of an htpasswd file are imported', async () => {
  await using place = await temporaryPlace('');
  const run = at(place);
  expect(await run(`user import ${await htpasswd(place, 'alice', 'bob')}`)).toEqual({
    code: 0,
    stdout: 'created user alice\ncreated user bob\n2 created, 0 changed, 0 skipped\n',
    stderr: '',
  });
  expect(await run(`user import ${await htpasswd(place, 'alice')}`)).toEqual({
    code: 1,
    stdout: 'skipped line 1: there is already a user alice\n0 created, 0 changed, 1 skipped\n',
    stderr: '',
  });
  expect((await run(`user import --replace ${await htpasswd(place, 'alice')}`)).stdout).toBe(
    'changed the password of alice\n0 created, 1 changed, 0 skipped\n',
  );
});

test.each([
  ['policy add-role-to-user registry-viewer alice', 2, 'say where: --namespace NAMESPACE, --repository NAME or --all'],
  [
    'policy add-role-to-user registry-viewer alice -n a --all',
    2,
    'say one of --namespace, --repository and --all, not several',
  ],
  [
    'policy add-role-to-user king alice --all',
    2,
    'role: expected one of "registry-viewer", "registry-signer", "registry-editor", "registry-admin", "system-admin"',
  ],
  [
    'policy add-role-to-user system-admin alice -n team-a',
    1,
    'system-admin is a role everywhere or nowhere: its scope is *, found team-a/',
  ],
  ['policy add-role-to-user registry-viewer alice --all', 1, 'there is no user "alice"'],
  [
    'policy add-role-to-group registry-editor system:anonymous --all',
    1,
    'system:anonymous may be given registry-viewer, and nothing more: not registry-editor',
  ],
  [
    'policy who-can fly team-a/app',
    2,
    'permission: expected one of "pull", "attach", "push", "untag", "delete", "grant", "system"',
  ],
  ['policy can-i pull TEAM', 1, 'expected the name of a repository, found "TEAM"'],
  ['robot create ci --expires-in 90d', 2, 'say where: --namespace NAMESPACE, --repository NAME or --all'],
  [
    'robot create ci --all --expires-in soon',
    1,
    'expiresIn: expected a duration such as 30s, 10m, 24h or 7d, found "soon", or never',
  ],
  [
    'audit --since yesterday',
    2,
    '--since: expected a duration such as 24h, or a time such as 2026-01-31T08:00:00Z, found yesterday',
  ],
  ['audit --limit 0', 2, '--limit: expected a number above 0, found 0'],
  ['user import /no/such/file', 2, '/no/such/file cannot be read (ENOENT)'],
])('%s fails in one line', async (words, code, message) => {
  await using place = await temporaryPlace('');
  expect(await at(place)(words)).toEqual({ code, stdout: '', stderr: `gatehouse: ${message}\n` });
});
