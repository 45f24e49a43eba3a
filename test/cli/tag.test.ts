import { expect, test } from 'vitest';
import { call } from '../support/client.ts';
import { MOMENT, WAYS, aScene } from './scene.ts';

test.each(WAYS)('a tag has a history, and is rolled back to a revision of it, %s', async (way) => {
  await using scene = await aScene(way);
  const first = await scene.push('team-a/app', '1.4');
  const second = await scene.push('team-a/app', '1.4');
  const by = way === 'on a server' ? 'admin' : 'system:local';
  const history = await scene.run('tag history team-a/app:1.4');
  expect(history).toMatchObject({ code: 0, stderr: '' });
  expect(history.stdout).toMatch(
    new RegExp(
      [
        '^REVISION +SET +BY +HOW +ENDED +DIGEST',
        `2 +${MOMENT} +admin +push +now +${second.digest}`,
        `1 +${MOMENT} +admin +push +${MOMENT} moved by admin +${first.digest}\n$`,
      ].join('\n'),
    ),
  );
  expect(await scene.run('tag rollback team-a/app:1.4 --to 1')).toEqual({
    code: 0,
    stdout: `team-a/app:1.4 points at ${first.digest}\n`,
    stderr: '',
  });
  const pulled = await call(scene.gatehouse.url, { method: 'GET', path: '/v2/team-a/app/manifests/1.4' });
  expect(pulled.headers['docker-content-digest']).toBe(first.digest);
  const { revisions } = Object(JSON.parse((await scene.run('tag history team-a/app:1.4 --json')).stdout));
  expect(revisions).toHaveLength(3);
  expect(revisions[0]).toEqual({
    revision: 3,
    digest: first.digest,
    since: expect.any(String),
    setBy: by,
    setWhy: 'rollback',
    until: null,
    endedBy: null,
    endedWhy: null,
  });
});

test('rolling back brings back what was removed, and says so', async () => {
  await using scene = await aScene('on the data');
  const first = await scene.push('team-a/app', '1.4');
  await scene.push('team-a/app', '1.4');
  await call(scene.gatehouse.url, { method: 'DELETE', path: `/v2/team-a/app/manifests/${first.digest}` });
  expect((await scene.run('tag rollback team-a/app:1.4 --to 1')).stdout).toBe(
    `brought back team-a/app@${first.digest}\nteam-a/app:1.4 points at ${first.digest}\n`,
  );
});

test.each([
  ['tag history team-a/app:1.5', 1, 'there never was such a tag or revision here'],
  ['tag history team-a/app', 2, 'expected an image such as team-a/app:1.4 or team-a/app@sha256:…, found team-a/app'],
  [
    'tag history localhost:5000/app',
    2,
    'expected an image such as team-a/app:1.4 or team-a/app@sha256:…, found localhost:5000/app',
  ],
  ['tag history team-a/app@sha256:0', 2, 'expected a tag such as team-a/app:1.4, found team-a/app@sha256:0'],
  ['tag history TEAM/app:1', 1, 'expected the name of a repository, found "TEAM/app"'],
  ['tag rollback team-a/app:1.4 --to 7', 1, 'there never was such a tag or revision here'],
  ['tag rollback team-a/app:1.4 --to last', 2, '--to: expected the number of a revision, found last'],
])('%s fails in one line', async (words, code, message) => {
  await using scene = await aScene('on the data');
  await scene.push('team-a/app', '1.4');
  expect(await scene.run(words)).toEqual({ code, stdout: '', stderr: `gatehouse: ${message}\n` });
});
