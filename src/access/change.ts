import { type NewEvent, type Origin, recordEvent } from '#metadata/events.ts';
import type { Sql } from '#metadata/sql.ts';
import type { Caller } from './session.ts';
import type { Throttle } from './throttle.ts';

/** What administration works on. */
export interface AdministrationContext {
  readonly metadata: Sql;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** For refusals, which change nothing: writes them to the audit trail. Changes write their own events. */
  readonly note: (origin: Origin, event: NewEvent) => void;
  /** Slows down whoever guesses at passwords here, as it does at the door. */
  readonly throttle: Throttle;
}

/** A change under way: all of it is done, with its events, or none. */
export interface Change {
  readonly sql: Sql;
  readonly now: number;
  readonly caller: Caller;
  /** Name of whoever makes the change. */
  readonly by: string;
  readonly record: (event: NewEvent) => Promise<void>;
}

/** Makes a change and writes its events in one transaction. */
export async function change<T>(
  { metadata, clock }: AdministrationContext,
  caller: Caller,
  work: (change: Change) => Promise<T>,
): Promise<T> {
  return await metadata.transaction((inside) => {
    const now = clock();
    return work({
      sql: inside,
      now,
      caller,
      by: caller.origin.actor,
      record: (event) => recordEvent(inside, caller.origin, event, now),
    });
  });
}

/** A moment as the API writes it. */
export function momentOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
