import { type NewEvent, type Origin, recordEvent } from '#metadata/events.ts';
import type { Sql } from '#metadata/sql.ts';
import { Batch } from './batch.ts';

/** Takes events that belong to no change: logins, tokens, refusals, pulls. */
export interface Trail {
  /** Keeps the event until it is written, a quarter of a second later at most; returns at once. Rooms may be handed it alone. */
  readonly note: (origin: Origin, event: NewEvent) => void;
  /** Writes what is kept. What cannot be written is reported to `onError`, stays, and is tried again by itself. */
  flush(): Promise<void>;
  /** Writes what is kept and takes no more. What cannot be written now is lost, and `onError` is told how much. */
  close(): Promise<void>;
}

/** What {@link openTrail} works with. */
export interface TrailSurroundings {
  readonly metadata: Sql;
  readonly clock: () => number;
  /** Told of events that could not be written. */
  readonly onError: (error: unknown) => void;
}

// Few transactions under load, and still there by the time that anybody looks.
const FLUSH_MS = 250;
const FLUSH_ENTRIES = 200;
const RETRY_MAX_MS = 30_000;

/** Opens a trail. It has no timer while nothing is kept. */
export function openTrail(surroundings: TrailSurroundings): Trail {
  const trail = new BufferedTrail(surroundings);
  return {
    note: (origin, event) => trail.note(origin, event),
    flush: () => trail.flush(),
    close: () => trail.close(),
  };
}

class BufferedTrail {
  readonly #surroundings: TrailSurroundings;
  #batch = new Batch();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  /** A flush that has not begun. */
  #next: Promise<void> | undefined;
  #failuresInARow = 0;
  #isClosed = false;

  constructor(surroundings: TrailSurroundings) {
    this.#surroundings = surroundings;
  }

  note(origin: Origin, event: NewEvent): void {
    const { clock, onError } = this.#surroundings;
    if (this.#isClosed) {
      onError(new Error(`expected no event after the trail was closed, found ${event.kind}`));
      return;
    }
    this.#batch.add({ origin, event, at: clock(), count: event.count ?? 1 });
    this.#timer ??= this.#timerIn(FLUSH_MS);
    // A database that has just failed is not asked again for every event that comes.
    if (this.#batch.size >= FLUSH_ENTRIES && this.#failuresInARow === 0) void this.flush();
  }

  flush(): Promise<void> {
    // One at a time, so that events keep their order; calls that come while one runs share the next.
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      this.#running = this.#write();
      return this.#running;
    });
    return this.#next;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
    this.#stopTimer();
    const lost = this.#batch.entries().reduce((sum, { count }) => sum + count, 0);
    this.#batch = new Batch();
    if (lost > 0) this.#surroundings.onError(new Error(`${lost} events could not be written and are lost`));
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    this.#stopTimer();
    const taken = this.#batch;
    if (taken.size === 0) return;
    this.#batch = new Batch();
    try {
      await this.#surroundings.metadata.transaction((inside) => writeAll(inside, taken));
      this.#failuresInARow = 0;
    } catch (error) {
      // What came meanwhile is newer.
      for (const entry of this.#batch.entries()) taken.add(entry);
      this.#batch = taken;
      this.#failuresInARow += 1;
      this.#stopTimer();
      this.#timer = this.#timerIn(Math.min(FLUSH_MS * 2 ** Math.min(this.#failuresInARow, 10), RETRY_MAX_MS));
      this.#surroundings.onError(error);
    }
  }

  #timerIn(delayMs: number): NodeJS.Timeout {
    return setTimeout(() => void this.flush(), delayMs);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

async function writeAll(inside: Sql, batch: Batch): Promise<void> {
  for (const { origin, event, at, count } of batch.entries()) {
    await recordEvent(inside, origin, { ...event, count }, at);
  }
}
