import type { NewEvent, Origin } from '#metadata/events.ts';

/** An event that waits to be written, or several alike. */
export interface Entry {
  readonly origin: Origin;
  readonly event: NewEvent;
  /** When the first of them happened, in milliseconds since the epoch. */
  readonly at: number;
  readonly count: number;
}

// Two to four megabytes, and some 60 ms to write; a flood of refusals brings that many in a second.
const ENTRIES_MAX = 5000;
// Beyond what any name or sentence of ours takes; what a client sends as its name may be as long as its headers.
const TEXT_MAX = 512;

/** Who acts where too much came at once to keep apart. */
const SEVERAL: Origin = { actor: 'system:several', address: '', requestId: '' };

/** Events that wait to be written, in the order they came. Alike refusals and pulls are one entry with a count. */
export class Batch {
  readonly #entries = new Map<string, Entry>();
  #unlike = 0;

  get size(): number {
    return this.#entries.size;
  }

  entries(): Entry[] {
    return [...this.#entries.values()];
  }

  /** Beyond 5,000 entries what is not alike any of them is still counted, by kind and outcome alone. */
  add(entry: Entry): void {
    const tidy = tidied(entry);
    const key = this.#keyOf(tidy);
    if (this.#count(key, tidy)) return;
    if (this.#entries.size < ENTRIES_MAX) {
      this.#entries.set(key, tidy);
      return;
    }
    const overflow = overflowOf(tidy);
    const overflowKey = this.#keyOf(overflow);
    if (!this.#count(overflowKey, overflow)) this.#entries.set(overflowKey, overflow);
  }

  /** Adds to the count of an entry that is there; returns false when none is. */
  #count(key: string, { count }: Entry): boolean {
    const known = this.#entries.get(key);
    if (known === undefined) return false;
    this.#entries.set(key, { ...known, count: known.count + count });
    return true;
  }

  #keyOf({ origin, event }: Entry): string {
    const { kind, outcome, repository, reference, digest, reason } = event;
    if (origin === SEVERAL) return JSON.stringify([kind, outcome]);
    if (outcome !== 'refused' && kind !== 'manifest.pull') {
      this.#unlike += 1;
      return String(this.#unlike);
    }
    return JSON.stringify([kind, outcome, origin.actor, origin.address, repository, reference, digest, reason]);
  }
}

function overflowOf({ event: { kind, outcome }, at, count }: Entry): Entry {
  const reason = `more came at once than could be kept apart: beyond ${ENTRIES_MAX} events only their number is known`;
  return { origin: SEVERAL, event: { kind, outcome, reason }, at, count };
}

/** Bounds what a client chose, and takes out what would drive a terminal that shows it. */
function tidied(entry: Entry): Entry {
  const { origin, event } = entry;
  if (origin === SEVERAL) return entry;
  return {
    ...entry,
    origin: { actor: plain(origin.actor), address: plain(origin.address), requestId: plain(origin.requestId) },
    event: {
      ...event,
      repository: event.repository === undefined ? undefined : plain(event.repository),
      reference: event.reference === undefined ? undefined : plain(event.reference),
      reason: event.reason === undefined ? undefined : plain(event.reason),
    },
  };
}

function plain(text: string): string {
  return text
    .slice(0, TEXT_MAX)
    .replace(/[\p{Cc}\p{Bidi_Control}]/gu, '\u{FFFD}')
    .toWellFormed();
}
