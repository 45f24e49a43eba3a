import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { newestEventId } from '#metadata/events.ts';
import type { Sql } from '#metadata/sql.ts';
import { findWebhookCursor } from '#metadata/webhooks.ts';
import type { AuditJob } from '../job.ts';
import type { WebhookOptions } from '../options.ts';
import { deliver } from './delivery.ts';

/** How far behind a webhook is. */
export interface WebhookLag {
  readonly webhook: string;
  /** How many events there are that it is not through with, those included that it will skip. */
  readonly events: number;
  /** Since when the next of them fails, in milliseconds since the epoch; undefined while none does. */
  readonly failingSince: number | undefined;
  /** A status or the code of an error. */
  readonly lastError: string | undefined;
}

/** All webhooks of a configuration. */
export interface Webhooks {
  /** One for each, so that one receiver that hangs holds up no other. They come round each second and write only when due. */
  readonly jobs: readonly AuditJob[];
  lag(): Promise<WebhookLag[]>;
}

/** What {@link openWebhooks} works with. */
export interface WebhookSurroundings {
  readonly metadata: Sql;
  readonly clock: () => number;
  readonly publicUrl: string | undefined;
  readonly webhooks: readonly WebhookOptions[];
}

/** Makes the jobs that deliver events. */
export function openWebhooks({ metadata, clock, publicUrl, webhooks }: WebhookSurroundings): Webhooks {
  const source = { publicUrl, address: hostname(), instanceId: randomUUID() };
  return {
    jobs: webhooks.map((webhook) => ({
      name: `webhook-${webhook.name}`,
      schedule: '* * * * * *',
      due: () => isDue(metadata, webhook.name, clock()),
      run: (signal) => deliver(webhook, { metadata, clock, source }, signal),
    })),
    lag: () => Promise.all(webhooks.map(({ name }) => lagOf(metadata, name))),
  };
}

async function isDue(metadata: Sql, webhook: string, now: number): Promise<boolean> {
  const cursor = await findWebhookCursor(metadata, webhook);
  // One that was never seen has to be given its place.
  if (cursor === undefined) return true;
  return cursor.nextAttemptAt <= now && (await newestEventId(metadata)) > cursor.lastEvent;
}

async function lagOf(metadata: Sql, webhook: string): Promise<WebhookLag> {
  const cursor = await findWebhookCursor(metadata, webhook);
  const newest = await newestEventId(metadata);
  return {
    webhook,
    events: cursor === undefined ? 0 : newest - cursor.lastEvent,
    failingSince: cursor?.failingSince ?? undefined,
    lastError: cursor?.lastError ?? undefined,
  };
}
