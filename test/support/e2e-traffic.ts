import { call } from './client.ts';

/** How many requests were answered, by method, route and status: `{ 'POST end-4 201': 2 }`. Kinds that did not occur are absent. */
export type Traffic = Readonly<Record<string, number>>;

/** Watches what a registry answers from now on. The second function tells what it was so far. */
export async function watchTraffic(url: string): Promise<() => Promise<Traffic>> {
  const before = await readTraffic(url);
  return async () => {
    const now = await readTraffic(url);
    const grown = Object.entries(now).map(([kind, count]) => [kind, count - (before[kind] ?? 0)] as const);
    return Object.fromEntries(grown.filter(([, count]) => count > 0));
  };
}

/** The kinds of answer that say the registry itself is at fault. */
export function faultsIn(traffic: Traffic): string[] {
  return Object.keys(traffic).filter((kind) => / 5\d\d$/.test(kind));
}

async function readTraffic(url: string): Promise<Traffic> {
  const { text } = await call(url, { method: 'GET', path: '/metrics' });
  const lines = text.matchAll(
    /^gatehouse_http_request_duration_seconds_count\{method="(\w+)",route="([\w-]+)",status="(\d+)"\} (\d+)$/gm,
  );
  const entries = Array.from(lines, ([, method, route, status, count]) => [
    `${method} ${route} ${status}`,
    Number(count),
  ]);
  return Object.fromEntries(entries.filter(([kind]) => !String(kind).includes(' metrics ')));
}
