import { expect, test } from 'vitest';
import { openAuthenticator } from '#access/identity.ts';
import { openUsers } from '#access/users.ts';
import { openMetadata } from '#metadata/open.ts';
import type { Sql } from '#metadata/sql.ts';
import { temporaryMetadata, watchedReads } from './metadata.ts';

const PASSWORD = 'correct: horse "bättery"';

function basic(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}

/** Milliseconds of processor time until an answer, whatever else the machine is doing. */
async function effort(act: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
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

test('derives once and then goes by memory and one read a visit', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  let reads = 0;
  const metadata = watchedReads(database.metadata, () => {
    reads += 1;
  });
  const authenticate = openAuthenticator({ metadata });
  await authenticate(basic('alice', PASSWORD));
  // Once to verify against, once to see that it still stands.
  expect(reads).toBe(2);
  for (let visit = 0; visit < 10; visit += 1) await authenticate(basic('alice', PASSWORD));
  expect(reads).toBe(12);
});

test('derives once for many who come together with one header', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  let reads = 0;
  const metadata = watchedReads(database.metadata, () => {
    reads += 1;
  });
  const authenticate = openAuthenticator({ metadata });
  const answers = await Promise.all(Array.from({ length: 20 }, () => authenticate(basic('alice', PASSWORD))));
  expect(answers).toEqual(Array.from({ length: 20 }, () => ({ name: 'alice' })));
  // One to verify against, and one for each to see that it still stands.
  expect(reads).toBe(21);
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
  // Gone after the row was read, before the derivation began.
  const metadata = watchedReads(database.metadata, async (count) => {
    if (count === 1) await users.remove('alice');
  });
  expect(await openAuthenticator({ metadata })(basic('alice', PASSWORD))).toBeUndefined();
});

test('takes as long for an unknown name as for a wrong password', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  const authenticate = openAuthenticator(database);
  const wrong = await effort(() => authenticate(basic('alice', 'wrong password')));
  const unknown = await effort(() => authenticate(basic('bob', 'wrong password')));
  expect(unknown).toBeGreaterThan(wrong / 4);
});
