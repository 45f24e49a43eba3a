import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { openUsers } from '#access/users.ts';
import { insertGrant } from '#metadata/grants.ts';
import { openMetadata } from '#metadata/open.ts';
import { insertRobot, setRobotDisabled } from '#metadata/robots.ts';
import type { Sql } from '#metadata/sql.ts';
import { basic, openDoor } from './door.ts';
import { temporaryMetadata, watchedReads } from './metadata.ts';

const PASSWORD = 'correct: horse "bättery"';

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

async function robotIn(metadata: Sql, fields: { expiresAt?: number; scope?: string } = {}): Promise<void> {
  const row = { name: 'robot+ci', scope: fields.scope ?? '*', description: '', createdAt: 1, createdBy: 'x' };
  const rest = {
    rotatedAt: 1,
    expiresAt: fields.expiresAt ?? null,
    disabledAt: null,
    secretHash: hash('sha256', 's3cret'),
  };
  await metadata.transaction((inside) => insertRobot(inside, { ...row, ...rest }));
}

test('knows who comes, first and again', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  const door = openDoor(database.metadata);
  for (let visit = 0; visit < 3; visit += 1) expect(await door.nameOf(basic('alice', PASSWORD))).toBe('alice');
  expect(await door.nameOf(basic('alice', PASSWORD).replace('Basic', 'bAsIc'))).toBe('alice');
});

test('derives once and then goes by memory and one read a visit', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  let reads = 0;
  const door = openDoor(watchedReads(database.metadata, () => void (reads += 1)));
  await door.nameOf(basic('alice', PASSWORD));
  reads = 0;
  for (let visit = 0; visit < 10; visit += 1) await door.nameOf(basic('alice', PASSWORD));
  expect(reads).toBe(10);
});

test('derives once for many who come together with one header', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  const door = openDoor(database.metadata);
  const names = await Promise.all(Array.from({ length: 20 }, () => door.nameOf(basic('alice', PASSWORD))));
  expect(names).toEqual(Array.from({ length: 20 }, () => 'alice'));
  expect(door.noted).toMatchObject([{ kind: 'login', actor: 'alice', address: '192.0.2.1', requestId: 'r1' }]);
});

test.each([
  ['a wrong password', basic('alice', 'wrong password')],
  ['the password cut short', basic('alice', PASSWORD.slice(0, -1))],
  ['no password', basic('alice', '')],
  ['an unknown user', basic('bob', PASSWORD)],
  ['an upper-case name', basic('Alice', PASSWORD)],
  ['no name', basic('', PASSWORD)],
  ['the name of nobody', basic('system:anonymous', '')],
  ['the name of the server itself', basic('system:local', '')],
  ['no colon', `Basic ${Buffer.from('alice').toString('base64')}`],
  ['no token', 'Basic '],
  ['another scheme', basic('alice', PASSWORD).replace('Basic', 'Bearer')],
  ['a scheme nobody knows', basic('alice', PASSWORD).replace('Basic', 'Negotiate')],
  ['no scheme', basic('alice', PASSWORD).replace('Basic ', '')],
  ['something behind it', `${basic('alice', PASSWORD)}, x`],
  ['what is no base64', 'Basic ä!'],
  ['too much', `Basic ${'A'.repeat(100_000)}`],
  ['an unknown robot', basic('robot+cd', 's3cret')],
  ['a wrong secret', basic('robot+ci', 's3cre')],
  ['a secret that is its own hash', basic('robot+ci', hash('sha256', 's3cret'))],
  ['no secret', basic('robot+ci', '')],
])('lets nobody in for %s', async (_, header) => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  await robotIn(database.metadata);
  expect(await openDoor(database.metadata).nameOf(header)).toBeUndefined();
});

test('without a header somebody is nobody', async () => {
  await using database = await temporaryMetadata();
  const session = await openDoor(database.metadata).session(undefined);
  expect([session.principal.name, session.isAnonymous]).toEqual(['system:anonymous', true]);
});

test('a wrong header beside a right one stays wrong', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  const door = openDoor(database.metadata);
  const headers = [basic('alice', PASSWORD), basic('alice', 'wrong password'), basic('alice', PASSWORD)];
  expect(await Promise.all(headers.map((header) => door.nameOf(header)))).toEqual(['alice', undefined, 'alice']);
});

test('a certificate says who somebody is, and makes up for no wrong password', async () => {
  await using database = await temporaryMetadata();
  const { authenticator } = openDoor(database.metadata);
  const evidence = { certificate: 'spiffe://example.org/ci', address: '', requestId: '' };
  const session = await authenticator.authenticate({ ...evidence, authorization: undefined });
  expect(session.principal).toEqual({ name: 'cert:spiffe://example.org/ci', kind: 'certificate' });
  await expect(authenticator.authenticate({ ...evidence, authorization: basic('alice', 'x') })).rejects.toMatchObject({
    reason: 'credentials',
  });
});

test('a new password counts at once, set by another process too', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  const door = openDoor(database.metadata);
  await door.nameOf(basic('alice', PASSWORD));
  const elsewhere = await openMetadata('sqlite', { path: database.path });
  await openUsers({ metadata: elsewhere, clock: () => 2000 }).setPassword('alice', 'another password');
  await elsewhere.close();
  expect(await door.nameOf(basic('alice', PASSWORD))).toBeUndefined();
  expect(await door.nameOf(basic('alice', 'another password'))).toBe('alice');
});

test('a removed user is out at once, and back only with the new password', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  const users = openUsers({ metadata: database.metadata, clock: () => 2000 });
  const door = openDoor(database.metadata);
  await door.nameOf(basic('alice', PASSWORD));
  await users.remove('alice');
  expect(await door.nameOf(basic('alice', PASSWORD))).toBeUndefined();
  await users.create('alice', 'another password');
  expect(await door.nameOf(basic('alice', PASSWORD))).toBeUndefined();
});

test('a password changed while it was being checked lets nobody in', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  const users = openUsers({ metadata: database.metadata, clock: () => 2000 });
  // Gone after the row was read, before the derivation began.
  const metadata = watchedReads(database.metadata, async (count) => {
    if (count === 1) await users.remove('alice');
  });
  expect(await openDoor(metadata).nameOf(basic('alice', PASSWORD))).toBeUndefined();
});

test('a grant counts at once, given by another process too', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  const door = openDoor(database.metadata);
  const may = async () => (await door.session(basic('alice', PASSWORD))).may('push', 'team-a/app');
  expect(await may()).toBe(false);
  const elsewhere = await openMetadata('sqlite', { path: database.path });
  const grant = { kind: 'user', subject: 'alice', role: 'registry-editor', scope: 'team-a/' } as const;
  await elsewhere.transaction((inside) => insertGrant(inside, grant, 'x', 1));
  await elsewhere.close();
  expect(await may()).toBe(true);
});

test('a robot comes in with its secret until it expires', async () => {
  await using database = await temporaryMetadata();
  await robotIn(database.metadata, { expiresAt: 2000 });
  let now = 1000;
  const door = openDoor(database.metadata, { clock: () => now });
  expect(await door.nameOf(basic('robot+ci', 's3cret'))).toBe('robot+ci');
  now = 2000;
  expect(await door.nameOf(basic('robot+ci', 's3cret'))).toBeUndefined();
});

test('a disabled robot is out at once', async () => {
  await using database = await temporaryMetadata();
  await robotIn(database.metadata);
  const door = openDoor(database.metadata);
  await door.nameOf(basic('robot+ci', 's3cret'));
  await database.metadata.transaction((inside) => setRobotDisabled(inside, 'robot+ci', 5));
  expect(await door.nameOf(basic('robot+ci', 's3cret'))).toBeUndefined();
});

test('nobody keeps a robot out by guessing at its secret, and the trail says why it stays out itself', async () => {
  await using database = await temporaryMetadata();
  await robotIn(database.metadata, { expiresAt: 5000 });
  let now = 1000;
  const door = openDoor(database.metadata, { clock: () => now });
  for (let attempt = 0; attempt < 10; attempt += 1) await door.nameOf(basic('robot+ci', `guess ${attempt}`));
  // Waits would have added up to half a minute by now, which is more than a test may take.
  expect(await door.nameOf(basic('robot+ci', 's3cret'))).toBe('robot+ci');
  now = 5000;
  await door.nameOf(basic('robot+ci', 's3cret'));
  await database.metadata.transaction((inside) => setRobotDisabled(inside, 'robot+ci', 5));
  await door.nameOf(basic('robot+ci', 's3cret'));
  expect(door.noted.slice(-3).map(({ outcome, reason }) => [outcome, reason])).toEqual([
    [undefined, undefined],
    ['refused', 'the robot has expired'],
    ['refused', 'the robot is disabled'],
  ]);
});

test('no grant gives a robot more than its scope', async () => {
  await using database = await temporaryMetadata();
  await robotIn(database.metadata, { scope: 'team-a/' });
  const grant = { kind: 'user', subject: 'robot+ci', role: 'registry-editor', scope: '*' } as const;
  await database.metadata.transaction((inside) => insertGrant(inside, grant, 'x', 1));
  const session = await openDoor(database.metadata).session(basic('robot+ci', 's3cret'));
  expect(['team-a/app', 'team-a/x/y', 'team-b/app', 'team-a'].map((name) => session.may('push', name))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

test('everybody has what nobody has, and what those who are somebody have', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  for (const [subject, scope] of [
    ['system:anonymous', 'public/'],
    ['system:authenticated', 'internal/'],
  ] as const) {
    const grant = { kind: 'group', subject, role: 'registry-viewer', scope } as const;
    await database.metadata.transaction((inside) => insertGrant(inside, grant, 'x', 1));
  }
  const door = openDoor(database.metadata);
  const seenBy = async (header: string | undefined) => {
    const session = await door.session(header);
    return ['public/a', 'internal/a', 'other/a'].filter((name) => session.may('pull', name));
  };
  expect(await seenBy(undefined)).toEqual(['public/a']);
  expect(await seenBy(basic('alice', PASSWORD))).toEqual(['public/a', 'internal/a']);
});

test('works as hard for an unknown name as for a wrong password', async () => {
  await using database = await temporaryMetadata();
  await aliceIn(database.metadata);
  const door = openDoor(database.metadata);
  const wrong = await effort(() => door.nameOf(basic('alice', 'wrong password')));
  const unknown = await effort(() => door.nameOf(basic('bob', 'wrong password')));
  expect(unknown).toBeGreaterThan(wrong / 4);
});

test('tells the audit trail of those who came in vain, and not what they typed for a name', async () => {
  await using database = await temporaryMetadata();
  const door = openDoor(database.metadata);
  for (const name of ['bob', 'My Secret Passw0rd!']) await door.nameOf(basic(name, 'x'));
  expect(door.noted).toMatchObject([
    { kind: 'login', outcome: 'refused', actor: 'bob' },
    { kind: 'login', outcome: 'refused', actor: '(no possible name)' },
  ]);
});
