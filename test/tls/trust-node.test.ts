import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { type Server, createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { findKeys } from '#metadata/keys.ts';
import { openMetadata } from '#metadata/open.ts';
import { aServerCertificate, anAuthority } from '#test/support/certificates.ts';
import { type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';

const SCRIPT = join(import.meta.dirname, '../../scripts/trust-node');

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function trustNode(words: readonly string[], input = ''): Promise<Outcome> {
  const child = spawn(SCRIPT, words, { env: { PATH: process.env['PATH'] ?? '' }, stdio: 'pipe' });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A script that ends without asking closes its input.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}

let gatehouse: Gatehouse;
let place: string;
let ca: string;
let fingerprint: string;
let root: string;

beforeAll(async () => {
  gatehouse = await startGatehouse({ http: { tls: { mode: 'auto' } } });
  place = new URL(gatehouse.url).host;
  const metadata = await openMetadata('sqlite', { path: join(gatehouse.folder, 'gatehouse.sqlite') });
  const [key] = await findKeys(metadata, 'certificate-authority', Date.now());
  await metadata.close();
  ca = key?.certificate ?? '';
  fingerprint = new X509Certificate(ca).fingerprint256;
});
afterAll(() => gatehouse.stop());
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'node-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const folders = (): string[] => ['containers', 'docker'].map((name) => join(root, 'etc', name, 'certs.d', place));
const placed = (): Promise<string[]> =>
  Promise.all(folders().map((folder) => readFile(join(folder, 'ca.crt'), 'utf8')));
/** Every file below the root. */
const files = async (): Promise<string[]> => {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
};

describe('trust-node', () => {
  test('shows the fingerprint, and after a yes puts the authority where podman and docker look', async () => {
    const { code, stdout, stderr } = await trustNode([place, '--root', root], 'yes\n');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`SHA-256    ${fingerprint}\n`);
    expect(stdout).toContain(`subject=${new X509Certificate(ca).subject}\n`);
    expect(await placed()).toEqual([ca, ca]);
    for (const folder of folders()) {
      expect(await readdir(folder)).toEqual(['ca.crt']);
      expect((await stat(join(folder, 'ca.crt'))).mode & 0o777).toBe(0o644);
    }
  });

  test.each(['', 'no\n', 'y\n', 'YES\n', 'yes please\n'])('changes nothing when the answer is %j', async (answer) => {
    const { code, stderr } = await trustNode([place, '--root', root], answer);
    expect([code, stderr, await files()]).toEqual([1, 'trust-node: not confirmed; nothing was changed\n', []]);
  });

  test.each([
    ['as it is logged', (text: string) => text],
    ['in small letters without colons', (text: string) => text.replaceAll(':', '').toLowerCase()],
    ['with its algorithm in front', (text: string) => `sha256:${text.replaceAll(':', '').toLowerCase()}`],
  ])('does not ask when it is given the fingerprint %s', async (_, write) => {
    const { code, stderr } = await trustNode([place, '--root', root, '--fingerprint', write(fingerprint)]);
    expect([code, stderr, await placed()]).toEqual([0, '', [ca, ca]]);
  });

  test('refuses another fingerprint, whatever else it is told', async () => {
    const wrong = fingerprint.replace(/^../, fingerprint.startsWith('00') ? '11' : '00');
    const { code, stderr } = await trustNode([place, '--root', root, '--yes', '--fingerprint', wrong], 'yes\n');
    expect([code, await files()]).toEqual([1, []]);
    expect(stderr).toContain('this is NOT the authority you named');
  });

  test('can be run again, and replaces an authority that was trusted before', async () => {
    await mkdir(folders()[0] ?? '', { recursive: true });
    await writeFile(join(folders()[0] ?? '', 'ca.crt'), 'the old one');
    const replaced = `replacing another authority in ${folders()[0]}/ca.crt\n`;
    for (const says of [true, false]) {
      const { code, stdout } = await trustNode([place, '--root', root, '--yes']);
      expect([code, stdout.includes(replaced), stdout.includes('replacing')]).toEqual([0, says, says]);
    }
    expect(await placed()).toEqual([ca, ca]);
  });

  test('takes it away again, and leaves alone what others put there', async () => {
    await trustNode([place, '--root', root, '--yes']);
    const [containers = '', docker = ''] = folders();
    await writeFile(join(docker, 'client.cert'), 'of somebody else');
    const { code, stdout } = await trustNode([place, '--root', root, '--remove']);
    expect([code, stdout]).toEqual([0, `removed ${containers}/ca.crt\nremoved ${docker}/ca.crt\n`]);
    expect(await files()).toEqual([join(docker, 'client.cert')]);
    await expect(stat(containers)).rejects.toMatchObject({ code: 'ENOENT' });
    expect((await trustNode([place, '--root', root, '--remove'])).stdout).toBe(
      `there was nothing to remove for ${place}\n`,
    );
  });

  test('says when it may not write', async () => {
    await writeFile(join(root, 'etc'), 'a file where a folder must be');
    const { code, stderr } = await trustNode([place, '--root', root, '--yes']);
    expect([code, stderr]).toEqual([1, `trust-node: cannot create ${folders()[0]}; run this as root\n`]);
  });

  test.each([
    [[], 'expected HOST:PORT'],
    [['a:1', 'b:1'], 'expected one HOST:PORT, found a:1 and b:1'],
    [['../../etc:1'], 'expected a host and a port'],
    [['a/b'], 'expected a host and a port'],
    [['a:1\nb:2'], 'expected HOST:PORT in one line'],
    [['https://a:1'], 'expected a host and a port'],
    [['--oops'], 'no such option: --oops'],
    [['a:1', '--fingerprint'], '--fingerprint needs a value'],
    [['a:1', '--fingerprint', 'abc'], 'expected a SHA-256 fingerprint of 64 hexadecimal digits'],
    [['a:1', '--root', '/tmp/a b'], '--root: expected a path of plain characters'],
  ])('is misused with %j', async (words, want) => {
    const { code, stderr } = await trustNode(words);
    expect([code, stderr]).toEqual([2, expect.stringContaining(want)]);
  });

  test('explains itself', async () => {
    const { code, stdout } = await trustNode(['--help']);
    expect([code, stdout]).toEqual([0, expect.stringContaining('Usage: trust-node HOST[:PORT]')]);
  });

  test('says what is wrong when nothing answers', async () => {
    const { code, stderr } = await trustNode(['127.0.0.1:1', '--root', root, '--yes']);
    expect([code, await files()]).toEqual([1, []]);
    expect(stderr).toMatch(
      /^trust-node: cannot fetch the authority of 127\.0\.0\.1:1: curl: .*http\.tls\.mode: auto\?\n$/,
    );
  });
});

describe('trust-node changes nothing when a server answers', () => {
  let server: Server | undefined;
  afterEach(() => void server?.close());

  /** A server under a certificate of its own that answers with whatever it is given. */
  async function answering(body: (own: { ca: string; leaf: string }) => string, names?: 'elsewhere'): Promise<string> {
    const authority = await anAuthority();
    const elsewhere = [{ type: 'dns', value: 'elsewhere.example' }] as const;
    const own = await aServerCertificate(authority, names === undefined ? {} : { names: elsewhere });
    const text = body({ ca: authority.certificate, leaf: own.certificate });
    server = createServer({ key: own.privateKey, cert: own.certificate }, (_, response) => response.end(text));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test.each<[string, Parameters<typeof answering>, RegExp]>([
    ['with no certificate', [() => 'hello'], /did not answer with one certificate/],
    ['with two', [({ ca: own, leaf }) => own + leaf], /did not answer with one certificate/],
    ['with half of one', [({ ca: own }) => own.slice(0, 200)], /did not answer with a certificate/],
    ["with one that is no authority's", [({ leaf }) => leaf], /is no authority's certificate/],
    ['with an authority that is not its own', [() => ca], /cannot be verified with this authority: curl: \(60\)/],
    [
      'under another name',
      [({ ca: own }) => own, 'elsewhere'],
      /if the name is wrong, add it to http\.tls\.auto\.names/,
    ],
  ])('%s', async (_, server, want) => {
    const { code, stderr } = await trustNode([await answering(...server), '--root', root, '--yes']);
    expect([code, stderr, await files()]).toEqual([1, expect.stringMatching(want), []]);
  });

  test('with an authority that has expired', async () => {
    const { certificate } = await anAuthority(Date.UTC(2000, 0, 1));
    const { stderr } = await trustNode([await answering(() => certificate), '--root', root, '--yes']);
    expect([stderr, await files()]).toEqual([expect.stringContaining('has expired'), []]);
  });
});
