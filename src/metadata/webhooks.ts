import { type Sql, first, sql } from './sql.ts';

/** How far a webhook has come. */
export interface WebhookCursor {
  /** The id of the last event that was delivered, skipped or given up. */
  readonly lastEvent: number;
  /** How often the event after it was tried in vain. */
  readonly attempts: number;
  /** When that event may be tried again, in milliseconds since the epoch; 0 for at once. */
  readonly nextAttemptAt: number;
  /** When that event failed for the first time, in milliseconds since the epoch; null when it did not. */
  readonly failingSince: number | null;
  /** A status or the code of an error, of the last attempt that failed; null when none did. */
  readonly lastError: string | null;
}

/** Where a webhook stands; undefined for one that was never seen. */
export async function findWebhookCursor(database: Sql, webhook: string): Promise<WebhookCursor | undefined> {
  return await first<WebhookCursor>(
    database,
    sql`
    select last_event as "lastEvent", attempts as "attempts", next_attempt_at as "nextAttemptAt",
      failing_since as "failingSince", last_error as "lastError"
    from webhook_cursors where webhook = ${webhook}`,
  );
}

/** Records where a webhook stands. Never backwards: a process that was held up must not undo what another did. */
export async function saveWebhookCursor(database: Sql, webhook: string, cursor: WebhookCursor): Promise<void> {
  await database.all(sql`
    insert into webhook_cursors (webhook, last_event, attempts, next_attempt_at, failing_since, last_error)
    values (${webhook}, ${cursor.lastEvent}, ${cursor.attempts}, ${cursor.nextAttemptAt}, ${cursor.failingSince},
      ${cursor.lastError})
    on conflict (webhook) do update set last_event = excluded.last_event, attempts = excluded.attempts,
      next_attempt_at = excluded.next_attempt_at, failing_since = excluded.failing_since,
      last_error = excluded.last_error
    where webhook_cursors.last_event <= excluded.last_event`);
}
