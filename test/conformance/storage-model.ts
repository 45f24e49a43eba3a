import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BlobStore } from '#storage/driver.ts';
import { type StorageKit, bodyOf, everyKey, reasonOf } from './storage-kit.ts';

/** A store is a map from key to bytes, whatever is done to it in whatever order. */
export function describeModel(kit: StorageKit): void {
  test('agrees with a map over any sequence of writes, deletes, composes and lists', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(anAct, { maxLength: 24 }), async (acts) => {
        run += 1;
        const folder = `run/${run}/`;
        const model = new Map<string, string>();
        for (const act of acts) await perform(act, { store: kit.store, model, folder });
        const found = new Map<string, string>();
        for (const key of await kit.keys(folder)) found.set(key.slice(folder.length), await kit.text(key));
        expect([...found]).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)));
      }),
      { numRuns: 40 },
    );
  });
}

type Act =
  | { do: 'write'; key: string; text: string }
  | { do: 'delete'; key: string }
  | { do: 'compose'; parts: string[]; key: string }
  | { do: 'list'; prefix: string };

// Folder names and object names share no member, so no key ever lies below another: a disk cannot hold both.
const aFolder = fc.constantFrom('a', 'a-b', 'ab', 'b');
const aKey = fc
  .tuple(fc.array(aFolder, { maxLength: 2 }), fc.constantFrom('a-', 'a.c', 'a0', 'bc', 'b-', '0'))
  .map(([folders, name]) => [...folders, name].join('/'));
const anAct: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('write' as const), key: aKey, text: fc.string({ maxLength: 9 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), key: aKey }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('compose' as const),
      parts: fc.uniqueArray(aKey, { minLength: 1, maxLength: 3 }),
      key: aKey,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('list' as const), prefix: fc.oneof(aKey, aFolder) }) },
);

/** A store, what it should hold, and the folder both begin in, so that runs do not meet. */
interface World {
  store: BlobStore;
  model: Map<string, string>;
  folder: string;
}

async function perform(act: Act, { store, model, folder }: World): Promise<void> {
  switch (act.do) {
    case 'write':
      await store.write(folder + act.key, bodyOf(Buffer.from(act.text)));
      model.set(act.key, act.text);
      return;
    case 'delete':
      await store.delete(folder + act.key);
      model.delete(act.key);
      return;
    case 'compose':
      await performCompose(act.parts, act.key, { store, model, folder });
      return;
    case 'list':
      await performList(act.prefix, { store, model, folder });
  }
}

async function performList(prefix: string, { store, model, folder }: World): Promise<void> {
  const found = await everyKey(store.list(folder + prefix));
  const expected = [...model.keys()].filter((key) => key.startsWith(prefix)).toSorted();
  expect(found.map((key) => key.slice(folder.length))).toEqual(expected);
}

async function performCompose(parts: readonly string[], key: string, { store, model, folder }: World): Promise<void> {
  // What joining an object onto itself leaves is not promised.
  if (parts.includes(key)) return;
  const paths = parts.map((part) => folder + part);
  const texts = parts.map((part) => model.get(part));
  const isWhole = !texts.includes(undefined);
  expect(await reasonOf(store.compose(paths, folder + key))).toBe(isWhole ? 'resolved' : 'not-found');
  if (!isWhole) return;
  for (const part of parts) model.delete(part);
  model.set(key, texts.join(''));
}
