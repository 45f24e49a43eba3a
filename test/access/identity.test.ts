import { expect, test } from 'vitest';
import { openAuthenticator } from '#access/identity.ts';
import { openUsers } from '#access/users.ts';
import { openMetadata } from '#metadata/open.ts';
import type { Sql } from '#metadata/sql.ts';
import { temporaryMetadata } from './metadata.ts';

const PASSWORD = 'correct: horse "bättery"';

function basic(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}

/** Milliseconds of work until an answer. */
async function timed(act: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await act();
  return performance.now() - start;
}

async function aliceIn(metadata: Sql): Promise<void> {
  await openUsers({ metadata, clock: () => 1000 }).create('alice', PASSWORD);
}

test('knows who comes, first and again', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  const authenticate = openAuthenticator(database);
  for (let visit = 0; visit < 3; visit += 1) {
    expect(await authenticate(basic('alice', PASSWORD))).toEqual({ name: 'alice' });
  }
  expect(await authenticate(basic('alice', PASSWORD).replace('Basic', 'bAsIc'))).toEqual({ name: 'alice' });
});

test('derives once and then goes by memory', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  const authenticate = openAuthenticator(database);
  const cold = await timed(() => authenticate(basic('alice', PASSWORD)));
  const warm = await timed(async () => {
    for (let visit = 0; visit < 100; visit += 1) await authenticate(basic('alice', PASSWORD));
  });
  expect(warm).toBeLessThan(cold);
});

test('derives once for many who come together with one header', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  const one = await timed(() => openAuthenticator(database)(basic('alice', PASSWORD)));
  const authenticate = openAuthenticator(database);
  let answers: unknown[] = [];
  const twenty = await timed(async () => {
    answers = await Promise.all(Array.from({ length: 20 }, () => authenticate(basic('alice', PASSWORD))));
  });
  expect(answers).toEqual(Array.from({ length: 20 }, () => ({ name: 'alice' })));
  // Two derivations run at once: twenty of their own would take ten times as long.
  expect(twenty).toBeLessThan(5 * one);
});

test.each([
  ['a wrong password', basic('alice', 'wrong password')],
  ['the password cut short', basic('alice', PASSWORD.slice(0, -1))],
  ['no password', basic('alice', '')],
  ['an unknown user', basic('bob', PASSWORD)],
  ['an upper-case name', basic('Alice', PASSWORD)],
  ['no name', basic('', PASSWORD)],
  ['no colon', `Basic ${Buffer.from('alice').toString('base64')}`],
  ['no token', 'Basic '],
  ['another scheme', basic('alice', PASSWORD).replace('Basic', 'Bearer')],
  ['no scheme', basic('alice', PASSWORD).replace('Basic ', '')],
  ['something behind it', `${basic('alice', PASSWORD)}, x`],
  ['what is no base64', 'Basic ä!'],
  ['nothing', ''],
  ['too much', `Basic ${'A'.repeat(100_000)}`],
])('lets nobody in for %s', async (_, header) => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  expect(await openAuthenticator(database)(header)).toBeUndefined();
});

test('lets nobody in without a header', async () => {
  await using database = await temporaryMetadata();
  expect(await openAuthenticator(database)(undefined)).toBeUndefined();
});

test('a wrong header beside a right one stays wrong', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  const authenticate = openAuthenticator(database);
  const headers = [basic('alice', PASSWORD), basic('alice', 'wrong password'), basic('alice', PASSWORD)];
  expect(await Promise.all(headers.map((header) => authenticate(header)))).toEqual([
    { name: 'alice' },
    undefined,
    { name: 'alice' },
  ]);
});

test('a new password counts at once, set by another process too', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  const authenticate = openAuthenticator(database);
  await authenticate(basic('alice', PASSWORD));
  const elsewhere = await openMetadata('sqlite', { path: database.path });
  await openUsers({ metadata: elsewhere, clock: () => 2000 }).setPassword('alice', 'another password');
  await elsewhere.close();
  expect(await authenticate(basic('alice', PASSWORD))).toBeUndefined();
  expect(await authenticate(basic('alice', 'another password'))).toEqual({ name: 'alice' });
});

test('a removed user is out at once, and back only with the new password', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  const users = openUsers({ metadata: database.metadata, clock: () => 2000 });
  const authenticate = openAuthenticator(database);
  await authenticate(basic('alice', PASSWORD));
  await users.remove('alice');
  expect(await authenticate(basic('alice', PASSWORD))).toBeUndefined();
  await users.create('alice', 'another password');
  expect(await authenticate(basic('alice', PASSWORD))).toBeUndefined();
});

test('a password changed while it was being checked lets nobody in', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  const users = openUsers({ metadata: database.metadata, clock: () => 2000 });
  const authenticate = openAuthenticator(database);
  // Removed after the row was read, and long before the derivation ends.
  const entering = authenticate(basic('alice', PASSWORD));
  await new Promise((resolve) => setImmediate(resolve));
  await users.remove('alice');
  expect(await entering).toBeUndefined();
});

test('takes as long for an unknown name as for a wrong password', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  const authenticate = openAuthenticator(database);
  const wrong = await timed(() => authenticate(basic('alice', 'wrong password')));
  const unknown = await timed(() => authenticate(basic('bob', 'wrong password')));
  expect(unknown).toBeGreaterThan(wrong / 4);
});
