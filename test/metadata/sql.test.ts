import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openMetadata } from '#metadata/open.ts';
import { type Sql, sql } from '#metadata/sql.ts';

// Options each backend is tested with, in a folder of its own; one that is missing here fails below.
const OPTIONS: Record<string, (folder: string) => unknown> = {
  sqlite: (folder) => ({ path: join(folder, 'test.sqlite') }),
};
const backends = (await readdir(new URL('../../src/metadata/backends/', import.meta.url))).map((file) =>
  file.replace(/\.ts$/, ''),
);

describe.each(backends)('%s', (backend) => {
  let folder: string;
  let database: Sql;
  let other: Sql;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gatehouse-sql-'));
    const options = OPTIONS[backend]?.(folder);
    if (options === undefined) throw new Error(`say in OPTIONS how to open ${backend}`);
    database = await openMetadata(backend, options);
    other = await openMetadata(backend, options);
  });
  afterAll(async () => {
    await database.close();
    await other.close();
    await rm(folder, { recursive: true });
  });

  const add = (on: Sql, name: string, at = 0) =>
    on.all(sql`insert into repositories (name, created_at) values (${name}, ${at})`);
  const names = async (on: Sql, prefix: string) => {
    const rows = await on.all<{ name: string }>(
      sql`select name from repositories where name like ${`${prefix}%`} order by name`,
    );
    return rows.map((row) => row.name);
  };
  const inTransaction = (on: Sql, work: (inside: Sql) => Promise<unknown>) => on.transaction(work);

  it('gives back what it was given: text, large numbers, nothing', async () => {
    await inTransaction(database, (inside) => add(inside, `given-'"\\;é😀`, 2 ** 52));
    const rows = await database.all(sql`
      select name, created_at as "createdAt", ${null} as "nothing" from repositories where name like 'given-%'`);
    expect(rows).toEqual([{ name: `given-'"\\;é😀`, createdAt: 2 ** 52, nothing: null }]);
  });

  it('spreads lists, for in and for values', async () => {
    await inTransaction(database, (inside) =>
      inside.all(
        sql`insert into repositories (name, created_at) values ${[['list-a', 1], ['list-b', 2], ['list-c', 3]]}`,
      ),
    );
    const rows = await database.all(sql`
      select name from repositories where name in ${['list-a', 'list-c', 'list-x']} and created_at > ${0} order by name`);
    expect(rows).toEqual([{ name: 'list-a' }, { name: 'list-c' }]);
  });

  it('orders by bytes, whatever the locale', async () => {
    const wanted = [
      'order-A',
      'order-Z',
      'order-_',
      'order-a',
      'order-a-',
      'order-a.',
      'order-a0',
      'order-b',
      'order-é',
    ];
    await inTransaction(database, async (inside) => {
      for (const name of wanted.toReversed()) await add(inside, name);
    });
    expect(await names(database, 'order-')).toEqual(wanted);
  });

  it('takes all of a transaction or nothing', async () => {
    const failing = inTransaction(database, async (inside) => {
      await add(inside, 'half-a');
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await expect(inTransaction(database, (inside) => add(inside, 'list-a'))).rejects.toThrow(/unique/i);
    expect(await names(database, 'half-')).toEqual([]);
  });

  it('keeps transactions apart that wait in the middle', async () => {
    const write = (name: string) =>
      inTransaction(database, async (inside) => {
        await add(inside, `apart-${name}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (name === 'b') throw new Error('only b fails');
      });
    const results = await Promise.allSettled(['a', 'b', 'c'].map(write));
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await names(database, 'apart-')).toEqual(['apart-a', 'apart-c']);
  });

  it('joins a transaction inside a transaction', async () => {
    const outer = inTransaction(database, async (inside) => {
      await inside.transaction((deeper) => add(deeper, 'nested-a'));
      throw new Error('outer fails');
    });
    await expect(outer).rejects.toThrow('outer fails');
    expect(await names(database, 'nested-')).toEqual([]);
  });

  it('shows what is done to others at once, and what is under way to nobody', async () => {
    await inTransaction(database, async (inside) => {
      await add(inside, 'shared-a');
      expect(await names(database, 'shared-')).toEqual([]);
      expect(await names(other, 'shared-')).toEqual([]);
      expect(await names(inside, 'shared-')).toEqual(['shared-a']);
    });
    expect(await names(database, 'shared-')).toEqual(['shared-a']);
    // Nothing reaches another process before its next turn.
    await setImmediate();
    expect(await names(other, 'shared-')).toEqual(['shared-a']);
  });

  it('answers anew after each commit, whoever made it', async () => {
    const find = () => database.all(sql`select created_at as "at" from repositories where name = ${'anew'}`);
    expect(await find()).toEqual([]);
    for (const [at, writer] of [database, other, database, other].entries()) {
      await inTransaction(writer, (inside) =>
        inside.all(sql`
          insert into repositories (name, created_at) values ('anew', ${at})
          on conflict (name) do update set created_at = excluded.created_at`),
      );
      expect([await find(), await find()]).toEqual([[{ at }], [{ at }]]);
    }
  });

  it('lets two processes write in turn', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        inTransaction(index % 2 === 0 ? database : other, (inside) => add(inside, `turn-${index}`)),
      ),
    );
    expect(await names(database, 'turn-')).toHaveLength(20);
  });

  it('minds its references', async () => {
    const orphan = inTransaction(database, (inside) =>
      inside.all(
        sql`insert into tags (repository, name, digest, updated_at, updated_by) values ('x', 'y', 'z', 0, 'me')`,
      ),
    );
    await expect(orphan).rejects.toThrow(/foreign key/i);
  });
});

describe('a schema that is newer than the code', () => {
  it('stops the start', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gatehouse-newer-'));
    const path = join(folder, 'newer.sqlite');
    const { default: Database } = await import('better-sqlite3');
    const database = new Database(path);
    database.pragma('user_version = 999');
    database.close();
    await expect(openMetadata('sqlite', { path })).rejects.toThrow(/start a newer Gatehouse/);
    await rm(folder, { recursive: true });
  });
});
