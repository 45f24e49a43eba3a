import { type EventFilter, type EventKind, type EventRow, eventsBefore } from '#metadata/events.ts';
import type { Sql } from '#metadata/sql.ts';

/** An event as people, programs and receivers are told of it. Keys that say nothing are left out. */
export interface AuditEvent {
  /** Rises with every commit. */
  readonly id: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly kind: EventKind;
  readonly actor: string;
  readonly address: string;
  readonly requestId: string;
  readonly repository?: string;
  readonly reference?: string;
  readonly digest?: string;
  readonly outcome: 'done' | 'refused';
  readonly reason?: string;
  readonly detail?: unknown;
  /** How many alike ones this stands for. */
  readonly count: number;
}

/** Which part of a list is asked for. */
export interface EventPage {
  /** Only events with lower ids; from the newest on when absent. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** Part of a list, the newest first. */
export interface EventList {
  readonly events: readonly AuditEvent[];
  /** What `before` is for the next page; undefined when there is none. */
  readonly next: number | undefined;
}

/** Lists events that fit, the newest first. */
export async function listEvents(metadata: Sql, filter: EventFilter, page: EventPage): Promise<EventList> {
  const { before = Number.MAX_SAFE_INTEGER, limit } = page;
  // One more than asked for tells whether there is another page.
  const rows = await eventsBefore(metadata, filter, before, limit + 1);
  const events = rows.slice(0, limit).map(auditEvent);
  return { events, next: rows.length > limit ? events.at(-1)?.id : undefined };
}

/** An event out of the row that keeps it. */
export function auditEvent(row: EventRow): AuditEvent {
  const { id, at, kind, actor, address, requestId, repository, reference, digest, outcome, reason, detail, count } =
    row;
  return {
    id,
    at: new Date(at).toISOString(),
    kind,
    actor,
    address,
    requestId,
    ...(repository !== null && { repository }),
    ...(reference !== null && { reference }),
    ...(digest !== null && { digest }),
    outcome,
    ...(reason !== null && { reason }),
    ...(detail !== null && { detail: JSON.parse(detail) as unknown }),
    count,
  };
}
