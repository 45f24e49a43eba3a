import { setImmediate } from 'node:timers/promises';

/** A part of a list: at most `limit` entries after `after`. */
export interface Window {
  readonly after: string;
  readonly limit: number;
}

/** `more`: the list goes on; after `after` where that is given, else after the last entry. */
export interface Page<T> {
  readonly entries: readonly T[];
  readonly more: boolean;
  readonly after?: string;
}

/** Asks for one entry more than wanted: whether it comes says whether the list goes on. */
export async function pageOf<T>(
  window: Window,
  max: number,
  find: (limit: number) => Promise<readonly T[]>,
): Promise<Page<T>> {
  const limit = Math.min(window.limit, max);
  if (limit === 0) return { entries: [], more: false };
  const entries = await find(limit + 1);
  return { entries: entries.slice(0, limit), more: entries.length > limit };
}

/** A list of which not all is shown. */
export interface Sifted<T> {
  find(after: string, limit: number): Promise<readonly T[]>;
  nameOf(entry: T): string;
  isVisible(entry: T): Promise<boolean>;
  /** Milliseconds since the epoch. */
  clock(): number;
}

const STRETCH_MIN = 100;
const STRETCH_MAX = 1000;
// Some milliseconds to look through, where what is asked is known.
const HIDDEN_MAX = 10_000;
// Where it is not, each answer may take a verification: a client waits this long for a page without wondering.
const LOOK_MS = 1000;

/**
 * The same of what is visible. A page is filled past what is hidden, so that where it goes on is an entry that was shown.
 * After thousands that are hidden, or a second, it ends short; only where it is empty then does what is hidden say where
 * it goes on.
 */
export async function siftedPageOf<T>(window: Window, max: number, list: Sifted<T>): Promise<Page<T>> {
  const limit = Math.min(window.limit, max);
  const stretch = Math.min(Math.max(limit + 1, STRETCH_MIN), STRETCH_MAX);
  const until = list.clock() + LOOK_MS;
  const entries: T[] = [];
  let { after } = window;
  let hidden = 0;
  while (limit > 0) {
    const found = await list.find(after, stretch);
    for (const entry of found) {
      const isVisible = await list.isVisible(entry);
      if (isVisible && entries.length === limit) return { entries, more: true };
      after = list.nameOf(entry);
      if (isVisible) entries.push(entry);
      else hidden += 1;
      if (hidden >= HIDDEN_MAX || list.clock() >= until) return cutShort(entries, list, after);
    }
    if (found.length < stretch) break;
    // Answers from memory come without letting anybody else have a turn.
    await setImmediate();
  }
  return { entries, more: false };
}

function cutShort<T>(entries: readonly T[], list: Sifted<T>, after: string): Page<T> {
  const last = entries.at(-1);
  return { entries, more: true, after: last === undefined ? after : list.nameOf(last) };
}
