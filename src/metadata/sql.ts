import type { ZodType } from 'zod';

/** What a statement takes and gives: SQL's own types. Dates are milliseconds since the epoch, booleans 0 and 1. */
export type SqlValue = string | number | null;

/** A list spreads to `(?, ?)`, a list of lists to `(?, ?), (?, ?)`: for `in` and for `values`. */
export type SqlParameter = SqlValue | readonly SqlValue[] | readonly (readonly SqlValue[])[];

/** A statement in the dialect that every backend shares, with its values apart from its text. */
export interface Query {
  readonly text: readonly string[];
  readonly values: readonly SqlParameter[];
}

/** Writes a {@link Query}. Values never become part of the text, so nothing needs quoting. */
export function sql(text: TemplateStringsArray, ...values: SqlParameter[]): Query {
  return { text, values };
}

/** The whole of what a database must do for us. One file in `backends/` per database. */
export interface Sql {
  /** Runs one statement; rows are plain objects keyed by column name, `bigint` columns are numbers. */
  all<Row>(query: Query): Promise<Row[]>;
  /**
   * The same without waiting, for what is asked on every request. Absent where the database is somewhere else and only
   * {@link all} can ask it.
   */
  atOnce?<Row>(query: Query): Row[];
  /**
   * Runs alone and atomically; a throw rolls back, and what resolved is durable. Nested calls join the outer
   * transaction. Nothing slower than the database may be awaited inside.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** One file in `backends/`: its options, and how to open it. Opening brings the schema up to date. */
export interface MetadataBackend<Options = unknown> {
  readonly options: ZodType<Options>;
  open(options: Options): Promise<Sql>;
}

/** The first row, where a query can give at most one. */
export async function first<Row>(database: Sql, query: Query): Promise<Row | undefined> {
  const rows = await database.all<Row>(query);
  return rows[0];
}
