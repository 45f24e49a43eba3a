import { expect, test } from 'vitest';
import type { Identity } from '#access/accounts.ts';
import { openRefreshTokens } from '#access/refresh-tokens.ts';
import { openMetadata } from '#metadata/open.ts';
import { findRefreshToken } from '#metadata/refresh-tokens.ts';
import { temporaryMetadata } from './metadata.ts';

const alice: Identity = { principal: { name: 'alice', kind: 'user' }, stamp: 'stamp', groups: ['forgotten'] };
const robot: Identity = { principal: { name: 'robot+ci', kind: 'robot' }, stamp: 'stamp', groups: [] };

test('says who it was given to, once and again, to every process', async () => {
  await using database = await temporaryMetadata();
  const elsewhere = await openMetadata('sqlite', { path: database.path });
  const here = openRefreshTokens({ metadata: database.metadata, clock: () => 1, lifetimeMs: 10 });
  const there = openRefreshTokens({ metadata: elsewhere, clock: () => 1, lifetimeMs: 10 });
  for (const identity of [alice, robot]) {
    const token = (await here.issue(identity)) ?? '';
    for (const one of [here, there, here]) {
      const { principal, stamp, groups } = await one.redeem(token);
      expect({ principal, stamp, groups }).toEqual({ ...identity, groups: [] });
    }
  }
  await elsewhere.close();
});

test('is given to nobody who has no account to come back to', async () => {
  await using database = await temporaryMetadata();
  const tokens = openRefreshTokens({ metadata: database.metadata, clock: () => 1, lifetimeMs: 10 });
  for (const kind of ['anonymous', 'workload', 'certificate', 'local'] as const) {
    expect(await tokens.issue({ principal: { name: 'x', kind }, stamp: '', groups: [] })).toBeUndefined();
  }
});

test('ends when its time has come, and is then forgotten', async () => {
  await using database = await temporaryMetadata();
  let now = 1000;
  const tokens = openRefreshTokens({ metadata: database.metadata, clock: () => now, lifetimeMs: 500 });
  const token = (await tokens.issue(alice)) ?? '';
  now = 1499;
  expect((await tokens.redeem(token)).principal.name).toBe('alice');
  expect(await tokens.sweep()).toBe('0 refresh tokens forgotten');
  now = 1500;
  await expect(tokens.redeem(token)).rejects.toMatchObject({ reason: 'token' });
  expect(await tokens.sweep()).toBe('1 refresh tokens forgotten');
  now = 1000;
  await expect(tokens.redeem(token)).rejects.toMatchObject({ reason: 'token' });
});

test('is kept only as a hash', async () => {
  await using database = await temporaryMetadata();
  const tokens = openRefreshTokens({ metadata: database.metadata, clock: () => 1, lifetimeMs: 10 });
  const token = (await tokens.issue(alice)) ?? '';
  const row = await findRefreshToken(database.metadata, token.slice(5, 21));
  expect(row?.subject).toBe('alice');
  expect(JSON.stringify(row)).not.toContain(token.slice(21));
  expect(token.slice(21)).toHaveLength(43);
});

test('is refused with any letter of it changed, and in any other form', async () => {
  await using database = await temporaryMetadata();
  const tokens = openRefreshTokens({ metadata: database.metadata, clock: () => 1, lifetimeMs: 10 });
  const token = (await tokens.issue(alice)) ?? '';
  const other = (await tokens.issue(robot)) ?? '';
  const row = await findRefreshToken(database.metadata, token.slice(5, 21));
  const changed = Array.from(
    token,
    (letter, place) => token.slice(0, place) + (letter === 'A' ? 'B' : 'A') + token.slice(place + 1),
  );
  const odd = [
    ...changed,
    '',
    'ghrt_',
    token.slice(0, -1),
    `${token}A`,
    ` ${token}`,
    `${token}\n`,
    token.toUpperCase(),
    token.slice(0, 21) + other.slice(21),
    `ghrt_${token.slice(5, 21)}${row?.secretHash}`,
    `ghrt_${token.slice(5, 21)}${'%'.repeat(43)}`,
  ];
  for (const one of odd) {
    await expect(tokens.redeem(one), one).rejects.toMatchObject({ reason: 'token', message: 'no such refresh token' });
  }
});
