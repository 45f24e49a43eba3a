import { expect, test } from 'vitest';
import { AccessError } from '#access/errors.ts';
import { verifyPassword } from '#access/password.ts';
import { openUsers } from '#access/users.ts';
import { createUser, findPasswordHash } from '#metadata/users.ts';
import { openCallers } from './callers.ts';
import { temporaryMetadata, watchedReads } from './metadata.ts';

const PASSWORD = 'correct horse battery staple';

test('creates, lists, changes and removes users', async () => {
  await using database = await temporaryMetadata();
  let now = 1000;
  const users = openUsers({ metadata: database.metadata, clock: () => now });
  await users.create('bob', PASSWORD);
  now = 2000;
  await users.create('alice@example.com', PASSWORD);
  now = 3000;
  await users.setPassword('bob', 'another password');
  expect(await users.list()).toEqual([
    { name: 'alice@example.com', createdAt: 2000, updatedAt: 2000 },
    { name: 'bob', createdAt: 1000, updatedAt: 3000 },
  ]);
  const hash = await findPasswordHash(database.metadata, 'bob');
  expect(await verifyPassword('another password', hash ?? '')).toBe(true);
  await users.remove('bob');
  expect((await users.list()).map(({ name }) => name)).toEqual(['alice@example.com']);
});

test('refuses what cannot be, and changes nothing', async () => {
  await using database = await temporaryMetadata();
  const users = openUsers({ metadata: database.metadata, clock: () => 1000 });
  await users.create('alice', PASSWORD);
  const before = await findPasswordHash(database.metadata, 'alice');
  const refusals = {
    exists: users.create('alice', 'other password'),
    unknownSet: users.setPassword('bob', PASSWORD),
    unknownRemoved: users.remove('bob'),
    shortCreated: users.create('bob', 'short'),
    shortSet: users.setPassword('alice', 'short'),
  };
  const reasons = await Promise.all(Object.values(refusals).map(reasonOf));
  expect(reasons).toEqual(['user-exists', 'user-unknown', 'user-unknown', 'password-invalid', 'password-invalid']);
  expect((await users.list()).map(({ name }) => name)).toEqual(['alice']);
  expect(await findPasswordHash(database.metadata, 'alice')).toBe(before);
});

test('takes one of two who create the same name at once', async () => {
  await using database = await temporaryMetadata();
  const users = openUsers({ metadata: database.metadata, clock: () => 1000 });
  const reasons = await Promise.all([users.create('alice', PASSWORD), users.create('alice', PASSWORD)].map(reasonOf));
  expect(new Set(reasons)).toEqual(new Set(['user-exists', undefined]));
});

test.each(['a', '0', 'a.b_c-d@e', 'a'.repeat(64)])('a user may be named %s', async (name) => {
  await using database = await temporaryMetadata();
  const users = openUsers({ metadata: database.metadata, clock: () => 1000 });
  await users.create(name, PASSWORD);
  expect(await users.list()).toHaveLength(1);
});

test.each(['', 'A', '.a', '-a', 'a b', 'a:b', 'ä', 'a\n', 'a'.repeat(65), '../a'])(
  'a user may not be named %j',
  async (name) => {
    await using database = await temporaryMetadata();
    const users = openUsers({ metadata: database.metadata, clock: () => 1000 });
    expect(await reasonOf(users.create(name, PASSWORD))).toBe('name-invalid');
  },
);

test('makes an admin with a random password where there is no user, and only there', async () => {
  await using database = await temporaryMetadata();
  const users = openUsers({ metadata: database.metadata, clock: () => 1000 });
  const password = await users.ensureAdmin(undefined);
  expect(password).toMatch(/^[A-Za-z0-9]{22}$/);
  const hash = await findPasswordHash(database.metadata, 'admin');
  expect(await verifyPassword(password ?? '', hash ?? '')).toBe(true);
  expect(await users.ensureAdmin(undefined)).toBeUndefined();
  expect(await users.ensureAdmin('another password')).toBeUndefined();
  expect(await findPasswordHash(database.metadata, 'admin')).toBe(hash);
});

test('makes the admin a system-admin everywhere, and writes down both', async () => {
  await using database = await temporaryMetadata();
  const callers = openCallers(database.metadata);
  await openUsers({ metadata: database.metadata, clock: () => 1000 }).ensureAdmin(PASSWORD);
  expect((await callers.local.listGrants({})).grants).toMatchObject([
    { kind: 'user', subject: 'admin', role: 'system-admin', scope: '*', createdBy: 'system:local' },
  ]);
  expect((await callers.events()).map(({ kind, reference }) => [kind, reference])).toEqual([
    ['user.create', 'admin'],
    ['grant.add', 'admin'],
  ]);
});

test('makes an admin with the password given, and does not repeat it', async () => {
  await using database = await temporaryMetadata();
  const users = openUsers({ metadata: database.metadata, clock: () => 1000 });
  expect(await users.ensureAdmin(PASSWORD)).toBeUndefined();
  const hash = await findPasswordHash(database.metadata, 'admin');
  expect(await verifyPassword(PASSWORD, hash ?? '')).toBe(true);
});

test('makes no admin beside other users, nor one with a bad password', async () => {
  await using database = await temporaryMetadata();
  const users = openUsers({ metadata: database.metadata, clock: () => 1000 });
  expect(await reasonOf(users.ensureAdmin(''))).toBe('password-invalid');
  await users.create('alice', PASSWORD);
  expect(await users.ensureAdmin(undefined)).toBeUndefined();
  expect((await users.list()).map(({ name }) => name)).toEqual(['alice']);
});

test('makes no admin when another node creates a user meanwhile', async () => {
  await using database = await temporaryMetadata();
  // Right after it has seen that there is none.
  const metadata = watchedReads(database.metadata, async (count) => {
    const alice = { name: 'alice', passwordHash: 'x' };
    if (count === 1) await database.metadata.transaction((inside) => createUser(inside, alice, 1000));
  });
  const users = openUsers({ metadata, clock: () => 1000 });
  expect(await users.ensureAdmin(undefined)).toBeUndefined();
  expect((await users.list()).map(({ name }) => name)).toEqual(['alice']);
});

test('tells one password to one of two nodes that start at once', async () => {
  await using database = await temporaryMetadata();
  const users = openUsers({ metadata: database.metadata, clock: () => 1000 });
  const told = await Promise.all([users.ensureAdmin(undefined), users.ensureAdmin(undefined)]);
  const [password, ...others] = told.filter((one) => one !== undefined);
  expect(others).toEqual([]);
  const hash = await findPasswordHash(database.metadata, 'admin');
  expect(await verifyPassword(password ?? '', hash ?? '')).toBe(true);
});

async function reasonOf(act: Promise<unknown>): Promise<string | undefined> {
  try {
    await act;
    return undefined;
  } catch (error) {
    if (error instanceof AccessError) return error.reason;
    throw error;
  }
}
