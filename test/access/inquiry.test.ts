import { expect, test } from 'vitest';
import { openCallers, reasonOf } from './callers.ts';
import { temporaryMetadata } from './metadata.ts';

/** Users, a group and robots with roles around team-a/app. */
async function furnished() {
  const database = await temporaryMetadata();
  let now = 1000;
  const callers = openCallers(database.metadata, { clock: () => now });
  const { local } = callers;
  await callers.settle('alice', 'bob', 'carol');
  await local.createGroup({ name: 'devs' });
  await local.addGroupMember({ name: 'devs', member: 'bob' });
  await local.createRobot({ name: 'ci', scope: 'team-a/', role: 'registry-editor' });
  await local.createRobot({ name: 'other', scope: 'team-b/' });
  await local.createRobot({ name: 'old', scope: '*', role: 'registry-editor', expiresIn: '1h' });
  await local.createRobot({ name: 'off', scope: '*', role: 'registry-editor' });
  await local.disableRobot({ name: 'off' });
  now += 3_600_000;
  await local.addGrant({ kind: 'user', subject: 'alice', role: 'registry-viewer', scope: 'team-a/' });
  await local.addGrant({ kind: 'user', subject: 'oidc:carol', role: 'registry-editor', scope: 'team-a/app' });
  await local.addGrant({ kind: 'user', subject: 'robot+other', role: 'registry-editor', scope: '*' });
  await local.addGrant({ kind: 'group', subject: 'devs', role: 'registry-editor', scope: 'team-a/' });
  await local.addGrant({ kind: 'group', subject: 'system:anonymous', role: 'registry-viewer', scope: 'team-a/pub' });
  return { callers, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
}

test('who can names everybody who gets in, and by which roles', async () => {
  await using house = await furnished();
  const { subjects } = await house.callers.local.whoCan({ permission: 'push', repository: 'team-a/app' });
  expect(subjects).toEqual([
    { kind: 'group', name: 'devs', through: [{ role: 'registry-editor', scope: 'team-a/' }] },
    { kind: 'user', name: 'bob', through: [{ role: 'registry-editor', scope: 'team-a/', group: 'devs' }] },
    { kind: 'robot', name: 'robot+ci', through: [{ role: 'registry-editor', scope: 'team-a/' }] },
    { kind: 'user', name: 'oidc:carol', through: [{ role: 'registry-editor', scope: 'team-a/app' }] },
  ]);
  const pullers = await house.callers.local.whoCan({ permission: 'pull', repository: 'team-a/pub' });
  expect(pullers.subjects.map(({ name }) => name)).toEqual(['devs', 'bob', 'alice', 'robot+ci', 'system:anonymous']);
});

test.each([
  ['alice', 'pull', 'team-a/app', true, 'registry-viewer on team-a/'],
  [
    'alice',
    'push',
    'team-a/app',
    false,
    'registry-viewer on team-a/, which gives no more than pull; push takes registry-editor or registry-admin or system-admin',
  ],
  ['bob', 'push', 'team-a/app', true, 'registry-editor on team-a/ through group devs'],
  ['bob', 'grant', 'team-b/app', false, 'no role there; grant takes registry-admin or system-admin'],
  [
    'bob',
    'pull',
    'team-a/pub',
    true,
    'registry-editor on team-a/ through group devs, registry-viewer on team-a/pub through group system:anonymous',
  ],
  ['system:anonymous', 'pull', 'team-a/pub', true, 'registry-viewer on team-a/pub through group system:anonymous'],
  [
    'system:anonymous',
    'pull',
    'team-a/app',
    false,
    'no role there; pull takes registry-viewer or registry-signer or registry-editor or registry-admin or system-admin',
  ],
  ['robot+ci', 'push', 'team-a/app', true, 'registry-editor on team-a/'],
  ['robot+other', 'push', 'team-a/app', false, 'robot+other is bound to team-b/'],
  ['robot+old', 'push', 'team-a/app', false, 'robot+old has expired'],
  ['robot+off', 'push', 'team-a/app', false, 'robot+off is disabled'],
  ['oidc:carol', 'push', 'team-a/app', true, 'registry-editor on team-a/app'],
] as const)('can %s %s %s? %s: %s', async (as, permission, repository, allowed, reason) => {
  await using house = await furnished();
  expect(await house.callers.local.canI({ as, permission, repository })).toEqual({ name: as, allowed, reason });
});

test('everybody may ask for themselves, and who may give roles there for others', async () => {
  await using house = await furnished();
  const { callers } = house;
  const question = { permission: 'push', repository: 'team-a/app' } as const;
  const bob = await callers.as('bob');
  expect(await bob.canI(question)).toMatchObject({ name: 'bob', allowed: true });
  expect(await bob.canI({ ...question, as: 'bob' })).toMatchObject({ name: 'bob', allowed: true });
  expect(await reasonOf(bob.canI({ ...question, as: 'alice' }))).toBe('denied');
  expect(await reasonOf(bob.whoCan(question))).toBe('denied');
  const dave = callers.with('dave', { role: 'registry-admin', scope: 'team-a/' });
  expect(await dave.canI({ ...question, as: 'alice' })).toMatchObject({ name: 'alice', allowed: false });
  expect((await dave.whoCan(question)).subjects).toHaveLength(4);
  expect(await reasonOf(dave.canI({ ...question, repository: 'team-b/app', as: 'alice' }))).toBe('denied');
  expect(await reasonOf(dave.canI({ ...question, as: 'nobody' }))).toBe('user-unknown');
});

test('what an issuer says of somebody counts for themselves', async () => {
  await using house = await furnished();
  const workload = house.callers.with('oidc:ci', { role: 'registry-editor', scope: 'team-z/' });
  expect(await workload.canI({ permission: 'push', repository: 'team-z/app' })).toEqual({
    name: 'oidc:ci',
    allowed: true,
    reason: 'a group that their issuer vouches for',
  });
});

test('who am I says what the caller may do where', async () => {
  await using house = await furnished();
  expect(await (await house.callers.as('alice')).whoAmI({})).toEqual({
    name: 'alice',
    kind: 'user',
    permissions: [{ permission: 'pull', scopes: ['team-a/'] }],
  });
  expect(await house.callers.local.whoAmI({})).toMatchObject({ name: 'system:local', kind: 'local' });
});

test('what can be no repository is refused', async () => {
  await using house = await furnished();
  const { local } = house.callers;
  expect(await reasonOf(local.whoCan({ permission: 'pull', repository: 'team-a/' }))).toBe('invalid');
  expect(await reasonOf(local.canI({ permission: 'pull', repository: '*' }))).toBe('invalid');
});
