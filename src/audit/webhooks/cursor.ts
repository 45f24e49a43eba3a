import type { WebhookCursor } from '#metadata/webhooks.ts';

// 1 s, 2 s, 4 s … 10 minutes: a receiver that restarts is found soon, one that is gone costs six requests an hour.
const FIRST_DELAY_MS = 1000;
const DELAY_MAX_MS = 10 * 60_000;
// What failed together shall not come back together.
const JITTER = 0.2;

/** Where a webhook stands when it is through with an event. */
export function cursorAt(lastEvent: number): WebhookCursor {
  return { lastEvent, attempts: 0, nextAttemptAt: 0, failingSince: null, lastError: null };
}

/**
 * Where a webhook stands when the next event has failed once more; undefined when it is to be given up.
 *
 * @param limit how long one event is tried, in milliseconds
 */
export function cursorAfterFailure(
  cursor: WebhookCursor,
  failure: { readonly error: string; readonly now: number },
  limit: number,
): WebhookCursor | undefined {
  const { error, now } = failure;
  const failingSince = cursor.failingSince ?? now;
  if (now - failingSince >= limit) return undefined;
  const delayMs = Math.min(FIRST_DELAY_MS * 2 ** cursor.attempts, DELAY_MAX_MS) * (1 - JITTER * Math.random());
  return {
    lastEvent: cursor.lastEvent,
    attempts: cursor.attempts + 1,
    // The last attempt is made when the time is up, and not up to ten minutes later.
    nextAttemptAt: Math.min(now + Math.round(delayMs), failingSince + limit),
    failingSince,
    lastError: error,
  };
}
