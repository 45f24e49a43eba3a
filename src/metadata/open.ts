import { readdir } from 'node:fs/promises';
import type { MetadataBackend, Sql } from './sql.ts';

const BACKENDS = new URL('./backends/', import.meta.url);

/**
 * Opens the backend of that name with its own options, schema up to date. Only the backend chosen is loaded.
 *
 * @throws {Error} no such backend, a schema newer than this code, or whatever the database says
 */
export async function openMetadata(name: string, options: unknown): Promise<Sql> {
  const names = (await readdir(BACKENDS)).map((file) => file.replace(/\.ts$/, ''));
  if (!names.includes(name)) {
    throw new Error(`no metadata backend ${JSON.stringify(name)}; there is ${names.join(', ')}`);
  }
  const { backend }: { backend: MetadataBackend } = await import(new URL(`${name}.ts`, BACKENDS).href);
  return await backend.open(backend.options.parse(options));
}
