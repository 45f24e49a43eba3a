import { describe, expect, test } from 'vitest';
import { hashSecret } from '#access/secret.ts';
import { findRefreshToken, insertRefreshToken } from '#metadata/refresh-tokens.ts';
import { findRobotCredential } from '#metadata/robots.ts';
import { messageOf, openCallers, reasonOf } from './callers.ts';
import { basic, openDoor } from './door.ts';
import { temporaryMetadata } from './metadata.ts';

const TEAM_ADMIN = { role: 'registry-admin', scope: 'team-a/' };
const DAY_MS = 86_400_000;

describe('a robot', () => {
  test('comes in with the secret that was shown once, and with no other after it was rotated', async () => {
    await using database = await temporaryMetadata();
    const { local } = openCallers(database.metadata);
    const door = openDoor(database.metadata);
    const { name, secret, expiresAt } = await local.createRobot({ name: 'ci', scope: 'team-a/' });
    expect({ name, expiresAt }).toEqual({ name: 'robot+ci', expiresAt: null });
    expect(secret).toMatch(/^ghr_[A-Za-z0-9]{40}$/);
    expect((await findRobotCredential(database.metadata, name))?.secretHash).toBe(hashSecret(secret));
    expect(await door.nameOf(basic(name, secret))).toBe('robot+ci');
    const rotated = await local.rotateRobot({ name: 'robot+ci' });
    expect(await door.nameOf(basic(name, secret))).toBeUndefined();
    expect(await door.nameOf(basic(name, rotated.secret))).toBe('robot+ci');
  });

  test('is kept out while it is disabled, and lives on when it is enabled', async () => {
    await using database = await temporaryMetadata();
    const { local, state } = openCallers(database.metadata);
    const door = openDoor(database.metadata);
    const { name, secret } = await local.createRobot({ name: 'ci', scope: '*' });
    expect(await local.disableRobot({ name: 'ci' })).toMatchObject({ disabledAt: '1970-01-01T00:00:01.000Z' });
    expect(await door.nameOf(basic(name, secret))).toBeUndefined();
    const before = await state();
    await local.disableRobot({ name: 'ci' });
    expect(await state()).toEqual(before);
    expect(await local.enableRobot({ name: 'ci' })).toMatchObject({ disabledAt: null });
    expect(await door.nameOf(basic(name, secret))).toBe('robot+ci');
  });

  test('has an end, which a rotation keeps or renews', async () => {
    await using database = await temporaryMetadata();
    let now = 0;
    const { local } = openCallers(database.metadata, { clock: () => now });
    const { expiresAt } = await local.createRobot({ name: 'ci', scope: '*', expiresIn: '90d' });
    expect(expiresAt).toBe(new Date(90 * DAY_MS).toISOString());
    now = 60 * DAY_MS;
    expect((await local.rotateRobot({ name: 'ci' })).expiresAt).toBe(expiresAt);
    expect((await local.rotateRobot({ name: 'ci', expiresIn: '60d' })).expiresAt).toBe(
      new Date(120 * DAY_MS).toISOString(),
    );
    now = 120 * DAY_MS;
    expect(await messageOf(local.rotateRobot({ name: 'ci' }))).toContain('robot+ci has expired');
    expect((await local.rotateRobot({ name: 'ci', expiresIn: 'never' })).expiresAt).toBeNull();
  });

  test.each(['1', '90', '59s', '4000d', 'soon', '-1d'])('cannot live for %j', async (expiresIn) => {
    await using database = await temporaryMetadata();
    const { local, state } = openCallers(database.metadata);
    const before = await state();
    expect(await reasonOf(local.createRobot({ name: 'ci', scope: '*', expiresIn }))).toBe('invalid');
    expect(await state()).toEqual(before);
  });

  test('takes its roles, memberships and tokens along when it is deleted, rotated or disabled', async () => {
    await using database = await temporaryMetadata();
    const { local, events } = openCallers(database.metadata);
    await local.createRobot({ name: 'ci', scope: 'team-a/', role: 'registry-editor' });
    await local.createGroup({ name: 'machines' });
    await local.addGroupMember({ name: 'machines', member: 'robot+ci' });
    for (const act of ['rotateRobot', 'disableRobot', 'deleteRobot'] as const) {
      const token = { id: act, secretHash: 'x', subject: 'robot+ci', stamp: 'x', createdAt: 0, expiresAt: 9e15 };
      await database.metadata.transaction((inside) => insertRefreshToken(inside, token));
      await local[act]({ name: 'ci' });
      expect(await findRefreshToken(database.metadata, act)).toBeUndefined();
    }
    expect((await local.listGrants({})).grants).toEqual([]);
    expect((await local.listGroups({})).groups).toEqual([{ name: 'machines', members: [] }]);
    expect((await events()).map(({ kind }) => kind)).toEqual([
      'robot.create',
      'grant.add',
      'group.create',
      'group.member.add',
      'robot.rotate',
      'robot.disable',
      'robot.delete',
      'group.member.remove',
      'grant.remove',
    ]);
  });
});

describe('managing robots', () => {
  test.each([
    [{ scope: 'team-a/' }, undefined],
    [{ scope: 'team-a/app', role: 'registry-editor' }, undefined],
    [{ scope: 'team-a/', role: 'registry-admin' }, undefined],
    [{ scope: 'team-b/' }, 'denied'],
    [{ scope: '*' }, 'denied'],
    [{ scope: 'team-a' }, 'denied'],
    [{ scope: 'team-a/', role: 'system-admin' }, 'invalid'],
    [{ scope: 'TEAM' }, 'invalid'],
    [{ scope: 'team-a/', name: 'robot+' }, 'name-invalid'],
    [{ scope: 'team-a/', name: 'Ci' }, 'name-invalid'],
  ] as const)('of team-a lets one create %j: %s', async (part, want) => {
    await using database = await temporaryMetadata();
    const callers = openCallers(database.metadata);
    const before = await callers.state();
    expect(await reasonOf(callers.with('bob', TEAM_ADMIN).createRobot({ name: 'ci', ...part }))).toBe(want);
    const isChanged = (await callers.state()).version !== before.version;
    expect(isChanged).toBe(want === undefined);
  });

  test('of another scope answers as if there were none', async () => {
    await using database = await temporaryMetadata();
    const callers = openCallers(database.metadata);
    const { local } = callers;
    await local.createRobot({ name: 'there', scope: 'team-b/' });
    await local.createRobot({ name: 'wide', scope: '*' });
    await local.createRobot({ name: 'here', scope: 'team-a/app' });
    const before = await callers.state();
    const bob = callers.with('bob', TEAM_ADMIN);
    expect((await bob.listRobots({})).robots.map(({ name }) => name)).toEqual(['robot+here']);
    for (const act of ['rotateRobot', 'disableRobot', 'enableRobot', 'deleteRobot'] as const) {
      const missing = await messageOf(bob[act]({ name: 'none' }));
      expect(missing).toBe('there is no robot "robot+none"');
      expect((await messageOf(bob[act]({ name: 'there' }))).replace('there"', 'none"')).toBe(
        missing.replace('there"', 'none"'),
      );
      expect((await messageOf(bob[act]({ name: 'wide' }))).replace('wide', 'none')).toBe(missing);
    }
    expect(await callers.state()).toEqual(before);
  });

  test('shows a name that is taken', async () => {
    await using database = await temporaryMetadata();
    const { local } = openCallers(database.metadata);
    await local.createRobot({ name: 'ci', scope: '*', description: 'builds' });
    expect(await reasonOf(local.createRobot({ name: 'robot+ci', scope: 'team-a/' }))).toBe('robot-exists');
    expect(await local.listRobots({})).toEqual({
      robots: [
        {
          name: 'robot+ci',
          scope: '*',
          description: 'builds',
          createdAt: '1970-01-01T00:00:01.000Z',
          createdBy: 'system:local',
          rotatedAt: '1970-01-01T00:00:01.000Z',
          expiresAt: null,
          disabledAt: null,
        },
      ],
    });
  });
});
