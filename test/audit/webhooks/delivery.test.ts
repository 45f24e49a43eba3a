import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Webhooks, openWebhooks } from '#audit/webhooks/open.ts';
import { eventsAfter } from '#metadata/events.ts';
import { openMetadata } from '#metadata/open.ts';
import type { Sql } from '#metadata/sql.ts';
import { findWebhookCursor } from '#metadata/webhooks.ts';
import { HOOK_SECRET, aWebhook, pushes, record } from '#test/support/events.ts';
import { type Receiver, aReceiver } from '#test/support/receiver.ts';
import { type Rooms, openRooms } from '#test/support/rooms.ts';

const START = 1_700_000_000_000;
const HOUR = 3_600_000;
let rooms: Rooms;
let receiver: Receiver;
let now: number;
beforeEach(async () => {
  rooms = await openRooms();
  receiver = await aReceiver();
  now = START;
});
afterEach(async () => {
  await receiver.close();
  await rooms.close();
});

const webhooksOn = (metadata: Sql, ...changes: object[]): Webhooks =>
  openWebhooks({
    metadata,
    clock: () => now,
    publicUrl: 'https://registry.example.com',
    webhooks: (changes.length === 0 ? [{}] : changes).map((change) => aWebhook(receiver.url, change)),
  });
/** What the scheduler does each second, for every webhook. */
async function tick({ jobs }: Webhooks, signal = new AbortController().signal): Promise<string[]> {
  const outcomes: string[] = [];
  for (const job of jobs) if (await job.due?.()) outcomes.push(await job.run(signal));
  return outcomes;
}
/** Webhooks that have found their place and wait for what happens. */
async function startedWebhooks(...changes: object[]): Promise<Webhooks> {
  const webhooks = webhooksOn(rooms.metadata, ...changes);
  await tick(webhooks);
  return webhooks;
}
const cursor = (name = 'hook') => findWebhookCursor(rooms.metadata, name);
const kindsAfter = async (id: number) => (await eventsAfter(rooms.metadata, id, 100)).map(({ kind }) => kind);

describe('a webhook', () => {
  it('is sent every event once, in order', async () => {
    const webhooks = await startedWebhooks();
    await record(rooms.metadata, pushes(130));
    expect(await tick(webhooks)).toEqual(['130 events delivered']);
    expect(receiver.ids).toEqual(Array.from({ length: 130 }, (_, index) => index + 1));
    expect(await tick(webhooks)).toEqual([]);
    await record(rooms.metadata, pushes(1));
    await tick(webhooks);
    expect(receiver.ids).toHaveLength(131);
  });

  it('is sent one at a time', async () => {
    const webhooks = await startedWebhooks();
    let atOnce = 0;
    let most = 0;
    receiver.answer((response) => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      setImmediate(() => {
        atOnce -= 1;
        response.writeHead(200).end();
      });
    });
    await record(rooms.metadata, pushes(5));
    await tick(webhooks);
    expect(most).toBe(1);
    expect(receiver.ids).toEqual([1, 2, 3, 4, 5]);
  });

  it('that is new begins with what happens from now on', async () => {
    await record(rooms.metadata, pushes(3));
    const webhooks = webhooksOn(rooms.metadata);
    expect(await webhooks.jobs[0]?.due?.()).toBe(true);
    expect(await tick(webhooks)).toEqual(['0 events delivered']);
    await record(rooms.metadata, pushes(1));
    await tick(webhooks);
    expect(receiver.ids).toEqual([4]);
  });

  it('is not due while there is nothing new, or while it waits', async () => {
    const webhooks = await startedWebhooks();
    const [job] = webhooks.jobs;
    expect(await job?.due?.()).toBe(false);
    await record(rooms.metadata, pushes(1));
    expect(await job?.due?.()).toBe(true);
    receiver.answer(500);
    await tick(webhooks);
    expect(await job?.due?.()).toBe(false);
    now += 1000;
    expect(await job?.due?.()).toBe(true);
  });

  it('can check who sent it, and when', async () => {
    const webhooks = await startedWebhooks();
    await record(rooms.metadata, pushes(1));
    now = START + 61_500;
    await tick(webhooks);
    const [got] = receiver.received;
    const signed = `1.${(START + 61_000) / 1000}.${got?.body}`;
    expect(got?.headers).toMatchObject({
      'webhook-id': '1',
      'webhook-timestamp': String((START + 61_000) / 1000),
      'webhook-signature': `v1,${createHmac('sha256', HOOK_SECRET).update(signed).digest('base64')}`,
      'content-type': 'application/cloudevents+json',
    });
    expect([got?.method, got?.path]).toEqual(['POST', '/hook']);
  });

  it.each<[object, number[]]>([
    [{}, [1, 2, 3, 4, 5]],
    [{ events: ['manifest.*'] }, [2, 4]],
    [{ events: ['manifest.push', 'login'] }, [1, 2]],
    [{ events: ['group.*'] }, [5]],
    [{ repositories: ['team-a/**'] }, [2, 3]],
    [{ repositories: ['team-a/*'] }, [2]],
    [{ repositories: ['*/*', 'team-b/x/y'] }, [2, 4]],
    [{ repositories: ['team-a/app'] }, [2]],
    [{ repositories: ['team.a/app'] }, []],
    [{ events: ['tag.*'], repositories: ['team-a/**'] }, [3]],
  ])('configured as %j is sent %j', async (changes, ids) => {
    const webhooks = await startedWebhooks(changes);
    await record(rooms.metadata, [
      { kind: 'login' },
      { kind: 'manifest.push', repository: 'team-a/app' },
      { kind: 'tag.delete', repository: 'team-a/app/cache' },
      { kind: 'manifest.delete', repository: 'team-b/app' },
      { kind: 'group.member.add', reference: 'ops' },
    ]);
    await tick(webhooks);
    expect(receiver.ids).toEqual(ids);
    expect((await cursor())?.lastEvent).toBe(5);
  });
});

describe('a delivery that fails', () => {
  it('is tried again after 1, 2, 4 … seconds, ten minutes at most, before anything after it', async () => {
    const webhooks = await startedWebhooks();
    await record(rooms.metadata, pushes(2));
    receiver.answer(503);
    const delays: number[] = [];
    for (let attempt = 1; attempt <= 12; attempt += 1) {
      expect(await tick(webhooks)).toEqual(['0 events delivered, then event 1 failed: 503']);
      const { attempts, nextAttemptAt = 0, failingSince, lastError } = (await cursor()) ?? {};
      expect({ attempts, failingSince, lastError }).toEqual({
        attempts: attempt,
        failingSince: START,
        lastError: '503',
      });
      delays.push((nextAttemptAt - now) / 1000);
      now = nextAttemptAt - 1;
      expect(await tick(webhooks)).toEqual([]);
      now = nextAttemptAt;
    }
    for (const [index, delay] of delays.entries()) {
      const most = Math.min(2 ** index, 600);
      expect(delay).toBeGreaterThanOrEqual(most * 0.8);
      expect(delay).toBeLessThanOrEqual(most);
    }
    receiver.answer(204);
    expect(await tick(webhooks)).toEqual(['2 events delivered']);
    expect(receiver.ids).toEqual([...Array.from({ length: 12 }, () => 1), 1, 2]);
    expect(await cursor()).toEqual({
      lastEvent: 2,
      attempts: 0,
      nextAttemptAt: 0,
      failingSince: null,
      lastError: null,
    });
  });

  it('is left alone by a process that was told it was due before another one failed', async () => {
    const webhooks = await startedWebhooks();
    await record(rooms.metadata, pushes(1));
    receiver.answer(500);
    await tick(webhooks);
    const [job] = webhooks.jobs;
    expect(await job?.run(new AbortController().signal)).toBe('0 events delivered');
    expect(receiver.ids).toEqual([1]);
  });

  it.each([400, 401, 404, 410, 429, 500, 301, 302, 307, 308, 304])('is one answered with %i', async (status) => {
    const webhooks = await startedWebhooks();
    await record(rooms.metadata, pushes(1));
    receiver.answer(status);
    expect(await tick(webhooks)).toEqual([`0 events delivered, then event 1 failed: ${status}`]);
  });

  it('is one whose receiver points elsewhere, and nobody goes there', async () => {
    const elsewhere = await aReceiver();
    const webhooks = await startedWebhooks();
    await record(rooms.metadata, pushes(1));
    receiver.answer((response) => response.writeHead(307, { location: elsewhere.url }).end());
    expect(await tick(webhooks)).toEqual(['0 events delivered, then event 1 failed: 307']);
    await elsewhere.close();
    expect(elsewhere.received).toEqual([]);
  });

  it('is one whose receiver hangs', async () => {
    const webhooks = await startedWebhooks({ timeout: '100ms' });
    await record(rooms.metadata, pushes(1));
    receiver.answer(() => undefined);
    expect(await tick(webhooks)).toEqual(['0 events delivered, then event 1 failed: TimeoutError']);
  });

  it('is one whose receiver is not there', async () => {
    const webhooks = await startedWebhooks();
    await record(rooms.metadata, pushes(1));
    await receiver.close();
    expect(await tick(webhooks)).toEqual(['0 events delivered, then event 1 failed: ECONNREFUSED']);
    receiver = await aReceiver();
  });

  it('leaves nothing of an answer, an address or a secret behind', async () => {
    const webhooks = await startedWebhooks({ url: `${receiver.url}?token=hunter2` });
    await record(rooms.metadata, pushes(1));
    receiver.answer((response) => response.writeHead(500).end('hunter2'));
    const outcomes = await tick(webhooks);
    now += 25 * HOUR;
    outcomes.push(...(await tick(webhooks)));
    const kept = JSON.stringify([outcomes, await cursor(), await eventsAfter(rooms.metadata, 0, 10)]);
    expect(kept).toContain('webhook.give-up');
    expect(kept).not.toMatch(/hunter2|a secret/);
  });

  it('does not hold up other webhooks', async () => {
    const other = await aReceiver();
    const webhooks = await startedWebhooks({ url: other.url, name: 'other' }, {});
    other.answer(500);
    await record(rooms.metadata, pushes(2));
    await tick(webhooks);
    await other.close();
    expect(receiver.ids).toEqual([1, 2]);
  });
});

describe('an answer', () => {
  it('is taken without being read', async () => {
    const webhooks = await startedWebhooks({ timeout: '5s' });
    await record(rooms.metadata, pushes(2));
    // A body that never ends.
    receiver.answer((response) => response.writeHead(200).write('x'.repeat(100_000)));
    expect(await tick(webhooks)).toEqual(['2 events delivered']);
  });
});

describe('giving up', () => {
  const failFor = async (webhooks: Webhooks, milliseconds: number): Promise<void> => {
    await tick(webhooks);
    now += milliseconds;
    await tick(webhooks);
  };

  it('happens when an event has failed for as long as it may, and is an event itself', async () => {
    const webhooks = await startedWebhooks({ giveUpAfter: '2h' });
    await record(rooms.metadata, pushes(2));
    receiver.answer(500);
    await failFor(webhooks, 2 * HOUR - 1);
    expect(await cursor()).toMatchObject({ lastEvent: 0, attempts: 2, nextAttemptAt: START + 2 * HOUR });
    receiver.answer((response, { headers }) => response.writeHead(headers['webhook-id'] === '1' ? 500 : 204).end());
    now = START + 2 * HOUR;
    expect(await tick(webhooks)).toEqual(['1 events delivered, then event 1 was given up: 500']);
    expect(receiver.ids).toEqual([1, 1, 1, 2]);
    const [event] = await eventsAfter(rooms.metadata, 2, 10);
    expect(event).toMatchObject({
      at: now,
      kind: 'webhook.give-up',
      actor: 'system:webhooks',
      repository: null,
      reference: 'hook',
      reason: 'event 1 could not be delivered in 3 attempts, the last of which ended with 500',
    });
    expect(JSON.parse(event?.detail ?? '')).toEqual({
      event: 1,
      kind: 'manifest.push',
      repository: 'team-a/app',
      attempts: 3,
      error: '500',
    });
    expect(await cursor()).toMatchObject({ lastEvent: 3, attempts: 0 });
  });

  it('is counted from the first failure of each event anew', async () => {
    const webhooks = await startedWebhooks();
    await record(rooms.metadata, pushes(2));
    receiver.answer(500);
    await failFor(webhooks, 24 * HOUR);
    expect(await cursor()).toMatchObject({ lastEvent: 1, attempts: 1, failingSince: now });
  });

  it('is told to other webhooks', async () => {
    const other = await aReceiver();
    const webhooks = await startedWebhooks({}, { name: 'other', url: other.url });
    await record(rooms.metadata, pushes(1));
    receiver.answer(500);
    await failFor(webhooks, 24 * HOUR);
    await other.close();
    expect(other.ids).toEqual([1, 2]);
    expect(other.received[1]?.body).toContain('"subject":"hook"');
  });

  it('comes to an end though all receivers are gone', async () => {
    const webhooks = await startedWebhooks({}, { name: 'other' });
    await record(rooms.metadata, pushes(1));
    receiver.answer(500);
    for (let day = 0; day < 8; day += 1) await failFor(webhooks, 24 * HOUR);
    expect(await kindsAfter(1)).toEqual(['webhook.give-up', 'webhook.give-up']);
    expect((await webhooks.lag()).map(({ events }) => events)).toEqual([0, 0]);
  });
});

describe('a restart', () => {
  const reopen = (): Promise<Sql> => openMetadata('sqlite', { path: join(rooms.folder, 'gatehouse.sqlite') });

  it('goes on where the last process stopped, with nothing lost and nothing repeated', async () => {
    const before = await reopen();
    const webhooks = webhooksOn(before);
    await tick(webhooks);
    await record(before, pushes(30));
    const abort = new AbortController();
    receiver.answer((response, { headers }) => {
      response.writeHead(204).end();
      if (headers['webhook-id'] === '7') abort.abort();
    });
    await tick(webhooks, abort.signal);
    await before.close();
    expect(receiver.ids.length).toBeLessThan(9);
    await tick(webhooksOn(rooms.metadata));
    const distinct = [...new Set(receiver.ids)];
    expect(distinct).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
    // The one under way when the signal came was received, and nobody waited for that.
    expect(receiver.ids.length).toBeLessThanOrEqual(31);
  });

  it('after a crash repeats some and loses none', async () => {
    const before = await reopen();
    const webhooks = webhooksOn(before);
    await tick(webhooks);
    await record(before, pushes(60));
    receiver.answer((response, { headers }) => {
      // From here on nothing can be saved any more.
      const answer = (): void => void response.writeHead(204).end();
      if (headers['webhook-id'] === '35') void before.close().then(answer);
      else answer();
    });
    await expect(tick(webhooks)).rejects.toThrow(/not open/);
    const atCrash = receiver.ids.length;
    await tick(webhooksOn(rooms.metadata));
    expect(receiver.ids[atCrash]).toBe(21);
    expect([...new Set(receiver.ids)]).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
  });

  it('waits on where the last process waited', async () => {
    const before = await reopen();
    const webhooks = webhooksOn(before);
    await tick(webhooks);
    await record(before, pushes(1));
    receiver.answer(500);
    await tick(webhooks);
    await before.close();
    const after = webhooksOn(rooms.metadata);
    expect(await tick(after)).toEqual([]);
    now += 1000;
    await tick(after);
    expect(await cursor()).toMatchObject({ attempts: 2, failingSince: START });
  });

  it('saves its place once a second, however slow the receiver', async () => {
    const webhooks = await startedWebhooks();
    await record(rooms.metadata, pushes(3));
    const places: (number | undefined)[] = [];
    receiver.answer((response) => {
      void cursor().then((place) => {
        places.push(place?.lastEvent);
        now += 1000;
        response.writeHead(204).end();
      });
    });
    await tick(webhooks);
    expect(places).toEqual([0, 1, 2]);
  });
});

describe('lag', () => {
  it('tells how far behind each webhook is, and why', async () => {
    const webhooks = webhooksOn(rooms.metadata);
    expect(await webhooks.lag()).toEqual([
      { webhook: 'hook', events: 0, failingSince: undefined, lastError: undefined },
    ]);
    await tick(webhooks);
    await record(rooms.metadata, pushes(3));
    receiver.answer(502);
    await tick(webhooks);
    expect(await webhooks.lag()).toEqual([{ webhook: 'hook', events: 3, failingSince: START, lastError: '502' }]);
  });
});

it('never goes back, though a process that was held up says so', async () => {
  const webhooks = await startedWebhooks();
  await record(rooms.metadata, pushes(2));
  receiver.answer((response, { headers }) => {
    if (headers['webhook-id'] !== '1') {
      response.writeHead(500).end();
      return;
    }
    // While this process waits for its answer, another one delivers both.
    receiver.answer(204);
    void tick(webhooksOn(rooms.metadata)).then(() => response.writeHead(500).end());
  });
  await tick(webhooks);
  expect(await cursor()).toMatchObject({ lastEvent: 2, attempts: 0 });
});
