import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { type ConnectionOptions, type TLSSocket, connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { anAuthority } from '#test/support/certificates.ts';
import { call } from '#test/support/client.ts';
import { type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { aBlob } from '#test/support/images.ts';

const CA_PATH = '/.well-known/gatehouse/ca.pem';

/** The authority of a registry, fetched as a stranger has to: without verification. */
async function authorityOf({ url }: Gatehouse): Promise<string> {
  const socket = await handshake(url, { rejectUnauthorized: false });
  socket.write(`GET ${CA_PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  let text = '';
  for await (const piece of socket) text += String(piece);
  return text.slice(text.indexOf('-----BEGIN'));
}

async function handshake(url: string, options: ConnectionOptions): Promise<TLSSocket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), ...options });
  await once(socket, 'secureConnect');
  return socket;
}

describe('http.tls.mode: auto', () => {
  let gatehouse: Gatehouse;
  let ca: string;
  beforeAll(async () => {
    gatehouse = await startGatehouse({ http: { tls: { mode: 'auto' } } });
    ca = await authorityOf(gatehouse);
  });
  afterAll(() => gatehouse.stop());

  test('serves the registry to those who trust its authority', async () => {
    expect(gatehouse.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const { digest, bytes: body } = aBlob();
    const path = `/v2/t/r/blobs/uploads/?digest=${digest}`;
    const headers = { 'content-type': 'application/octet-stream' };
    expect((await call(gatehouse.url, { method: 'POST', path, headers, body, ca })).status).toBe(201);
    const pulled = await call(gatehouse.url, { method: 'GET', path: `/v2/t/r/blobs/${digest}`, ca });
    expect(pulled.bytes).toEqual(body);
  });

  test.each(['localhost', '127.0.0.1'])('answers as %s', async (servername) => {
    const options = servername === 'localhost' ? { servername } : {};
    const socket = await handshake(gatehouse.url, { ca, ...options });
    expect([socket.authorized, socket.getPeerX509Certificate()?.checkIP('::1')]).toEqual([true, '::1']);
    socket.destroy();
  });

  test.each<[string, () => Promise<ConnectionOptions>, string]>([
    [
      'who trusts another authority',
      async () => ({ ca: (await anAuthority()).certificate }),
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ],
    ['who calls it by another name', async () => ({ ca, servername: 'evil.example' }), 'ERR_TLS_CERT_ALTNAME_INVALID'],
    [
      'who speaks an outdated TLS',
      async () => ({ ca, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
      'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
    ],
  ])('is refused by one %s', async (_, options, code) => {
    await expect(handshake(gatehouse.url, await options())).rejects.toMatchObject({ code });
  });

  test('shows its authority to anyone, and only that', async () => {
    const answer = await call(gatehouse.url, { method: 'GET', path: CA_PATH, anonymous: true, ca });
    expect([answer.status, answer.headers['content-type'], answer.text]).toEqual([200, 'application/x-pem-file', ca]);
    expect(new X509Certificate(ca).ca).toBe(true);
    expect((await call(gatehouse.url, { method: 'HEAD', path: CA_PATH, anonymous: true, ca })).status).toBe(200);
    expect((await call(gatehouse.url, { method: 'PUT', path: CA_PATH, ca })).status).toBe(405);
  });

  test.each([
    ['plain HTTP', 'GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['noise', '\x16\x03\x01\x00\x05hello'],
    ['nothing', ''],
  ])('closes a connection that brings %s, and goes on', async (_, bytes) => {
    const { hostname, port } = new URL(gatehouse.url);
    const socket = connectPlain(Number(port), hostname);
    socket.on('error', () => undefined);
    // Whoever sent something wrong waits for the server to hang up; whoever sends nothing goes by himself.
    if (bytes === '') socket.end();
    else socket.write(bytes);
    let heard = '';
    for await (const piece of socket) heard += String(piece);
    // A TLS alert at most: what went before it can have been no HTTP.
    expect(heard).not.toContain('HTTP');
    expect((await call(gatehouse.url, { method: 'GET', path: '/v2/', ca })).status).toBe(200);
  });
});

test('a registry without an authority of its own has none to show', async () => {
  const gatehouse = await startGatehouse();
  const { status, json } = await call(gatehouse.url, { method: 'GET', path: CA_PATH });
  await gatehouse.stop();
  expect([status, json]).toMatchObject([404, { errors: [{ code: 'UNSUPPORTED' }] }]);
});

test('stopping does not wait for a client that never ends its handshake', async () => {
  const gatehouse = await startGatehouse({ http: { tls: { mode: 'auto' }, shutdownTimeout: '100ms' } });
  const { hostname, port } = new URL(gatehouse.url);
  const socket = connectPlain(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const closed = once(socket, 'close');
  // The test's own time limit is shorter than the time for a handshake.
  await Promise.all([gatehouse.stop(), closed]);
  expect(socket.destroyed).toBe(true);
});
