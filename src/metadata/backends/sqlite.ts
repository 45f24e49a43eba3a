import { closeSync, mkdirSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { Turnstile } from '#base/turnstile.ts';
import { type SqliteOptions, sqliteOptions } from '../options.ts';
import type { MetadataBackend, Query, Sql, SqlParameter, SqlValue } from '../sql.ts';

// Longer than any transaction takes; who waits longer than that waits for a process that hangs.
const BUSY_MS = 10_000;
const MIGRATIONS = new URL('../migrations/', import.meta.url);

/*
 * Two connections to one file in WAL mode. Reads go straight to the first and never wait. Writes queue for the second,
 * one transaction at a time: an awaiting transaction on a shared connection would swallow other requests' statements.
 */
export const backend: MetadataBackend<SqliteOptions> = {
  options: sqliteOptions,
  async open({ path }) {
    mkdirSync(dirname(path), { recursive: true });
    // Password hashes are in there; SQLite gives its other files the mode of this one.
    closeSync(openSync(path, 'a', 0o600));
    const writer = openConnection(path);
    migrate(writer);
    // From here on waiting for another process is done without standing still: see begin().
    writer.pragma('busy_timeout = 0');
    const reader = openConnection(path);
    reader.pragma('query_only = on');
    return sqliteDatabase(reader, writer, await openLog(`${path}-wal`));
  },
};

function openConnection(path: string): Database.Database {
  const connection = new Database(path, { timeout: BUSY_MS });
  connection.pragma('journal_mode = wal');
  // A commit only writes here; what makes it durable is syncOf(), which does not stand still while the disk works.
  connection.pragma('synchronous = normal');
  connection.pragma('foreign_keys = on');
  connection.pragma('cache_size = -16384');
  connection.pragma('journal_size_limit = 67108864');
  return connection;
}

/** Applies each file of `migrations/` once, in order, in one transaction under the write lock. */
function migrate(connection: Database.Database): void {
  const files = readdirSync(MIGRATIONS)
    .filter((file) => file.endsWith('.sql'))
    .sort();
  connection.exec('begin immediate');
  try {
    const version = Number(connection.pragma('user_version', { simple: true }));
    if (version > files.length) {
      throw new Error(
        `the database has schema ${version}, this Gatehouse knows ${files.length}: start a newer Gatehouse`,
      );
    }
    for (const file of files.slice(version)) connection.exec(readFileSync(new URL(file, MIGRATIONS), 'utf8'));
    connection.pragma(`user_version = ${files.length}`);
    connection.exec('commit');
  } catch (error) {
    connection.exec('rollback');
    throw error;
  }
}

function sqliteDatabase(reader: Database.Database, writer: Database.Database, log: LogSync): Sql {
  const read = answersOf(reader);
  const write = statements(writer);
  const queue = new Turnstile(1);
  const inside: Sql = {
    all: async <Row>(query: Query) => write<Row>(query),
    transaction: (work) => work(inside),
    close: () => Promise.reject(new Error('a transaction cannot close its database')),
  };

  return {
    all: async <Row>(query: Query) => read<Row>(query),
    atOnce: read,
    async transaction(work) {
      const result = await queue.run(async () => {
        await begin(writer);
        try {
          const result = await work(inside);
          writer.exec('commit');
          return result;
        } catch (error) {
          if (writer.inTransaction) writer.exec('rollback');
          throw error;
        }
      });
      await log.sync();
      return result;
    },
    close: () =>
      queue.run(async () => {
        reader.close();
        writer.close();
        await log.close();
      }),
  };
}

/** The write-ahead log, and what makes it durable. */
interface LogSync {
  /** Resolves when everything committed before the call is on disk. Calls that come while the disk works share one. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * SQLite would fsync the log within the commit, and with it stop every request for as long as the disk takes: seconds,
 * while a large layer is being written. Here a commit is acknowledged after the same fsync, done beside everything else.
 * The log carries no locks, so opening it a second time is safe.
 */
async function openLog(path: string): Promise<LogSync> {
  const file = await open(path, 'r+');
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return {
    sync() {
      next ??= running
        .catch(() => undefined)
        .then(() => {
          next = undefined;
          running = file.datasync();
          return running;
        });
      return next;
    },
    close: () => file.close(),
  };
}

// Rows of a few hundred bytes each; what is asked for beyond that begins anew.
const ANSWERS_MAX = 20_000;

/**
 * Answers what was asked before without asking again, for as long as nobody has committed: SQLite counts the commits of
 * all other connections, and the reader makes none. The count is looked at once in each turn of the event loop. Nothing
 * that another process tells us can arrive within a turn, and our own commits are acknowledged by the disk, in a later
 * one: so whoever knows of a commit sees it.
 */
function answersOf(reader: Database.Database): <Row>(query: Query) => Row[] {
  const run = statements(reader);
  const commits = reader.prepare('pragma data_version').pluck();
  const answers = new Map<readonly string[], Map<string, unknown[]>>();
  let count = 0;
  let seenCommits: unknown;
  let isChecked = false;
  const uncheck = (): void => {
    isChecked = false;
  };
  const check = (): void => {
    const now = commits.get();
    if (now !== seenCommits || count > ANSWERS_MAX) {
      answers.clear();
      count = 0;
      seenCommits = now;
    }
    isChecked = true;
    setImmediate(uncheck);
  };

  return <Row>(query: Query): Row[] => {
    const key = keyOf(query.values);
    if (key === undefined) return run<Row>(query);
    if (!isChecked) check();
    let known = answers.get(query.text);
    if (known === undefined) answers.set(query.text, (known = new Map()));
    const answer = known.get(key) ?? run(query);
    if (!known.has(key)) {
      known.set(key, answer);
      count += 1;
    }
    // The one query of this text and these values, whose rows were given their type when they were read.
    return answer as Row[];
  };
}

/** What tells one to three texts apart from any others. Everything else, such as pages of lists, is asked for anew. */
function keyOf({ length, 0: one, 1: two, 2: three }: Query['values']): string | undefined {
  if (length > 3 || typeof one !== 'string') return undefined;
  if (length === 1) return one;
  if (typeof two !== 'string') return undefined;
  if (length === 2) return `${one.length} ${one}${two}`;
  return typeof three === 'string' ? `${one.length} ${two.length} ${one}${two}${three}` : undefined;
}

/** Takes the write lock; while another process has it, this one goes on with everything else. */
async function begin(writer: Database.Database): Promise<void> {
  for (const deadline = Date.now() + BUSY_MS; ; ) {
    try {
      writer.exec('begin immediate');
      return;
    } catch (error) {
      const busy = error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY');
      if (!busy || Date.now() > deadline) throw error;
    }
    // Not all at the same moment again.
    await setTimeout(1 + Math.random() * 10);
  }
}

/** Runs queries on one connection, each text prepared once. Fixed texts are found by identity, without building them. */
function statements(connection: Database.Database): <Row>(query: Query) => Row[] {
  const fixed = new WeakMap<readonly string[], Database.Statement>();
  const spread = new Map<string, Database.Statement>();

  const prepare = (query: Query): Database.Statement => {
    if (hasList(query)) {
      const text = textOf(query);
      const known = spread.get(text) ?? connection.prepare(text);
      // One entry per list length: enough for every page size in use, bounded for the rest.
      if (spread.size > 500) spread.clear();
      spread.set(text, known);
      return known;
    }
    const statement = fixed.get(query.text) ?? connection.prepare(textOf(query));
    fixed.set(query.text, statement);
    return statement;
  };

  return <Row>(query: Query): Row[] => {
    const statement = prepare(query);
    const values = hasList(query) ? query.values.flat(2) : query.values;
    if (!statement.reader) {
      statement.run(values);
      return [];
    }
    // The one place where rows get their type: each query states the columns it selects.
    return statement.all(values) as Row[];
  };
}

function hasList({ values }: Query): boolean {
  for (const value of values) if (typeof value === 'object' && value !== null) return true;
  return false;
}

function textOf({ text, values }: Query): string {
  return text.reduce((sum, part, index) => sum + placeholders(values[index - 1]) + part);
}

function placeholders(value: SqlParameter | undefined): string {
  if (!Array.isArray(value)) return '?';
  const items: readonly (SqlValue | readonly SqlValue[])[] = value;
  const inner = items.map((item) => (Array.isArray(item) ? placeholders(item) : '?')).join(', ');
  return items.some(Array.isArray) ? inner : `(${inner})`;
}
