import { z } from 'zod';

/** Where the SQLite backend keeps facts. */
export const sqliteOptions = z.strictObject({
  path: z.string().min(1).prefault('./data/gatehouse.sqlite').describe('database file'),
});

/** What {@link sqliteOptions} parses to. */
export type SqliteOptions = z.infer<typeof sqliteOptions>;
