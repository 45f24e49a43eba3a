import { expect, test } from 'vitest';
import { recordEvent } from '#metadata/events.ts';
import { openCallers, reasonOf } from './callers.ts';
import { temporaryMetadata } from './metadata.ts';

/** Five pushes by two people to two repositories, one of them refused. */
async function furnished() {
  const database = await temporaryMetadata();
  for (const [index, actor] of ['alice', 'bob', 'alice', 'bob', 'alice'].entries()) {
    const origin = { actor, address: '192.0.2.7', requestId: `r${index}` };
    const repository = index < 3 ? 'team-a/app' : 'team-b/app';
    const outcome = index === 4 ? 'refused' : 'done';
    const event = { kind: 'manifest.push', repository, reference: `v${index}`, outcome } as const;
    await database.metadata.transaction((inside) => recordEvent(inside, origin, event, index * 1000));
  }
  return { callers: openCallers(database.metadata), [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
}

test.each([
  [{}, ['v4', 'v3', 'v2', 'v1', 'v0']],
  [{ repository: 'team-a/app' }, ['v2', 'v1', 'v0']],
  [{ actor: 'alice' }, ['v4', 'v2', 'v0']],
  [{ repository: 'team-a/app', actor: 'alice' }, ['v2', 'v0']],
  [{ since: '1970-01-01T00:00:01.000Z', until: '1970-01-01T00:00:03.000Z' }, ['v2', 'v1']],
  [{ outcome: 'refused' }, ['v4']],
  [{ kind: 'manifest.pull' }, []],
  [{ limit: 2 }, ['v4', 'v3']],
  [{ limit: 2, before: 4 }, ['v2', 'v1']],
] as const)('events that fit %j', async (filter, want) => {
  await using house = await furnished();
  const { events } = await house.callers.local.listEvents(filter);
  expect(events.map(({ reference }) => reference)).toEqual(want);
});

test('a page says where the next one begins, and the last one does not', async () => {
  await using house = await furnished();
  const { local } = house.callers;
  expect((await local.listEvents({ limit: 3 })).next).toBe(3);
  expect(await local.listEvents({ limit: 5 })).not.toHaveProperty('next');
});

test('an event is told without the keys that say nothing', async () => {
  await using house = await furnished();
  const { events } = await house.callers.local.listEvents({ limit: 1 });
  expect(events).toEqual([
    {
      id: 5,
      at: '1970-01-01T00:00:04.000Z',
      kind: 'manifest.push',
      actor: 'alice',
      address: '192.0.2.7',
      requestId: 'r4',
      repository: 'team-b/app',
      reference: 'v4',
      outcome: 'refused',
      count: 1,
    },
  ]);
});

test('whoever may give roles in a repository reads its events, and no others', async () => {
  await using house = await furnished();
  const bob = house.callers.with('bob', { role: 'registry-admin', scope: 'team-a/' });
  expect((await bob.listEvents({ repository: 'team-a/app' })).events).toHaveLength(3);
  expect(await reasonOf(bob.listEvents({ repository: 'team-b/app' }))).toBe('denied');
  expect(await reasonOf(bob.listEvents({}))).toBe('denied');
  expect(await reasonOf(bob.listEvents({ actor: 'bob' }))).toBe('denied');
  // Whoever may give roles everywhere still does not see what is of no repository.
  const carol = house.callers.with('carol', { role: 'registry-admin', scope: '*' });
  expect((await carol.listEvents({ repository: 'team-b/app' })).events).toHaveLength(2);
  expect(await reasonOf(carol.listEvents({}))).toBe('denied');
});
