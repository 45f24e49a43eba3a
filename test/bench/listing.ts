import { join } from 'node:path';
import { type Bench, type Samples, interleave } from './bench.ts';
import { pushImage } from './images.ts';
import { missingTools, requestsPerSecond } from './load.ts';
import { addRepositories, addTags, entryName, finishInDatabase, taggedRepository } from './populate.ts';
import type { Registry } from './registries.ts';
import { type Server, startServer } from './servers.ts';

const few = 100;
const pageSize = 100;
// Over HTTP, for each of the two lists; what is missing then goes into our database directly.
const fillLimitSeconds = 90;
// Peers open a folder per entry on every request: more entries would only take longer to show the same.
const peerEntriesLimit = 10_000;

interface Filled {
  readonly server: Server;
  readonly entries: number;
}

/** A short and a long list on one registry. */
interface Lists {
  readonly registry: Registry;
  readonly short: Filled;
  readonly long: Filled;
}

/** A page that is asked for again and again. */
interface Page {
  readonly name: string;
  readonly server: Server;
  readonly path: string;
}

/** Cost of a page of 100 from a short and a long list: of each registry against itself, and of ours against its peers. */
export async function measureListing(bench: Bench): Promise<void> {
  const missing = missingTools(['h2load']);
  if (missing !== undefined) return bench.report.skip(`listing: ${missing}`);
  await using stack = new AsyncDisposableStack();
  const all: Lists[] = [];
  for (const registry of [bench.ours, ...bench.peers]) {
    const peerEntries = Math.min(peerEntriesLimit, Math.max(3 * few, bench.options.entries / 10));
    const short = await fillServer(bench, { registry, entries: few }, stack);
    const long = await fillServer(
      bench,
      { registry, entries: registry === bench.ours ? bench.options.entries : peerEntries },
      stack,
    );
    all.push({ registry, short, long });
  }
  for (const list of ['tags/list', '_catalog'] as const) await measureList(bench, list, all);
}

async function measureList(bench: Bench, list: 'tags/list' | '_catalog', all: readonly Lists[]): Promise<void> {
  const pages = new Map(all.map((lists) => [lists, pagesOf(list, lists)]));
  for (const page of [...pages.values()].flat()) {
    const count = await countEntries(page);
    if (count > pageSize)
      bench.report.remark(`listing: ${page.server.name} ignores n on ${list} and sends all ${count} entries`);
    await cost(page, 1);
  }
  const samples = await interleave(bench.options.rounds, [...pages.values()].flat(), (page) =>
    cost(page, bench.options.seconds),
  );
  const ours = pages.get(all[0] as Lists) ?? [];
  for (const [{ registry }, own] of pages) {
    const [short, ...longOnes] = own;
    for (const page of longOnes) {
      const isOurs = registry === bench.ours;
      addRow(bench, samples, { name: `${list}, ${page.name}`, page, base: short, ...(isOurs && { atMost: 1.3 }) });
    }
    if (registry === bench.ours) continue;
    own
      .slice(0, 2)
      .forEach((page, index) =>
        addRow(bench, samples, { name: `${list}, ${ours[index]?.name}`, page: ours[index], base: page }),
      );
  }
}

interface Comparing {
  readonly name: string;
  readonly page: Page | undefined;
  readonly base: Page | undefined;
  readonly atMost?: number;
}

function addRow(bench: Bench, samples: Samples<Page>, { name, page, base, atMost }: Comparing): void {
  if (page === undefined || base === undefined) throw new Error(`expected two pages to compare for ${name}`);
  bench.report.add({
    measure: page.server.registry === bench.ours ? name : `(${page.server.name} itself) ${name}`,
    against: `${page.server === base.server || page.server.registry === base.server.registry ? 'itself' : base.server.name}, ${base.name}`,
    unit: 'ms/request',
    ours: samples.get(page) ?? [],
    theirs: samples.get(base),
    ...(atMost !== undefined && { goal: { on: 'ratio', bound: 'at most', value: atMost } as const }),
  });
}

function pagesOf(list: 'tags/list' | '_catalog', { short, long }: Lists): Page[] {
  const path = `${list === '_catalog' ? '/v2/_catalog' : `/v2/${taggedRepository}/tags/list`}?n=${pageSize}`;
  const middle = `${list === '_catalog' ? 'catalog/' : ''}${entryName(long.entries >> 1)}`;
  const count = long.entries.toLocaleString('en');
  return [
    { name: `${few}`, server: short.server, path },
    { name: `${count} from the start`, server: long.server, path },
    { name: `${count} from the middle`, server: long.server, path: `${path}&last=${encodeURIComponent(middle)}` },
  ];
}

/** Milliseconds a page takes over one connection. */
async function cost({ server, path }: Page, seconds: number): Promise<number> {
  const load = { method: 'GET', url: server.origin + path, headers: server.headers, connections: 1, seconds } as const;
  return 1000 / (await requestsPerSecond(load));
}

async function fillServer(
  bench: Bench,
  wanted: { registry: Registry; entries: number },
  stack: AsyncDisposableStack,
): Promise<Filled> {
  const { registry, entries } = wanted;
  const server = stack.use(await startServer(registry, join(bench.folder, 'listing')));
  const image = await pushImage(server, taggedRepository, 2);
  const limits = { count: entries, seconds: fillLimitSeconds };
  const tags = await addTags(server, image, limits);
  const repositories = await addRepositories(server, image, limits);
  const filled = Math.min(tags.filled, repositories.filled);
  if (filled === entries) return { server, entries };
  if (registry.name !== 'gatehouse') {
    bench.report.remark(`listing: ${registry.name} took ${filled} of ${entries} entries in time`);
    return { server, entries: filled };
  }
  bench.report.remark(
    `listing: over HTTP ${tags.filled} tags and ${repositories.filled} repositories of ${entries} in time; the rest written into the database directly`,
  );
  return {
    server: stack.use(await finishInDatabase(server, image, { tags: entries, repositories: entries })),
    entries,
  };
}

async function countEntries({ server, path }: Page): Promise<number> {
  const response = await fetch(server.origin + path, { headers: server.headers });
  const lists: unknown[] = Object.values(JSON.parse(await response.text()));
  const count = lists.find(Array.isArray)?.length ?? 0;
  if (response.ok && count >= pageSize) return count;
  throw new Error(
    `expected ${pageSize} entries from ${server.name} for ${path}, found ${response.status} and ${count}`,
  );
}
