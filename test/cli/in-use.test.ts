import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { gatehouse as command } from './process.ts';
import { MOMENT, WAYS, aScene } from './scene.ts';

test.each(WAYS)('a list of what runs is taken from a file, and protects, %s', async (way) => {
  await using scene = await aScene(way, [{ repositories: '**', keepMostRecent: 1 }]);
  for (const tag of ['v1', 'v2', 'v3']) await scene.push('team-a/app', tag);
  const file = join(scene.gatehouse.folder, 'images.txt');
  await writeFile(file, 'registry.example.com/team-a/app:v1\n<none>\n');
  const taken = await scene.run(`in-use import ${file} --source prod --max-age 1h`);
  expect(taken).toMatchObject({ code: 0, stderr: '' });
  expect(taken.stdout).toMatch(
    new RegExp(
      `^line 2 protects nothing: expected the name of a repository: <none>\n2 references of prod are in use until ${MOMENT}\n$`,
    ),
  );
  expect((await scene.run('in-use list')).stdout).toMatch(
    new RegExp(`^SOURCE  REFERENCES  UNTIL\nprod    2           ${MOMENT}\n$`),
  );
  const { items } = Object(JSON.parse((await scene.run('prune --json')).stdout));
  const fates = items.flatMap((item: { item: string; tag: string; fate: string }) =>
    item.item === 'tag' ? [`${item.tag} ${item.fate}`] : [],
  );
  expect(fates).toEqual(['v1 keep', 'v2 delete', 'v3 keep']);
  const by = way === 'on a server' ? 'admin' : 'system:local';
  const event: unknown = JSON.parse((await scene.run('audit --kind in-use.replace --json')).stdout);
  expect(event).toMatchObject({ actor: by, reference: 'prod', detail: { references: 2, malformed: 1 } });
});

test('a list is taken from standard input', async () => {
  await using scene = await aScene('on the data');
  const { configFile } = scene.gatehouse;
  const taken = await command(['in-use', 'import', '-', '--config', configFile], '"team-a/app:v1" "team-a/app:v2"\n');
  expect(taken).toMatchObject({ code: 0, stderr: '' });
  expect(taken.stdout).toMatch(/^2 references of default are in use until /);
});

test.each(WAYS)('what is no list is refused in one line, %s', async (way) => {
  await using scene = await aScene(way);
  const file = join(scene.gatehouse.folder, 'images.txt');
  await writeFile(file, 'Error from server\n');
  expect(await scene.run(`in-use import ${file}`)).toEqual({
    code: 1,
    stdout: '',
    stderr: 'gatehouse: expected image references, one a line, found 1 malformed lines\n',
  });
  expect(await scene.run(`in-use import ${file} --max-age soon`)).toEqual({
    code: 2,
    stdout: '',
    stderr: 'gatehouse: maxAge: expected a duration from 1m to 365d, such as 48h, found "soon"\n',
  });
  expect(await scene.run('in-use import /no/such/file')).toMatchObject({
    code: 2,
    stderr: 'gatehouse: /no/such/file cannot be read (ENOENT)\n',
  });
});
