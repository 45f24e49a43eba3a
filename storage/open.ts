import { readdir } from 'node:fs/promises';
import { type BlobStore, type StorageDriver, StorageError } from './driver.ts';

const DRIVERS = new URL('./drivers/', import.meta.url);

/** The names `storage.driver` may have: the files in `drivers/`. */
export async function driverNames(): Promise<string[]> {
  const files = await readdir(DRIVERS);
  return files.filter((file) => file.endsWith('.ts')).map((file) => file.slice(0, -'.ts'.length));
}

/**
 * Opens the driver of that name with its own options. Only the driver chosen is loaded.
 *
 * @throws {StorageError} `unavailable` when there is no such driver
 * @throws {ZodError} when the options are not the driver's
 */
export async function openStorage(name: string, options: unknown): Promise<BlobStore> {
  const names = await driverNames();
  if (!names.includes(name)) {
    throw new StorageError('unavailable', `no storage driver ${JSON.stringify(name)}; there is ${names.join(', ')}`);
  }
  const { driver }: { driver: StorageDriver } = await import(new URL(`${name}.ts`, DRIVERS).href);
  return await driver.open(driver.options.parse(options));
}
