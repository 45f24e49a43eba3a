import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { gatehouse, temporaryPlace } from './process.ts';

const PASSWORD = 'correct horse battery staple';

test('creates, lists, changes and deletes users', async () => {
  await using place = await temporaryPlace('');
  const user = (words: string, input = '') =>
    gatehouse(['user', ...words.split(' '), '--config', place.configFile], input);

  expect(await user('create alice --password-stdin', `${PASSWORD}\n`)).toEqual({
    code: 0,
    stdout: 'created user alice\n',
    stderr: '',
  });
  expect((await user('create bob --password-stdin', PASSWORD)).code).toBe(0);
  const { stdout } = await user('list');
  const moment = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`;
  expect(stdout).toMatch(
    new RegExp(String.raw`^NAME   CREATED +PASSWORD SET\nalice  ${moment}  ${moment}\nbob    ${moment}  ${moment}\n$`),
  );
  expect((await user('set-password alice --password-stdin', 'another password')).stdout).toBe(
    'changed the password of alice\n',
  );
  expect((await user('delete alice')).stdout).toBe('deleted user alice\n');
  expect((await user('list')).stdout).not.toContain('alice');
});

test.each([
  ['create alice', '', 2, 'there is no terminal to ask for the password: pipe it in and add --password-stdin'],
  ['set-password alice', '', 2, 'there is no terminal to ask for the password: pipe it in and add --password-stdin'],
  ['create alice --password-stdin', 'short', 1, 'expected a password of 8 to 1024 characters, found 5'],
  ['create alice --password-stdin', '', 1, 'expected a password of 8 to 1024 characters, found 0'],
  ['set-password alice --password-stdin', '', 2, 'no password was given'],
  ['set-password alice --password-stdin', PASSWORD, 1, 'there is no user "alice"'],
  ['delete alice', '', 1, 'there is no user "alice"'],
  [
    'create Alice --password-stdin',
    PASSWORD,
    1,
    'expected a user name of 1 to 64 of a-z 0-9 . _ @ - that begins with a letter or digit, found "Alice"',
  ],
])('user %s with input %j fails in one line', async (words, input, code, message) => {
  await using place = await temporaryPlace('');
  expect(await gatehouse(['user', ...words.split(' '), '--config', place.configFile], input)).toEqual({
    code,
    stdout: '',
    stderr: `gatehouse: ${message}\n`,
  });
});

// util-linux's `script` gives a command a terminal; some systems have another `script`, or none.
const hasScript = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') === true;

test.skipIf(!hasScript).each([
  ['the password is asked for twice and not shown', [PASSWORD, PASSWORD], /created user alice\r\n$/],
  ['two answers must be the same', [PASSWORD, 'something else'], /gatehouse: the two passwords differ\r\n$/],
  [
    'Enter alone has one made up',
    [''],
    /created user alice with the password [A-Za-z0-9]{22} \(shown this once\)\r\n$/,
  ],
])('on a terminal %s', async (_, answers, ending) => {
  await using place = await temporaryPlace('');
  const main = join(import.meta.dirname, '../../src/main.ts');
  const shell = `"${process.execPath}" "${main}" user create alice --config "${place.configFile}"`;
  const said = await answerOnTerminal(shell, answers);
  expect(said).toMatch(ending);
  expect(said).not.toContain(PASSWORD);
});

/** Types each answer when the next question stands on the terminal. */
async function answerOnTerminal(shell: string, answers: readonly string[]): Promise<string> {
  // -E never: the echo of what is typed to `script` itself is not the command's doing.
  const child = spawn('script', ['-q', '-E', 'never', '-c', shell, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  let answered = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    const questions = said.split(/\): |Once more: /).length - 1;
    for (; answered < Math.min(questions, answers.length); answered += 1) child.stdin.write(`${answers[answered]}\r`);
  });
  await once(child, 'close');
  return said;
}
