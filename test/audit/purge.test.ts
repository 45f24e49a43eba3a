import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { purgeJob } from '#audit/purge.ts';
import { type EventRow, eventsAfter } from '#metadata/events.ts';
import { pushes, record } from '#test/support/events.ts';
import { type Rooms, openRooms } from '#test/support/rooms.ts';

const KEEP = 10_000;
let rooms: Rooms;
beforeEach(async () => {
  rooms = await openRooms();
});
afterEach(() => rooms.close());

const rows = (): Promise<EventRow[]> => eventsAfter(rooms.metadata, 0, 10_000);
const job = (now: number) => purgeJob({ metadata: rooms.metadata, clock: () => now, keep: KEEP });
const never = (): AbortSignal => new AbortController().signal;

describe('forgetting events', () => {
  it('takes those older than they are to be kept, and no other', async () => {
    for (const at of [100, 200, 300]) await record(rooms.metadata, pushes(1), at);
    expect(await job(KEEP + 200).run(never())).toBe('1 old events forgotten');
    expect((await rows()).map(({ at }) => at)).toEqual([200, 300]);
  });

  it('leaves the newest, so that no id comes again', async () => {
    await record(rooms.metadata, pushes(5), 100);
    expect(await job(KEEP * 10).run(never())).toBe('4 old events forgotten');
    expect((await rows()).map(({ id }) => id)).toEqual([5]);
    await record(rooms.metadata, pushes(1), 200);
    expect((await rows()).map(({ id }) => id)).toEqual([5, 6]);
    expect(await job(KEEP * 10).run(never())).toBe('1 old events forgotten');
  });

  it('takes a thousand in one transaction, and stops between two when told to', async () => {
    await record(rooms.metadata, pushes(2500), 100);
    const abort = new AbortController();
    const run = job(KEEP * 10).run(abort.signal);
    // Waits in line behind the first batch, and before the second.
    await rooms.metadata.transaction(async () => abort.abort());
    expect(await run).toBe('1000 old events forgotten');
    expect(await rows()).toHaveLength(1500);
    expect(await job(KEEP * 10).run(never())).toBe('1499 old events forgotten');
    expect(await rows()).toHaveLength(1);
  });
});

describe('ids of events', () => {
  it('rise in the order of commits, whoever began first', async () => {
    await Promise.all(pushes(20).map((event) => record(rooms.metadata, [event, event])));
    const references = (await rows()).map(({ id, reference }) => [id, reference]);
    expect(references).toEqual(
      pushes(20).flatMap(({ reference }, index) => [
        [index * 2 + 1, reference],
        [index * 2 + 2, reference],
      ]),
    );
  });

  it('are not spent by a change that is taken back', async () => {
    await record(rooms.metadata, pushes(1));
    const failed = rooms.metadata.transaction(async (inside) => {
      await record(inside, pushes(1));
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    await record(rooms.metadata, pushes(1));
    expect((await rows()).map(({ id }) => id)).toEqual([1, 2]);
  });
});
