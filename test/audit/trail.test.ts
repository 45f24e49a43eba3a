import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AuditEvent, listEvents } from '#audit/query.ts';
import { type Trail, openTrail } from '#audit/trail.ts';
import { type NewEvent, eventsAfter } from '#metadata/events.ts';
import { sql } from '#metadata/sql.ts';
import { ALICE } from '#test/support/events.ts';
import { type Rooms, openRooms } from '#test/support/rooms.ts';

const START = 1_700_000_000_000;
let rooms: Rooms;
let trail: Trail;
let now: number;
let errors: unknown[];
beforeEach(async () => {
  rooms = await openRooms();
  now = START;
  errors = [];
  trail = openTrail({ metadata: rooms.metadata, clock: () => now, onError: (error) => errors.push(error) });
});
afterEach(async () => {
  await trail.close();
  await rooms.close();
});

const written = async (): Promise<AuditEvent[]> =>
  (await listEvents(rooms.metadata, {}, { limit: 10_000 })).events.toReversed();
const total = async (): Promise<number> => (await written()).reduce((sum, { count }) => sum + count, 0);
/** What happens when a database is out of order, and when it is mended. */
const breakTable = () => rooms.metadata.transaction((inside) => inside.all(sql`alter table events rename to gone`));
const mendTable = () => rooms.metadata.transaction((inside) => inside.all(sql`alter table gone rename to events`));

const LOGIN: NewEvent = { kind: 'login' };
const REFUSAL: NewEvent = { kind: 'access.refuse', outcome: 'refused', repository: 'team-a/app', reason: 'no grant' };

describe('a trail', () => {
  it('writes what it is given, with the time it was given', async () => {
    trail.note(ALICE, LOGIN);
    now += 5000;
    trail.note({ ...ALICE, actor: 'bob' }, { ...REFUSAL, detail: { wanted: 'push' } });
    await trail.flush();
    expect(await written()).toEqual([
      {
        id: 1,
        at: new Date(START).toISOString(),
        kind: 'login',
        ...ALICE,
        outcome: 'done',
        count: 1,
      },
      {
        id: 2,
        at: new Date(START + 5000).toISOString(),
        ...ALICE,
        actor: 'bob',
        ...REFUSAL,
        detail: { wanted: 'push' },
        count: 1,
      },
    ]);
  });

  it('writes by itself within a moment, though somebody was handed its note alone', async () => {
    const { note } = trail;
    note(ALICE, LOGIN);
    expect(await written()).toEqual([]);
    await expect.poll(total, { timeout: 5000, interval: 20 }).toBe(1);
  });

  it.each([
    [199, 0],
    [200, 200],
  ])('with %i events waiting has written %i at once', async (count, at) => {
    for (let index = 0; index < count; index += 1) trail.note(ALICE, LOGIN);
    await setImmediate();
    // In line behind the trail's own transaction, if there is one.
    expect(await rooms.metadata.transaction((inside) => eventsAfter(inside, 0, 1000))).toHaveLength(at);
  });

  it('has no timer while it keeps nothing', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    trail.note(ALICE, LOGIN);
    expect(timers()).toBe(before + 1);
    await trail.flush();
    expect(timers()).toBeLessThanOrEqual(before);
  });

  it('makes one row with a count of alike refusals and pulls', async () => {
    for (let index = 0; index < 3; index += 1) trail.note(ALICE, REFUSAL);
    for (let index = 0; index < 2; index += 1) {
      trail.note(ALICE, { kind: 'manifest.pull', repository: 'team-a/app', reference: '1' });
    }
    trail.note(ALICE, { ...REFUSAL, count: 4 });
    await trail.flush();
    expect((await written()).map(({ kind, count }) => [kind, count])).toEqual([
      ['access.refuse', 7],
      ['manifest.pull', 2],
    ]);
  });

  it.each<[string, Partial<NewEvent> & { actor?: string; address?: string }]>([
    ['kind', { kind: 'login' }],
    ['actor', { actor: 'bob' }],
    ['address', { address: '192.0.2.8' }],
    ['repository', { repository: 'team-b/app' }],
    ['reference', { reference: '2' }],
    ['digest', { digest: `sha256:${'1'.repeat(64)}` }],
    ['reason', { reason: 'another' }],
  ])('keeps refusals apart that differ in their %s', async (_, { actor, address, ...change }) => {
    trail.note(ALICE, REFUSAL);
    trail.note({ ...ALICE, ...(actor && { actor }), ...(address && { address }) }, { ...REFUSAL, ...change });
    await trail.flush();
    expect((await written()).map(({ count }) => count)).toEqual([1, 1]);
  });

  it('keeps logins and tokens apart, however alike', async () => {
    trail.note(ALICE, LOGIN);
    trail.note(ALICE, LOGIN);
    trail.note(ALICE, { kind: 'token.issue' });
    trail.note(ALICE, { kind: 'token.issue' });
    await trail.flush();
    expect((await written()).map(({ kind }) => kind)).toEqual(['login', 'login', 'token.issue', 'token.issue']);
  });

  it('counts every event of a flood, and keeps a bounded number of them', async () => {
    for (let index = 0; index < 7000; index += 1) {
      trail.note({ ...ALICE, address: `198.51.${index >> 8}.${index & 255}` }, REFUSAL);
      if (index % 7 === 0) trail.note({ ...ALICE, actor: `a${index}` }, { kind: 'login', outcome: 'refused' });
    }
    await trail.flush();
    const rows = await written();
    expect(rows.length).toBe(5002);
    expect(await total()).toBe(8000);
    const several = rows.filter(({ actor }) => actor === 'system:several');
    expect(several.map(({ kind, outcome }) => [kind, outcome])).toEqual([
      ['access.refuse', 'refused'],
      ['login', 'refused'],
    ]);
    expect(several[0]?.reason).toMatch(/more came at once than could be kept apart/);
    await trail.flush();
    expect(await total()).toBe(8000);
  });

  it('bounds what a client chose, and takes the teeth out of it', async () => {
    trail.note({ ...ALICE, actor: `\u{1b}[2J${'x'.repeat(9000)}` }, { ...REFUSAL, reference: 'a\u{202e}b\n' });
    await trail.flush();
    const [row] = await written();
    expect(row?.actor).toBe(`\u{fffd}[2J${'x'.repeat(508)}`);
    expect(row?.reference).toBe('a\u{fffd}b\u{fffd}');
  });
});

describe('a trail whose database fails', () => {
  it('keeps everything in order, says so, and tries again by itself', async () => {
    await breakTable();
    trail.note(ALICE, LOGIN);
    trail.note(ALICE, REFUSAL);
    await trail.flush();
    trail.note(ALICE, { kind: 'token.issue' });
    trail.note(ALICE, REFUSAL);
    await trail.flush();
    expect(errors.map(String)).toEqual([
      expect.stringContaining('no such table'),
      expect.stringContaining('no such table'),
    ]);
    await mendTable();
    await expect.poll(total, { timeout: 10_000, interval: 50 }).toBe(4);
    expect((await written()).map(({ kind, count }) => [kind, count])).toEqual([
      ['login', 1],
      ['access.refuse', 2],
      ['token.issue', 1],
    ]);
  });

  it('keeps what came while it failed', async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const held = rooms.metadata.transaction(async (inside) => {
      await inside.all(sql`alter table events rename to gone`);
      await released;
    });
    trail.note(ALICE, LOGIN);
    const flushed = trail.flush();
    await setImmediate();
    trail.note(ALICE, { kind: 'token.issue' });
    release();
    await held;
    await flushed;
    expect(errors).toHaveLength(1);
    await mendTable();
    await trail.flush();
    expect((await written()).map(({ kind }) => kind)).toEqual(['login', 'token.issue']);
  });

  it('writes nothing of a batch of which one event cannot be written', async () => {
    const change = (text: ReturnType<typeof sql>) => rooms.metadata.transaction((inside) => inside.all(text));
    await change(sql`
      create trigger no_tokens before insert on events when new.kind = 'token.issue'
      begin select raise(abort, 'no tokens today'); end`);
    trail.note(ALICE, LOGIN);
    trail.note(ALICE, { kind: 'token.issue' });
    await trail.flush();
    expect(errors.map(String)).toEqual([expect.stringContaining('no tokens today')]);
    expect(await written()).toEqual([]);
    await change(sql`drop trigger no_tokens`);
    await trail.flush();
    expect((await written()).map(({ kind }) => kind)).toEqual(['login', 'token.issue']);
  });

  it('is not asked again for every event that comes', async () => {
    await breakTable();
    for (let index = 0; index < 600; index += 1) {
      trail.note({ ...ALICE, actor: `a${index}` }, REFUSAL);
      await setImmediate();
    }
    expect(errors.length).toBe(1);
    await mendTable();
    await trail.flush();
    expect(await total()).toBe(600);
  });

  it('keeps a bounded number of events, and counts the rest', async () => {
    await breakTable();
    for (let index = 0; index < 6000; index += 1) {
      trail.note({ ...ALICE, actor: `a${index}` }, REFUSAL);
      if (index % 1000 === 0) await trail.flush();
    }
    await mendTable();
    await trail.flush();
    expect((await written()).length).toBe(5001);
    expect(await total()).toBe(6000);
  });

  it('says how much is lost when it is closed', async () => {
    await breakTable();
    for (let index = 0; index < 3; index += 1) trail.note(ALICE, REFUSAL);
    await trail.close();
    expect(errors.map(String).at(-1)).toBe('Error: 3 events could not be written and are lost');
    await mendTable();
  });
});

describe('closing', () => {
  it('writes what is kept', async () => {
    trail.note(ALICE, LOGIN);
    await trail.close();
    expect(await total()).toBe(1);
  });

  it('writes what came while a batch was being written', async () => {
    trail.note(ALICE, LOGIN);
    const flushed = trail.flush();
    await Promise.resolve();
    trail.note(ALICE, LOGIN);
    await trail.close();
    await flushed;
    expect(await total()).toBe(2);
    expect(errors).toEqual([]);
  });

  it('reports what comes too late', async () => {
    await trail.close();
    trail.note(ALICE, LOGIN);
    await trail.flush();
    expect(await eventsAfter(rooms.metadata, 0, 10)).toEqual([]);
    expect(errors.map(String)).toEqual(['Error: expected no event after the trail was closed, found login']);
  });
});
