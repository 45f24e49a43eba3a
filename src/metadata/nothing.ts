import type { Sql } from './sql.ts';

/**
 * A database that has nothing and keeps nothing. What somebody may not see is answered from here, by the same code as
 * everything else: so it answers exactly as what does not exist.
 */
export const nothing: Sql = {
  all: async () => [],
  transaction: (work) => work(nothing),
  close: async () => undefined,
};
