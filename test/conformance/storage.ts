import { describe, expect, test } from 'vitest';
import { describeBytes } from './storage-bytes.ts';
import { describeKeys } from './storage-keys.ts';
import { type OpenStore, aStorageKit } from './storage-kit.ts';
import { describeModel } from './storage-model.ts';

/** The contract of `BlobStore` in storage/driver.ts, as tests. Every driver passes all of it. */
export function describeStorage(name: string, open: OpenStore): void {
  describe(`${name} storage`, () => {
    const kit = aStorageKit(open);

    describeBytes(kit);
    describeKeys(kit);
    describeModel(kit);

    test('ready resolves, and leaves nothing behind', async () => {
      await kit.store.ready();
      await kit.expectNothingButObjects();
      expect(await kit.keys()).toEqual([]);
    });
  });
}
