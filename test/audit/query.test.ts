import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listEvents } from '#audit/query.ts';
import { type EventFilter, type NewEvent, type Origin, eventsAfter, recordEvent } from '#metadata/events.ts';
import { ALICE, pushes, record } from '#test/support/events.ts';
import { type Rooms, openRooms } from '#test/support/rooms.ts';

let rooms: Rooms;
beforeEach(async () => {
  rooms = await openRooms();
});
afterEach(() => rooms.close());

describe('the list of events', () => {
  it('gives every field that says something, and no other', async () => {
    const digest = `sha256:${'a'.repeat(64)}` as const;
    const whole: NewEvent = {
      kind: 'manifest.push',
      repository: 'team-a/app',
      reference: '1',
      digest,
      outcome: 'refused',
      reason: 'no',
      detail: { tags: ['1', '2'] },
      count: 3,
    };
    await record(rooms.metadata, [whole, { kind: 'login' }], 1000);
    expect(await listEvents(rooms.metadata, {}, { limit: 10 })).toEqual({
      events: [
        { id: 2, at: '1970-01-01T00:00:01.000Z', kind: 'login', ...ALICE, outcome: 'done', count: 1 },
        { id: 1, at: '1970-01-01T00:00:01.000Z', ...ALICE, ...whole },
      ],
      next: undefined,
    });
  });

  it('comes in pages, the newest first, without holes and repeats', async () => {
    await record(rooms.metadata, pushes(7));
    const pages: number[][] = [];
    let before: number | undefined;
    do {
      const page = await listEvents(rooms.metadata, {}, { before, limit: 3 });
      pages.push(page.events.map(({ id }) => id));
      before = page.next;
    } while (before !== undefined);
    expect(pages).toEqual([[7, 6, 5], [4, 3, 2], [1]]);
  });

  it('holds more than one statement could', async () => {
    await record(rooms.metadata, pushes(1201));
    const { events } = await listEvents(rooms.metadata, {}, { limit: 1200 });
    expect(events.map(({ id }) => id)).toEqual(Array.from({ length: 1200 }, (_, index) => 1201 - index));
    expect((await eventsAfter(rooms.metadata, 100, 1100)).map(({ id }) => id)).toEqual(
      Array.from({ length: 1100 }, (_, index) => 101 + index),
    );
  });

  it.each<[EventFilter, number[]]>([
    [{}, [5, 4, 3, 2, 1]],
    [{ since: 3 }, [5, 4, 3]],
    [{ until: 3 }, [2, 1]],
    [{ actor: 'bob' }, [5, 3]],
    [{ actor: 'bob', kind: 'login' }, [5]],
    [{ actor: 'bob', outcome: 'done' }, [5]],
    [{ repository: 'team-a/app' }, [3, 2]],
    [{ repository: 'team-a/app', actor: 'alice' }, [2]],
    [{ repository: 'team-a/app', kind: 'tag.set' }, [2]],
    [{ repository: 'team-a/app', outcome: 'refused' }, [3]],
    [{ repository: 'team-a/app', since: 3, until: 4 }, [3]],
    [{ repository: 'team-a' }, []],
    [{ kind: 'login' }, [5, 1]],
    [{ outcome: 'refused' }, [3]],
  ])('filters by %j', async (filter, ids) => {
    const events: [Origin, NewEvent][] = [
      [ALICE, { kind: 'login' }],
      [ALICE, { kind: 'tag.set', repository: 'team-a/app' }],
      [
        { ...ALICE, actor: 'bob' },
        { kind: 'tag.delete', repository: 'team-a/app', outcome: 'refused' },
      ],
      [ALICE, { kind: 'tag.set', repository: 'team-b/app' }],
      [{ ...ALICE, actor: 'bob' }, { kind: 'login' }],
    ];
    await rooms.metadata.transaction(async (inside) => {
      for (const [index, [origin, event]] of events.entries()) await recordEvent(inside, origin, event, index + 1);
    });
    const { events: found } = await listEvents(rooms.metadata, filter, { limit: 10 });
    expect(found.map(({ id }) => id)).toEqual(ids);
  });
});
