import { readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { StorageDriver } from '#storage/driver.ts';
import { driverNames } from '#storage/open.ts';
import { describeStorage } from '#test/conformance/storage.ts';

const DRIVERS = new URL('../../storage/drivers/', import.meta.url);
const files = await readdir(DRIVERS);

test('every file in drivers/ is a driver that can be named in the configuration', async () => {
  expect(files.length).toBeGreaterThan(0);
  expect((await driverNames()).map((name) => `${name}.ts`).sort()).toEqual(files.sort());
});

for (const file of files) {
  describeStorage(file.replace(/\.ts$/, ''), async (root) => {
    const { driver }: { driver: StorageDriver } = await import(new URL(file, DRIVERS).href);
    return await driver.open(driver.options.parse({ root }));
  });
}
