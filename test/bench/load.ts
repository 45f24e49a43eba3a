import { performance } from 'node:perf_hooks';
import { findProgram, run } from './processes.ts';

/** One kind of request, repeated by many connections. */
export interface Load {
  readonly method: 'GET' | 'HEAD';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly seconds: number;
}

/** What the load measures cannot do without, by Debian package. */
const loadTools = { h2load: 'nghttp2-client', ab: 'apache2-utils', curl: 'curl' } as const;

/** Says which tools of a measure are not here, and which package brings them. */
export function missingTools(names: readonly (keyof typeof loadTools)[]): string | undefined {
  const absent = names.filter((name) => findProgram(name) === undefined);
  if (absent.length === 0) return undefined;
  return `${absent.join(' and ')} not found (apt-get install ${absent.map((name) => loadTools[name]).join(' ')})`;
}

/**
 * Loads a server and returns answers per second.
 *
 * h2load and wrk wait for a body after HEAD over HTTP/1.1 and get no further than the first request, so HEAD is ab's.
 *
 * @throws {Error} any answer was not 2xx: the measure is void
 */
export async function requestsPerSecond(load: Load): Promise<number> {
  return load.method === 'HEAD' ? await runAb(load) : await runH2load(load);
}

async function runH2load(load: Load): Promise<number> {
  const { url, connections, seconds } = load;
  const args = ['--h1', `-c${connections}`, '-t1', `-D${seconds}`, ...headerArgs(load), url];
  const output = await run({ program: 'h2load', args }, seconds + 30);
  const [rate] = figures(output, /finished in [\d.]+\w+, ([\d.]+) req\/s/);
  const [done, failed, errored, late] = figures(
    output,
    /(\d+) done, \d+ succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/,
  );
  const [other3, other4, other5] = figures(output, /2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/);
  const bad = [failed, errored, late, other3, other4, other5].reduce((sum: number, count) => sum + (count ?? 0), 0);
  if (bad > 0 || !done)
    throw new Error(`expected only 2xx from ${url}, found: ${pickLines(output, /^(requests|status codes):/)}`);
  return rate ?? 0;
}

async function runAb(load: Load): Promise<number> {
  const { url, connections, seconds } = load;
  // -t alone stops at 50,000 requests; ab sets aside room for every request of -n, so not more than could be answered.
  const limit = seconds * 60_000;
  const args = [
    '-i',
    '-k',
    '-q',
    '-l',
    '-c',
    `${connections}`,
    '-t',
    `${seconds}`,
    '-n',
    `${limit}`,
    ...headerArgs(load),
    url,
  ];
  const output = await run({ program: 'ab', args }, seconds + 30);
  const [rate] = figures(output, /Requests per second:\s+([\d.]+)/);
  const [done] = figures(output, /Complete requests:\s+(\d+)/);
  const [failed] = figures(output, /Failed requests:\s+(\d+)/);
  const [kept] = figures(output, /Keep-Alive requests:\s+(\d+)/);
  const isBad = output.includes('Non-2xx responses') || failed !== 0 || !done;
  if (isBad) throw new Error(`expected only 2xx from ${url}, found: ${pickLines(output, /requests:|responses:/)}`);
  if ((kept ?? 0) < done * 0.9)
    throw new Error(`expected kept connections from ${url}, found ${kept} of ${done} requests`);
  return rate ?? 0;
}

/**
 * Fetches a URL with curl over some connections at once and throws the bytes away.
 *
 * @returns MiB per second by wall clock, from the first start to the last end
 * @throws {Error} curl failed, or brought another number of bytes
 */
export async function download(
  url: string,
  headers: Readonly<Record<string, string>>,
  expected: { bytes: number; connections: number },
): Promise<number> {
  const format = ['-w', '%{http_code} %{size_download}'];
  const args = ['-sS', '-f', '-o', '/dev/null', ...format, ...headerArgs({ headers }), url];
  const begin = performance.now();
  const clients = Array.from({ length: expected.connections }, () => run({ program: 'curl', args }, 600));
  const outputs = await Promise.all(clients);
  const seconds = (performance.now() - begin) / 1000;
  for (const output of outputs) {
    if (output !== `200 ${expected.bytes}`)
      throw new Error(`expected 200 and ${expected.bytes} bytes, found ${output}`);
  }
  return (expected.bytes * expected.connections) / 1024 / 1024 / seconds;
}

/** Header options as curl, h2load and ab all spell them. */
export function headerArgs({ headers }: { headers: Readonly<Record<string, string>> }): string[] {
  return Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
}

function figures(output: string, pattern: RegExp): number[] {
  const match = pattern.exec(output);
  if (match === null) throw new Error(`expected ${pattern} in the output of a load generator, found:\n${output}`);
  return match.slice(1).map(Number);
}

function pickLines(output: string, pattern: RegExp): string {
  return output
    .split('\n')
    .filter((line) => pattern.test(line))
    .join('; ');
}
