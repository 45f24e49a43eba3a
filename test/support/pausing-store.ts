import type { BlobStore } from '#storage/driver.ts';

/** What a store can be told to stop before, or after. */
export type Moment = 'before read' | 'before write' | 'after write' | 'before delete' | 'after delete';

/**
 * A store that stops at a moment, once, for as long as it takes to do something else: the way to play two acts against
 * each other in an order of one's own.
 */
export function pausing(store: BlobStore, moment: Moment, meanwhile: () => Promise<unknown>): BlobStore {
  let pending: (() => Promise<unknown>) | undefined = meanwhile;
  const at = async (now: Moment): Promise<void> => {
    if (now !== moment || pending === undefined) return;
    const act = pending;
    pending = undefined;
    await act();
  };
  return {
    ...store,
    async read(key) {
      await at('before read');
      return await store.read(key);
    },
    async write(key, body) {
      await at('before write');
      const written = await store.write(key, body);
      await at('after write');
      return written;
    },
    async delete(key) {
      await at('before delete');
      await store.delete(key);
      await at('after delete');
    },
  };
}
