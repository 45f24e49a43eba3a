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
  const read = statements(reader);
  const snapshot = snapshotOf(reader);
  const write = statements(writer);
  const queue = new Turnstile(1);
  const inside: Sql = {
    all: async <Row>(query: Query) => write<Row>(query),
    transaction: (work) => work(inside),
    close: () => Promise.reject(new Error('a transaction cannot close its database')),
  };

  return {
    async all<Row>(query: Query) {
      snapshot.begin();
      return read<Row>(query);
    },
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
        snapshot.end();
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

/**
 * Lets the reads of one turn of the event loop share a read transaction. Locking the file for each would cost more than
 * reading it. The snapshot ends with the turn: nothing that another process tells us can arrive in between, and a commit
 * of ours is acknowledged by the disk, in a later turn.
 */
function snapshotOf(reader: Database.Database): { begin(): void; end(): void } {
  const begin = reader.prepare('begin');
  const commit = reader.prepare('commit');
  // Asking the connection would cross into native code for each read.
  let isOpen = false;
  const end = (): void => {
    if (!isOpen) return;
    isOpen = false;
    commit.run();
  };
  return {
    begin() {
      if (isOpen) return;
      begin.run();
      isOpen = true;
      setImmediate(end);
    },
    end,
  };
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
