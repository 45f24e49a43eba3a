import { hash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Identity, stampOf } from '#access/accounts.ts';
import { openUsers } from '#access/users.ts';
import { insertRobot } from '#metadata/robots.ts';
import { findPasswordHash } from '#metadata/users.ts';
import { type Door, basic, openDoor } from './door.ts';
import { type TemporaryMetadata, temporaryMetadata } from './metadata.ts';

const PASSWORD = 'correct horse battery staple';
const ORIGIN = { actor: 'tester', address: '', requestId: '' };
// Long ago, so that a look at another clock than the one given shows.
const NOW = Date.UTC(2020, 0, 1);

let database: TemporaryMetadata;
let now = NOW;
let door: Door;
let alice: Identity;
let good: string;
beforeAll(async () => {
  database = await temporaryMetadata();
  const { metadata } = database;
  await openUsers({ metadata, clock: () => 1 }).create('alice', PASSWORD);
  const passwordHash = (await findPasswordHash(metadata, 'alice')) ?? '';
  alice = { principal: { name: 'alice', kind: 'user' }, stamp: stampOf(passwordHash), groups: [] };
  door = openDoor(metadata, { clock: () => now });
  good = (await door.tokens.issue(alice, [])).token;
});
afterAll(async () => await database[Symbol.asyncDispose]());

const visit = (token: string): Promise<string | undefined> => door.nameOf(`Bearer ${token}`);

describe('replayed', () => {
  const fresh = async (): Promise<{ metadata: TemporaryMetadata; here: Door; who: Identity }> => {
    const metadata = await temporaryMetadata();
    const users = openUsers({ metadata: metadata.metadata, clock: () => 1 });
    await users.create('alice', PASSWORD);
    const passwordHash = (await findPasswordHash(metadata.metadata, 'alice')) ?? '';
    const who: Identity = { principal: { name: 'alice', kind: 'user' }, stamp: stampOf(passwordHash), groups: [] };
    return { metadata, here: openDoor(metadata.metadata, { clock: () => now }), who };
  };

  test('somewhere else, where alice and her password are the same, a token lets nobody in', async () => {
    const { metadata, here } = await fresh();
    await here.keys.current();
    expect(await here.nameOf(`Bearer ${good}`)).toBeUndefined();
    await metadata[Symbol.asyncDispose]();
  });

  test('after the keys were taken back, a token lets nobody in, remembered or not', async () => {
    const { metadata, here, who } = await fresh();
    const [known, unknown] = [await here.tokens.issue(who, []), await here.tokens.issue(who, [])];
    expect(await here.nameOf(`Bearer ${known.token}`)).toBe('alice');
    const before = (await here.keys.current()).id;
    await here.keys.rotate(ORIGIN, true);
    expect(await here.nameOf(`Bearer ${known.token}`)).toBeUndefined();
    expect(await here.nameOf(`Bearer ${unknown.token}`)).toBeUndefined();
    const { token } = await here.tokens.issue(who, []);
    expect(await here.nameOf(`Bearer ${token}`)).toBe('alice');
    expect((await here.keys.published()).keys.map(({ kid }) => kid)).not.toContain(before);
    await metadata[Symbol.asyncDispose]();
  });

  test('after the keys moved on, a token is good until it ends', async () => {
    const { metadata, here, who } = await fresh();
    now = NOW;
    const { token } = await here.tokens.issue(who, []);
    now = NOW + 1;
    const id = await here.keys.rotate(ORIGIN, false);
    expect((await here.keys.current()).id).toBe(id);
    expect(await here.nameOf(`Bearer ${token}`)).toBe('alice');
    now = NOW + 299_999;
    expect(await here.nameOf(`Bearer ${token}`)).toBe('alice');
    now = NOW + 300_000;
    expect(await here.nameOf(`Bearer ${token}`)).toBeUndefined();
    now = NOW;
    await metadata[Symbol.asyncDispose]();
  });

  test('after the password was changed, or changed back, a token lets nobody in', async () => {
    const { metadata, here, who } = await fresh();
    const users = openUsers({ metadata: metadata.metadata, clock: () => 2 });
    const { token } = await here.tokens.issue(who, []);
    expect(await here.nameOf(`Bearer ${token}`)).toBe('alice');
    for (const password of ['another password', PASSWORD]) {
      await users.setPassword('alice', password);
      expect(await here.nameOf(`Bearer ${token}`)).toBeUndefined();
    }
    await users.remove('alice');
    await users.create('alice', PASSWORD);
    expect(await here.nameOf(`Bearer ${token}`)).toBeUndefined();
    await metadata[Symbol.asyncDispose]();
  });
});

describe('of two kinds', () => {
  test('neither is taken for the other', async () => {
    const refresh = (await door.refreshTokens.issue(alice)) ?? '';
    expect(await visit(refresh)).toBeUndefined();
    expect(await door.nameOf(basic('alice', refresh))).toBeUndefined();
    expect(await door.nameOf(basic('alice', good))).toBeUndefined();
    await expect(door.refreshTokens.redeem(good)).rejects.toMatchObject({ reason: 'token' });
    expect((await door.refreshTokens.redeem(refresh)).principal.name).toBe('alice');
  });
});

describe("a robot's token", () => {
  test('ends when the robot does, however it was bought', async () => {
    const { metadata } = database;
    now = NOW;
    const secretHash = hash('sha256', 's3cret');
    const row = { name: 'robot+brief', scope: '*', description: '', createdAt: 1, createdBy: 'x', rotatedAt: 1 };
    const robot = { ...row, expiresAt: NOW + 30_000, disabledAt: null, secretHash };
    await metadata.transaction((inside) => insertRobot(inside, robot));
    const header = basic('robot+brief', 's3cret');
    const evidence = { authorization: header, address: '192.0.2.1', requestId: 'r1' };
    const { identity } = await door.authenticator.identify(evidence);
    const refresh = (await door.refreshTokens.issue(identity)) ?? '';
    const bought = [
      await door.tokens.issue(identity, []),
      await door.tokens.issue(await door.refreshTokens.redeem(refresh), []),
    ];
    for (const { token, lifetimeSeconds } of bought) {
      expect([lifetimeSeconds, await visit(token)]).toEqual([30, 'robot+brief']);
    }
    now = NOW + 30_000;
    for (const { token } of bought) expect(await visit(token)).toBeUndefined();
    const again = await door.refreshTokens.redeem(refresh);
    await expect(door.authenticator.sessionOf(again)).rejects.toMatchObject({ reason: 'credentials' });
    now = NOW;
  });
});
