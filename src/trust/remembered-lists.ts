import type { RevocationList } from './root.ts';

/**
 * Brings a revocation list from a file or URL.
 *
 * @throws {Error} which it is and why it cannot be had, as a sentence without secrets of the URL
 */
export type ListSource = (location: string) => Promise<RevocationList>;

// An authority issues a list every few hours; asking for it at every look would be a nuisance.
const FETCH_AGAIN_MS = 10 * 60_000;

interface Remembered {
  readonly list: RevocationList | undefined;
  readonly problem: unknown;
  readonly askedAt: number;
}

/**
 * Lists of URLs are asked for again every ten minutes; when that fails the last one stands, which says itself until when
 * it is good. Files are read each time.
 */
export function rememberLists({
  clock,
  revocationList = fetchList,
  report,
}: {
  readonly clock: () => number;
  readonly revocationList?: ListSource | undefined;
  readonly report: { error(words: string, error: unknown): void };
}): ListSource {
  const remembered = new Map<string, Remembered>();
  return async (location) => {
    if (!/^https?:\/\//.test(location)) return revocationList(location);
    const known = remembered.get(location);
    const isFresh = known !== undefined && clock() - known.askedAt < FETCH_AGAIN_MS;
    const now = isFresh ? known : await ask(location, revocationList, { list: known?.list, askedAt: clock() });
    remembered.set(location, now);
    if (now.list === undefined) throw now.problem;
    // Once for each time it begins to fail.
    if (now.problem !== undefined && known?.problem === undefined) {
      report.error('cannot fetch a revocation list again and kept the last one', now.problem);
    }
    return now.list;
  };
}

async function ask(location: string, bring: ListSource, last: Omit<Remembered, 'problem'>): Promise<Remembered> {
  try {
    return { ...last, list: await bring(location), problem: undefined };
  } catch (error) {
    return { ...last, problem: error };
  }
}

async function fetchList(location: string): Promise<RevocationList> {
  const { fetchRevocationList } = await import('./x509/revocation-lists.ts');
  return fetchRevocationList(location);
}
