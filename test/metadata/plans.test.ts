import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findHeldTag, findTagWithHeld, heldTagsAfter, heldTagsAt } from '#metadata/held-tags.ts';
import { isBlobNamed, manifestsNaming, namedBy } from '#metadata/manifests.ts';
import { openMetadata } from '#metadata/open.ts';
import { simpleSignaturesOf } from '#metadata/simple-signatures.ts';
import type { Query, Sql } from '#metadata/sql.ts';
import { tagsAt } from '#metadata/tags.ts';
import {
  blobGoodUntil,
  dueVerdicts,
  findVerdict,
  hasSpeakers,
  isBlobShown,
  reviewVerdict,
  unjudgedNaming,
  verdictsVia,
  voidVerdict,
} from '#metadata/verdicts.ts';
import { digestOf } from '#oci/digest.ts';

const R = 'team-a/app';
const D = digestOf(Buffer.from('x'), 'sha256');

let folder: string;
let database: Database.Database;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-plans-'));
  const path = join(folder, 'gatehouse.sqlite');
  await (await openMetadata('sqlite', { path })).close();
  database = new Database(path);
});

afterAll(async () => {
  database.close();
  await rm(folder, { recursive: true, force: true });
});

/** How SQLite goes about what is asked: nothing is carried out, and nothing is found. */
async function plansOf(ask: (sql: Sql) => Promise<unknown>): Promise<string[]> {
  const plans: string[] = [];
  const all = async <Row>({ text, values }: Query): Promise<Row[]> => {
    const lists = values.map((value) => (Array.isArray(value) ? '(?)' : '?'));
    const statement = text.reduce((sum, part, index) => sum + (lists[index - 1] ?? '') + part);
    const rows = database.prepare<unknown[], { detail: string }>(`explain query plan ${statement}`);
    plans.push(...rows.all(...values.map(() => 'x')).map(({ detail }) => detail));
    return [];
  };
  const sql: Sql = { all, transaction: (work) => work(sql), close: async () => undefined };
  await ask(sql);
  return plans;
}

describe('what the gate asks', () => {
  test.each<[string, (sql: Sql) => Promise<unknown>]>([
    ['findVerdict', (sql) => findVerdict(sql, R, D)],
    ['reviewVerdict', (sql) => reviewVerdict(sql, R, D, 1)],
    ['voidVerdict', (sql) => voidVerdict(sql, R, D, 1)],
    ['verdictsVia', (sql) => verdictsVia(sql, R, D)],
    ['dueVerdicts', (sql) => dueVerdicts(sql, 1, 1)],
    ['blobGoodUntil', (sql) => blobGoodUntil(sql, R, D, 'policy')],
    ['isBlobShown', (sql) => isBlobShown(sql, R, D)],
    ['unjudgedNaming', (sql) => unjudgedNaming(sql, { repository: R, blob: D, policy: 'policy' }, 1)],
    ['hasSpeakers', (sql) => hasSpeakers(sql, { repository: R, digest: D, tags: ['tag'] })],
    ['heldTagsAt', (sql) => heldTagsAt(sql, R, D)],
    ['heldTagsAfter', (sql) => heldTagsAfter(sql, { repository: R, after: { repository: '', name: '' } }, 1)],
    ['findHeldTag', (sql) => findHeldTag(sql, R, 'tag')],
    ['findTagWithHeld', (sql) => findTagWithHeld(sql, R, 'tag')],
    ['simpleSignaturesOf', (sql) => simpleSignaturesOf(sql, R, D)],
    ['manifestsNaming', (sql) => manifestsNaming(sql, R, { kind: 'manifest', digest: D }, 1)],
    ['namedBy', (sql) => namedBy(sql, R, D)],
    ['isBlobNamed', (sql) => isBlobNamed(sql, R, D)],
    ['tagsAt', (sql) => tagsAt(sql, R, D)],
  ])('%s walks over no repository', async (_, ask) => {
    const plans = await plansOf(ask);
    const walks = plans.filter((plan) => /\(repository=\?\)$|^SCAN (?!CONSTANT|wanted)/.test(plan));
    expect(plans.length).toBeGreaterThan(0);
    expect(walks).toEqual([]);
  });
});
