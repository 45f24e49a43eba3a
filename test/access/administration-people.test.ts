import { hashSync } from 'bcryptjs';
import { describe, expect, test } from 'vitest';
import { verifyPassword } from '#access/password.ts';
import { findRefreshToken, insertRefreshToken } from '#metadata/refresh-tokens.ts';
import type { Sql } from '#metadata/sql.ts';
import { findPasswordHash } from '#metadata/users.ts';
import { messageOf, openCallers, reasonOf } from './callers.ts';
import { basic, openDoor } from './door.ts';
import { temporaryMetadata } from './metadata.ts';

const PASSWORD = 'correct horse battery staple';
const OTHER = 'another password';
const SYSTEM = { role: 'system-admin', scope: '*' };
// As htpasswd -B makes it, at the least cost there is.
const BCRYPT = hashSync('password', 4);

/** Keeps a token of somebody; the answer says whether it is still kept. */
async function keptToken(metadata: Sql, subject: string): Promise<() => Promise<boolean>> {
  const token = { id: `of-${subject}`, secretHash: 'x', subject, stamp: 'x', createdAt: 0, expiresAt: 9e15 };
  await metadata.transaction((inside) => insertRefreshToken(inside, token));
  return async () => (await findRefreshToken(metadata, token.id)) !== undefined;
}

describe('users', () => {
  test('are created, listed, and told apart from what cannot be', async () => {
    await using database = await temporaryMetadata();
    const { local, events, state } = openCallers(database.metadata);
    await local.createUser({ name: 'alice', password: PASSWORD });
    const before = await state();
    expect(await reasonOf(local.createUser({ name: 'alice', password: PASSWORD }))).toBe('user-exists');
    expect(await reasonOf(local.createUser({ name: 'bob', password: 'short' }))).toBe('password-invalid');
    expect(await reasonOf(local.createUser({ name: 'robot+x', password: PASSWORD }))).toBe('name-invalid');
    expect(await reasonOf(local.deleteUser({ name: 'bob' }))).toBe('user-unknown');
    expect(await state()).toEqual(before);
    expect(await local.listUsers({})).toEqual({
      users: [{ name: 'alice', createdAt: '1970-01-01T00:00:01.000Z', passwordSetAt: '1970-01-01T00:00:01.000Z' }],
    });
    expect(await events()).toMatchObject([{ kind: 'user.create', reference: 'alice', actor: 'system:local' }]);
  });

  test('who go leave nothing to whoever takes their name', async () => {
    await using database = await temporaryMetadata();
    const { local, events, settle } = openCallers(database.metadata);
    await settle('alice');
    await local.createGroup({ name: 'devs' });
    await local.addGroupMember({ name: 'devs', member: 'alice' });
    await local.addGrant({ kind: 'user', subject: 'alice', role: 'registry-editor', scope: 'team-a/' });
    const isKept = await keptToken(database.metadata, 'alice');
    const before = (await events()).length;
    expect(await local.deleteUser({ name: 'alice' })).toEqual({
      name: 'alice',
      grants: [{ kind: 'user', subject: 'alice', role: 'registry-editor', scope: 'team-a/' }],
      groups: ['devs'],
    });
    expect(await isKept()).toBe(false);
    expect((await events()).slice(before).map(({ kind, reference }) => [kind, reference])).toEqual([
      ['user.delete', 'alice'],
      ['group.member.remove', 'devs'],
      ['grant.remove', 'alice'],
    ]);
    await settle('alice');
    expect(await local.canI({ permission: 'pull', repository: 'team-a/app', as: 'alice' })).toMatchObject({
      allowed: false,
    });
    expect((await local.listGroups({})).groups).toEqual([{ name: 'devs', members: [] }]);
  });

  test('change their own password with the one they have, and nobody else', async () => {
    await using database = await temporaryMetadata();
    const { metadata } = database;
    const callers = openCallers(metadata);
    await callers.local.createUser({ name: 'alice', password: PASSWORD });
    await callers.settle('bob');
    const isKept = await keptToken(metadata, 'alice');
    const alice = await callers.as('alice');
    const before = await callers.state();
    expect(await reasonOf(alice.setPassword({ name: 'bob', password: OTHER, currentPassword: PASSWORD }))).toBe(
      'denied',
    );
    expect(await reasonOf(alice.setPassword({ name: 'alice', password: OTHER }))).toBe('denied');
    expect(await reasonOf(alice.setPassword({ name: 'alice', password: OTHER, currentPassword: OTHER }))).toBe(
      'denied',
    );
    expect(await reasonOf(alice.setPassword({ name: 'alice', password: 'no', currentPassword: PASSWORD }))).toBe(
      'password-invalid',
    );
    expect(await isKept()).toBe(true);
    expect(await callers.state()).toEqual(before);
    await alice.setPassword({ name: 'alice', password: OTHER, currentPassword: PASSWORD });
    expect(await verifyPassword(OTHER, (await findPasswordHash(metadata, 'alice')) ?? '')).toBe(true);
    expect(await isKept()).toBe(false);
    expect((await callers.events()).at(-1)).toMatchObject({
      kind: 'user.password',
      actor: 'alice',
      reference: 'alice',
    });
  });

  test('have their password set by a system-admin, who need not know the old one', async () => {
    await using database = await temporaryMetadata();
    const callers = openCallers(database.metadata);
    await callers.settle('alice');
    const root = callers.with('root', SYSTEM);
    await root.setPassword({ name: 'alice', password: OTHER });
    expect(await verifyPassword(OTHER, (await findPasswordHash(database.metadata, 'alice')) ?? '')).toBe(true);
    expect(await reasonOf(root.setPassword({ name: 'bob', password: OTHER }))).toBe('user-unknown');
  });
});

describe('an htpasswd file', () => {
  const FILE = `# a team\nalice:${BCRYPT}\nbob:{SHA}mN7MYuzjmaIu0w1JDvMzvn/ec4U=\n\ncarol:${BCRYPT}\n`;

  test('brings its users with the passwords they have', async () => {
    await using database = await temporaryMetadata();
    const { local, events, settle } = openCallers(database.metadata);
    await settle('carol');
    const { imported, replaced, skipped } = await local.importUsers({ htpasswd: FILE });
    expect({ imported, replaced }).toEqual({ imported: ['alice'], replaced: [] });
    expect(skipped).toEqual([
      { line: 3, problem: expect.stringContaining('unsalted SHA-1') },
      { line: 5, problem: 'there is already a user carol' },
    ]);
    expect(await findPasswordHash(database.metadata, 'alice')).toBe(BCRYPT);
    expect(await openDoor(database.metadata).nameOf(basic('alice', 'password'))).toBe('alice');
    expect(await findPasswordHash(database.metadata, 'carol')).toBe('x');
    expect(await events()).toMatchObject([
      { kind: 'user.create', reference: 'alice', detail: '{"source":"htpasswd"}' },
    ]);
  });

  test('replaces the passwords of users who exist when told to, and whoever was logged in with them is out', async () => {
    await using database = await temporaryMetadata();
    const { local, events, settle } = openCallers(database.metadata);
    await settle('carol');
    const isKept = await keptToken(database.metadata, 'carol');
    expect(await local.importUsers({ htpasswd: FILE, replace: true })).toMatchObject({
      imported: ['alice'],
      replaced: ['carol'],
      skipped: [{ line: 3 }],
    });
    expect(await findPasswordHash(database.metadata, 'carol')).toBe(BCRYPT);
    expect(await isKept()).toBe(false);
    expect((await events()).map(({ kind, reference }) => [kind, reference])).toEqual([
      ['user.create', 'alice'],
      ['user.password', 'carol'],
    ]);
  });
});

describe('groups', () => {
  test('are created, filled, emptied and deleted, each as an event', async () => {
    await using database = await temporaryMetadata();
    const { local, events, settle } = openCallers(database.metadata);
    await settle('alice');
    await local.createGroup({ name: 'devs' });
    await local.createRobot({ name: 'ci', scope: '*' });
    expect(await local.addGroupMember({ name: 'devs', member: 'alice' })).toMatchObject({ added: true });
    expect(await local.addGroupMember({ name: 'devs', member: 'alice' })).toMatchObject({ added: false });
    await local.addGroupMember({ name: 'devs', member: 'robot+ci' });
    await local.addGroupMember({ name: 'devs', member: 'oidc:carol' });
    await local.removeGroupMember({ name: 'devs', member: 'robot+ci' });
    expect(await local.listGroups({})).toEqual({ groups: [{ name: 'devs', members: ['alice', 'oidc:carol'] }] });
    await local.addGrant({ kind: 'group', subject: 'devs', role: 'registry-viewer', scope: '*' });
    expect(await local.deleteGroup({ name: 'devs' })).toEqual({
      name: 'devs',
      grants: [{ kind: 'group', subject: 'devs', role: 'registry-viewer', scope: '*' }],
    });
    expect((await local.listGrants({})).grants).toEqual([]);
    expect((await events()).map(({ kind }) => kind)).toEqual([
      'group.create',
      'robot.create',
      'group.member.add',
      'group.member.add',
      'group.member.add',
      'group.member.remove',
      'grant.add',
      'group.delete',
      'grant.remove',
    ]);
  });

  test('refuse what cannot be, and change nothing', async () => {
    await using database = await temporaryMetadata();
    const { local, state } = openCallers(database.metadata);
    await local.createGroup({ name: 'devs' });
    const before = await state();
    const reasons = [
      await reasonOf(local.createGroup({ name: 'devs' })),
      await reasonOf(local.createGroup({ name: 'oidc:devs' })),
      await reasonOf(local.addGroupMember({ name: 'ops', member: 'alice' })),
      await reasonOf(local.addGroupMember({ name: 'devs', member: 'alice' })),
      await reasonOf(local.addGroupMember({ name: 'devs', member: 'robot+ci' })),
      await reasonOf(local.addGroupMember({ name: 'devs', member: 'system:anonymous' })),
      await reasonOf(local.removeGroupMember({ name: 'devs', member: 'alice' })),
      await reasonOf(local.removeGroupMember({ name: 'ops', member: 'alice' })),
      await reasonOf(local.deleteGroup({ name: 'ops' })),
    ];
    expect(reasons).toEqual([
      'group-exists',
      'name-invalid',
      'group-unknown',
      'user-unknown',
      'robot-unknown',
      'name-invalid',
      'member-unknown',
      'group-unknown',
      'group-unknown',
    ]);
    expect(await state()).toEqual(before);
  });

  test('say that a group is missing in words', async () => {
    await using database = await temporaryMetadata();
    const { local } = openCallers(database.metadata);
    expect(await messageOf(local.deleteGroup({ name: 'ops' }))).toBe('there is no group "ops"');
  });
});
