import { type WebhookOptions, auditOptions } from '#audit/options.ts';
import { type NewEvent, type Origin, recordEvent } from '#metadata/events.ts';
import type { Sql } from '#metadata/sql.ts';

/** Somebody, somewhere. */
export const ALICE: Origin = { actor: 'alice', address: '192.0.2.7', requestId: 'r-1' };

export const HOOK_SECRET = 'a secret of more than 24 bytes';

/** Records events in one transaction. */
export async function record(metadata: Sql, events: readonly NewEvent[], now = Date.now()): Promise<void> {
  await metadata.transaction(async (inside) => {
    for (const event of events) await recordEvent(inside, ALICE, event, now);
  });
}

/** That many pushes to one repository, tagged 1, 2, 3 …. */
export function pushes(count: number, repository = 'team-a/app'): NewEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    kind: 'manifest.push',
    repository,
    reference: String(index + 1),
    digest: `sha256:${'0'.repeat(64)}`,
  }));
}

/** A webhook as the configuration gives it; `changes` are what the file would say. */
export function aWebhook(url: string, changes: object = {}): WebhookOptions {
  const { webhooks } = auditOptions.parse({ webhooks: [{ name: 'hook', url, secret: HOOK_SECRET, ...changes }] });
  const [webhook] = webhooks;
  if (webhook === undefined) throw new Error('expected a webhook, found none');
  return webhook;
}
