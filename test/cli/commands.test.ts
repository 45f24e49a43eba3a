import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { here } from './here.ts';
import { gatehouse, temporaryPlace } from './process.ts';

const COMMANDS = [
  'serve',
  'user create',
  'user list',
  'user set-password',
  'user delete',
  'user import',
  'policy add-role-to-user',
  'policy add-role-to-group',
  'policy remove-role-from-user',
  'policy remove-role-from-group',
  'policy list',
  'policy roles',
  'policy who-can',
  'policy can-i',
  'group create',
  'group list',
  'group add-member',
  'group remove-member',
  'group delete',
  'robot create',
  'robot list',
  'robot rotate',
  'robot disable',
  'robot enable',
  'robot delete',
  'audit',
  'tag history',
  'tag rollback',
  'restore',
  'prune',
  'prune show',
  'prune list',
  'in-use import',
  'in-use list',
  'login',
  'logout',
  'config check',
  'config print',
  'config schema',
  'verify',
  'gc',
];

test.each(COMMANDS)('%s --help shows its options and an example', async (command) => {
  const { code, stdout, stderr } = await here([...command.split(' '), '--help']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain(`Example:\n  gatehouse ${command}`);
  // The schema is the same for every configuration, and a login is for a server elsewhere.
  expect(stdout.includes('--config <file>')).toBe(!['config schema', 'login', 'logout'].includes(command));
  expect(stdout.includes('--server <url>')).toBe(
    /^(user|policy|group|robot|audit|tag|restore|prune|in-use)/.test(command),
  );
});

test('--help names every command', async () => {
  const { code, stdout } = await gatehouse(['--help']);
  expect(code).toBe(0);
  for (const command of COMMANDS) expect(stdout).toContain(`\n  ${command.split(' ')[0]}`);
});

test.each([
  [[], /^Usage: /],
  [['serv'], /^error: unknown command 'serv'/],
  [['serve', '--bogus'], /^error: unknown option '--bogus'/],
  [['user', 'create'], /^error: missing required argument 'name'/],
  [['gc', '--minimum-age', '1w'], /^gatehouse: --minimum-age: expected a duration such as .*, found "1w"\n$/],
  [
    ['config', 'check', '--config', '/no/such.yaml'],
    /^gatehouse: configuration: 1 problem\n {2}\/no\/such.yaml: there is no such file\n/,
  ],
])('%j is a mistake of usage: exit code 2', async (words, message) => {
  const { code, stdout, stderr } = await gatehouse(words);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(message);
  expect(stderr).not.toContain('    at ');
});

describe('config', () => {
  test('check says that all is sound', async () => {
    await using place = await temporaryPlace('');
    expect(await gatehouse(['config', 'check', '--config', place.configFile])).toEqual({
      code: 0,
      stdout: 'the configuration is sound\n',
      stderr: '',
    });
  });

  test('check says all that is wrong: exit code 2', async () => {
    await using place = await temporaryPlace('log: {levle: info}\nhttp: {listen: 5}\n');
    const { code, stderr } = await gatehouse(['config', 'check', '--config', place.configFile]);
    expect(code).toBe(2);
    expect(stderr).toBe(
      `gatehouse: ${place.configFile}: 2 problems
  http.listen: expected an address and a port such as 127.0.0.1:5000 or [::1]:5000, found 5
    → correct it, or remove the line to get the default, 127.0.0.1:5000
  log.levle: unknown key
    → did you mean level?
`,
    );
  });

  test('print gives the whole configuration in effect', async () => {
    await using place = await temporaryPlace('log: {level: warn}\n');
    const { code, stdout } = await gatehouse(['config', 'print', '--config', place.configFile]);
    expect(code).toBe(0);
    expect(stdout).toContain('level: warn\n');
    expect(stdout).toContain(`root: ${join(place.folder, 'data/storage')}\n`);
    expect(stdout).toContain('expireAfter: 24h\n');
  });

  test('schema gives JSON Schema with a description of every option', async () => {
    const { code, stdout } = await gatehouse(['config', 'schema']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      type: 'object',
      additionalProperties: false,
      properties: {
        http: {
          properties: {
            listen: { default: '127.0.0.1:5000', description: 'address and port; port 0 takes any free one' },
          },
        },
      },
    });
  });
});
