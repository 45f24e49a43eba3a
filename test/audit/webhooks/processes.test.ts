import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openWebhooks } from '#audit/webhooks/open.ts';
import { type Scheduler, startJobs } from '#jobs/scheduler.ts';
import { openMetadata } from '#metadata/open.ts';
import type { Sql } from '#metadata/sql.ts';
import { findWebhookCursor } from '#metadata/webhooks.ts';
import { openLog } from '#observe/log.ts';
import { openMetrics } from '#observe/metrics.ts';
import { HOOK_SECRET, aWebhook, pushes, record } from '#test/support/events.ts';
import { startGatehouse } from '#test/support/gatehouse.ts';
import { type Receiver, aReceiver } from '#test/support/receiver.ts';
import { type Rooms, openRooms } from '#test/support/rooms.ts';

let receiver: Receiver;
beforeEach(async () => {
  receiver = await aReceiver();
});
afterEach(() => receiver.close());

describe('two processes over one database', () => {
  let rooms: Rooms;
  beforeEach(async () => {
    rooms = await openRooms();
  });
  afterEach(() => rooms.close());

  const start = (metadata: Sql): Scheduler => {
    const { clock } = rooms.context;
    const { jobs } = openWebhooks({ metadata, clock, publicUrl: undefined, webhooks: [aWebhook(receiver.url)] });
    return startJobs(jobs, { metadata, clock, log: openLog({ level: 'silent' }), metrics: openMetrics() });
  };

  it('send each event once, in order', async () => {
    const second = await openMetadata('sqlite', { path: join(rooms.folder, 'gatehouse.sqlite') });
    const schedulers = [start(rooms.metadata), start(second)];
    await expect.poll(() => findWebhookCursor(rooms.metadata, 'hook'), { timeout: 5000 }).toBeDefined();
    // Slow enough that the second would come upon an event that the first is sending.
    receiver.answer((response) => void setTimeout(() => response.writeHead(204).end(), 60));
    await record(rooms.metadata, pushes(40));
    await expect.poll(() => receiver.ids.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(40);
    for (const scheduler of schedulers) await scheduler.stop();
    await second.close();
    expect(receiver.ids).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
  });
});

describe('a server with a webhook', () => {
  it('tells of what happens while it runs', async () => {
    const hook = { name: 'hook', url: receiver.url, secret: HOOK_SECRET };
    const gatehouse = await startGatehouse({ audit: { webhooks: [hook] } });
    const metadata = await openMetadata('sqlite', { path: join(gatehouse.folder, 'gatehouse.sqlite') });
    await expect.poll(() => findWebhookCursor(metadata, 'hook'), { timeout: 5000 }).toBeDefined();
    await record(metadata, [{ kind: 'grant.add', reference: 'bob' }]);
    await expect.poll(() => receiver.received.length, { timeout: 5000 }).toBe(1);
    await metadata.close();
    await gatehouse.stop();
    expect(receiver.received[0]?.body).toContain('"io.gatehouse.grant.add"');
  });
});
