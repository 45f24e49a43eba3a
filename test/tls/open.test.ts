import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, type TLSSocket, connect } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { httpOptions } from '#http/options.ts';
import { listen } from '#http/server.ts';
import { openMetadata } from '#metadata/open.ts';
import type { Sql } from '#metadata/sql.ts';
import {
  DAY_MS,
  HOUR_MS,
  SERVER_USAGE,
  aCertificate,
  aServerCertificate,
  anAuthority,
} from '#test/support/certificates.ts';
import type { KeyPair } from '#tls/authority.ts';
import { type Tls, openTls } from '#tls/open.ts';
import { tlsOptions } from '#tls/options.ts';

const OWN = { listenHost: '127.0.0.1', publicUrl: undefined, hostname: 'localhost' };

let folder: string;
let metadata: Sql;
let ahead: number;
const said: string[] = [];
const closing: (() => Promise<void> | void)[] = [];
const report = {
  info: (message: string) => void said.push(message),
  error: (message: string) => void said.push(message),
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-tls-'));
  metadata = await openMetadata('sqlite', { path: join(folder, 'gatehouse.sqlite') });
  ahead = 0;
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
  await metadata.close();
  await rm(folder, { recursive: true, force: true });
});

async function open(options: object): Promise<Tls> {
  const clock = (): number => Date.now() + ahead;
  const tls = await openTls(tlsOptions.parse(options), { metadata, clock, report, own: OWN });
  if (tls === undefined) throw new Error('expected encryption, found none');
  closing.push(() => tls.close());
  return tls;
}

/** A server that answers with what the listener makes of a request. */
async function serve(tls: Tls, listener: RequestListener): Promise<string> {
  const options = httpOptions.parse({ listen: '127.0.0.1:0', shutdownTimeout: '0s' });
  const server = await listen(listener, options, tls);
  closing.push(() => server.stop());
  return server.url;
}

async function handshake(url: string, options: ConnectionOptions): Promise<TLSSocket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), ...options });
  closing.push(() => void socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

async function ask(socket: TLSSocket): Promise<string> {
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const [bytes] = await once(socket, 'data');
  return String(bytes).split('\r\n\r\n').at(-1) ?? '';
}

test('off is nothing', async () => {
  const surroundings = { metadata, clock: Date.now, report, own: OWN };
  expect(await openTls(tlsOptions.parse({}), surroundings)).toBeUndefined();
});

describe('a server that runs', () => {
  test('shows a renewed certificate to new connections, and keeps the old ones', async () => {
    ahead = -61 * DAY_MS;
    const tls = await open({ mode: 'auto' });
    const url = await serve(tls, (_, response) => response.end('still here'));
    const ca = tls.authority()?.certificate;
    const before = await handshake(url, { ca });
    ahead = 0;
    await tls.check();
    const after = await handshake(url, { ca });
    expect([before.authorized, after.authorized]).toEqual([true, true]);
    const serials = [before, after].map((socket) => socket.getPeerX509Certificate()?.serialNumber);
    expect(new Set(serials).size).toBe(2);
    expect(await ask(before)).toBe('still here');
  });

  test('takes a good certificate from its files, refuses a bad one, and goes on either way', async () => {
    const authority = await anAuthority();
    const options = { mode: 'files', files: { certificate: join(folder, 'a.crt'), key: join(folder, 'a.key') } };
    const place = async ({ certificate, privateKey }: KeyPair): Promise<void> => {
      await writeFile(options.files.certificate, certificate);
      await writeFile(options.files.key, privateKey);
    };
    const shown = async (url: string): Promise<string | undefined> =>
      (await handshake(url, { ca: authority.certificate })).getPeerX509Certificate()?.toString();
    const [first, second] = [await aServerCertificate(authority), await aServerCertificate(authority)];
    await place(first);
    const tls = await open(options);
    const url = await serve(tls, (_, response) => response.end());
    expect([await shown(url), tls.authority()]).toEqual([`${first.certificate}\n`, undefined]);
    await place({ ...second, privateKey: first.privateKey });
    for (let look = 0; look < 3; look += 1) await tls.check();
    expect(await shown(url)).toBe(`${first.certificate}\n`);
    await place(second);
    await tls.check();
    expect(await shown(url)).toBe(`${second.certificate}\n`);
  });
});

test('a client that does not end its handshake in time is cut', async () => {
  const tls = await open({ mode: 'auto' });
  const impatient = { ...tls, options: { ...tls.options, handshakeTimeout: 50 } };
  const { port } = new URL(await serve(impatient, (_, response) => response.end()));
  const socket = connectPlain(Number(port), '127.0.0.1');
  socket.on('error', () => undefined);
  let heard = '';
  for await (const piece of socket) heard += String(piece);
  expect([heard, socket.destroyed]).toEqual(['', true]);
});

describe('client certificates', () => {
  let clients: KeyPair;
  let tls: Tls;
  let url: string;
  beforeEach(async () => {
    clients = await anAuthority();
    await writeFile(join(folder, 'clients.pem'), `what this is\n${clients.certificate}`);
    const identities = [{ from: 'commonName', match: 'ci-*' }];
    // With a certificate that is due for renewal now.
    ahead = -61 * DAY_MS;
    tls = await open({ mode: 'auto', clientCertificates: { authority: join(folder, 'clients.pem'), identities } });
    ahead = 0;
    url = await serve(tls, ({ socket }, response) => response.end(`<${tls.clientIdentity(socket)}>`));
  });
  const asked = async (pair?: KeyPair, more: ConnectionOptions = {}): Promise<TLSSocket> => {
    const shown = pair === undefined ? {} : { key: pair.privateKey, cert: pair.certificate };
    return await handshake(url, { ca: tls.authority()?.certificate, ...shown, ...more });
  };

  test('that the authority vouches for name their holder, on every request of a connection', async () => {
    const socket = await asked(await aCertificate(clients, { commonNames: ['ci-1'] }));
    expect([await ask(socket), await ask(socket)]).toEqual(['<ci-1>', '<ci-1>']);
  });

  test.each<[string, () => Promise<KeyPair | undefined>]>([
    ['no certificate', async () => undefined],
    ['one of another authority', async () => aCertificate(await anAuthority(), { commonNames: ['ci-1'] })],
    [
      'one of an authority that only has the same name',
      async () => aCertificate({ ...clients, privateKey: (await anAuthority()).privateKey }, { commonNames: ['ci-1'] }),
    ],
    ['one of our own authority', async () => aServerCertificate(clients, { commonNames: ['ci-1'] })],
    ['one that has expired', () => aCertificate(clients, { commonNames: ['ci-1'], until: Date.now() - 1000 })],
    [
      'one of the future',
      () => aCertificate(clients, { commonNames: ['ci-1'], from: Date.now() + HOUR_MS, until: Date.now() + DAY_MS }),
    ],
    ['one for servers', () => aCertificate(clients, { commonNames: ['ci-1'], usages: [SERVER_USAGE] })],
    ['one that no rule fits', () => aCertificate(clients, { commonNames: ['my-ci-1'] })],
  ])('name nobody: %s; the request is answered all the same', async (_, make) => {
    expect(await ask(await asked(await make()))).toBe('<undefined>');
  });

  test('name nobody before and after their time, on a connection that lives through both', async () => {
    const socket = await asked(await aCertificate(clients, { commonNames: ['ci-1'] }));
    expect(await ask(socket)).toBe('<ci-1>');
    for (const moment of [-2 * HOUR_MS, 2 * HOUR_MS]) {
      ahead = moment;
      expect(await ask(socket)).toBe('<undefined>');
    }
  });

  test('name nobody in a resumed session that began without one', async () => {
    const first = await asked(undefined);
    const [[session]] = await Promise.all([once(first, 'session'), ask(first)]);
    const second = await asked(await aCertificate(clients, { commonNames: ['ci-1'] }), { session });
    expect([second.isSessionReused(), await ask(second)]).toEqual([true, '<undefined>']);
  });

  test('are still asked for after a renewal', async () => {
    const before = (await asked()).getPeerX509Certificate()?.serialNumber;
    await tls.check();
    const socket = await asked(await aCertificate(clients, { commonNames: ['ci-1'] }));
    expect(socket.getPeerX509Certificate()?.serialNumber).not.toBe(before);
    expect(await ask(socket)).toBe('<ci-1>');
  });

  test('are not believed over another server that did not ask for them with this authority', async () => {
    const other = createServer({ ...tls.options, ca: (await anAuthority()).certificate }, ({ socket }, response) =>
      response.end(`<${tls.clientIdentity(socket)}>`),
    ).listen(0, '127.0.0.1');
    await once(other, 'listening');
    closing.push(() => void other.close());
    url = `https://127.0.0.1:${(other.address() as AddressInfo).port}`;
    expect(await ask(await asked(await aCertificate(clients, { commonNames: ['ci-1'] })))).toBe('<undefined>');
  });
});

test.each([
  ['there is none', undefined, /^cannot believe client certificates: cannot read .*clients\.pem; correct http\.tls\./],
  ['it is empty', '', /there is no PEM certificate in .*clients\.pem; correct/],
  ['it is no certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', /no authority's; correct/],
])('a file of client authorities stops the start when %s', async (_, content, want) => {
  const authority = join(folder, 'clients.pem');
  if (content !== undefined) await writeFile(authority, content);
  const clientCertificates = { authority, identities: [{ from: 'dns', match: '*' }] };
  await expect(open({ mode: 'auto', clientCertificates })).rejects.toThrow(want);
});

test("a file of client authorities stops the start when it holds a certificate that is no authority's", async () => {
  const authority = join(folder, 'clients.pem');
  const [one, other] = [await anAuthority(), await aCertificate(await anAuthority())];
  await writeFile(authority, `${one.certificate}\n${other.certificate}`);
  const clientCertificates = { authority, identities: [{ from: 'dns', match: '*' }] };
  await expect(open({ mode: 'auto', clientCertificates })).rejects.toThrow("no authority's; correct");
});
