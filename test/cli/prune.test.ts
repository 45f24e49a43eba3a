import { expect, test } from 'vitest';
import { samePlaceText } from '../../src/cli/administration.ts';
import { call } from '../support/client.ts';
import { MOMENT, type Scene, WAYS, type Way, aScene } from './scene.ts';

const R = 'team-a/app';
const NEWEST = { repositories: 'team-*/**', keepMostRecent: 2 };

/** A registry with v1 to v4, of which the rule keeps the last two. */
async function fourTags(way: Way, rule: object = NEWEST): Promise<Scene> {
  const scene = await aScene(way, [rule]);
  for (const tag of ['v1', 'v2', 'v3', 'v4']) await scene.push(R, tag);
  return scene;
}

const tagsOf = async ({ gatehouse }: Scene): Promise<unknown> =>
  Object(await call(gatehouse.url, { method: 'GET', path: `/v2/${R}/tags/list` })).json.tags;

/** The id of the newest plan. */
async function planOf(scene: Scene): Promise<string> {
  const { plans } = Object(JSON.parse((await scene.run('prune list --json')).stdout));
  return plans[0].id;
}

test.each(WAYS)('a plan is shown, then carried out, and what it came to stays, %s', async (way) => {
  await using scene = await fourTags(way);
  const planned = await scene.run('prune');
  const id = await planOf(scene);
  expect(planned).toMatchObject({ code: 0, stderr: '' });
  const reason = String.raw`rule 1 \(team-\*/\*\*\): not held by keepMostRecent 2 by pushed, set \S+, never pulled`;
  const by = way === 'on a server' ? 'admin' : 'system:local';
  expect(planned.stdout).toMatch(
    new RegExp(
      [
        '^FATE    WHAT           REASON',
        `delete  team-a/app:v1  ${reason}`,
        `delete  team-a/app:v2  ${reason}`,
        '',
        `plan ${id}, made ${MOMENT} by ${by}: 2 tags, 0 revisions and 0 manifests go, 2, 0 and 4 stay, in 1 repositories`,
        `nothing was deleted; to carry it out: gatehouse prune --confirm ${id}${scene.place}\n$`,
      ].join('\n'),
    ),
  );
  expect(await tagsOf(scene)).toEqual(['v1', 'v2', 'v3', 'v4']);
  expect((await scene.run('prune --all')).stdout).toMatch(/keep {4}team-a\/app:v4 .*2 most recent/);

  // Named, it is that plan and no newer one; what was set again meanwhile stays.
  await scene.push(R, 'v2');
  expect(await scene.run(`prune --confirm ${id}`)).toEqual({
    code: 0,
    stdout:
      'team-a/app:v2 skipped: the tag was set since\n' +
      `carried out plan ${id}: deleted 1 tags, 0 revisions, 0 manifests; skipped 1\n`,
    stderr: '',
  });
  expect(await tagsOf(scene)).toEqual(['v2', 'v3', 'v4']);
  expect((await scene.run(`prune show ${id}`)).stdout).toMatch(
    new RegExp(
      `^FATE +WHAT +OUTCOME +REASON\ndelete +team-a/app:v1 +deleted +rule.*\ndelete +team-a/app:v2 +skipped: the tag was set since +rule.*\n\nplan ${id}, made .* carried out ${MOMENT} by ${by}: `,
    ),
  );
  expect(await scene.run(`prune --confirm ${id}`)).toEqual({
    code: 1,
    stdout: '',
    stderr: `gatehouse: plan ${id} was carried out before\n`,
  });
  expect((await scene.run(`restore ${R}:v1`)).code).toBe(0);
});

test.each(WAYS)('without its id the newest plan is carried out that was not, %s', async (way) => {
  await using scene = await fourTags(way);
  expect(await scene.run('prune --confirm')).toEqual({
    code: 1,
    stdout: '',
    stderr: 'gatehouse: there is no plan to carry out: `gatehouse prune` makes one\n',
  });
  await scene.run('prune');
  const id = await planOf(scene);
  const confirmed = await scene.run('prune --confirm --json');
  expect(JSON.parse(confirmed.stdout)).toEqual({
    plan: id,
    stops: [],
    tags: 2,
    revisions: 0,
    manifests: 0,
    skipped: 0,
    gone: 0,
    skippedItems: [],
  });
  expect((await scene.run('prune --confirm')).code).toBe(1);
  expect((await scene.run('prune list')).stdout).toMatch(
    new RegExp(`^PLAN .*\n${id} +${MOMENT} +\\S+ +done +2 +0 +0 `),
  );
});

test.each(WAYS)('the brake stops a plan until it is overridden, %s', async (way) => {
  await using scene = await fourTags(way, { ...NEWEST, keepMostRecent: 1 });
  const planned = await scene.run('prune');
  const id = await planOf(scene);
  const reason = 'it would take 3 of 4 tags, 75%, more than 50%, of';
  expect(planned.stdout).toContain(`\nthe brake will stop it: ${reason} team-a/app\n`);
  expect(planned.stdout).toContain(`gatehouse prune --confirm ${id} --override-brake${scene.place}\n`);
  expect(await scene.run(`prune --confirm ${id}`)).toEqual({
    code: 1,
    stdout:
      `stopped: ${reason} team-a/app\nstopped: ${reason} the registry\n` +
      `nothing was deleted; to let it pass all the same: gatehouse prune --confirm ${id} --override-brake${scene.place}\n`,
    stderr: '',
  });
  expect(await tagsOf(scene)).toEqual(['v1', 'v2', 'v3', 'v4']);
  expect((await scene.run('prune list')).stdout).toContain(' stopped ');
  const passed = await scene.run('prune --confirm --override-brake');
  expect(passed).toMatchObject({ code: 0, stdout: expect.stringContaining(`carried out plan ${id}: deleted 3 tags`) });
  expect(await tagsOf(scene)).toEqual(['v4']);
  const kinds = (await scene.run('audit --json')).stdout.trimEnd().split('\n');
  expect(kinds.map((line) => Object(JSON.parse(line)).kind)).toEqual(
    expect.arrayContaining(['prune.stopped', 'prune.done']),
  );
});

test.each(WAYS)('a plan is limited to repositories, and shown for one, %s', async (way) => {
  await using scene = await fourTags(way);
  for (const tag of ['v1', 'v2', 'v3']) await scene.push('team-b/app', tag);
  const limited = Object(JSON.parse((await scene.run('prune --json --repository team-b/* none')).stdout));
  expect(limited).toMatchObject({ repositories: ['team-b/*', 'none'], planned: 1, tags: { keep: 2, delete: 1 } });
  expect(limited.items).toHaveLength(6);
  await scene.run('prune');
  const id = await planOf(scene);
  const shown = Object(JSON.parse((await scene.run(`prune show ${id} --repository team-b/app --json`)).stdout));
  expect(shown).toMatchObject({ id, planned: 2 });
  expect(new Set(shown.items.map(({ repository }: { repository: string }) => repository))).toEqual(
    new Set(['team-b/app']),
  );
});

test.each([
  ['prune show none', 1, 'no plan none: the newest 10 are kept'],
  ['prune --confirm none', 1, 'no plan none: it may be forgotten by now'],
  ['prune --override-brake', 2, '--override-brake goes with --confirm'],
  ['prune --repository a --confirm', 2, '--repository is for making a plan, not for carrying one out'],
  ['prune --repository team-[ab]', 1, 'expected * ** ? or {a,b} as wildcards, found [: "team-[ab]"'],
])('%s fails in one line', async (words, code, message) => {
  await using scene = await aScene('on the data');
  expect(await scene.run(words)).toEqual({ code, stdout: '', stderr: `gatehouse: ${message}\n` });
});

test('without rules nothing is to be deleted', async () => {
  await using scene = await aScene('on the data');
  await scene.push(R, 'v1');
  expect((await scene.run('prune')).stdout).toMatch(/in 0 repositories\nnothing is to be deleted\n$/);
});

test.each([
  ['registry.example.com', ' --server registry.example.com'],
  ["my server's", String.raw` --server 'my server'\''s'`],
])('the next command is pointed at the same place: %s', (server, text) => {
  expect(samePlaceText({ server, config: 'not/asked.yaml' })).toBe(text);
});
