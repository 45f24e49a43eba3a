import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import {
  Agent,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
  createServer,
  request as httpRequest,
} from 'node:http';
import {
  type AddressInfo,
  type Server,
  type Socket,
  createConnection,
  createServer as createTcpServer,
} from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openClients } from '#http/client-address.ts';
import { openConnections } from '#http/connections.ts';
import { openSlowBodies } from '#http/slow-bodies.ts';
import { call, codesOf } from '#test/support/client.ts';
import { AUTHORIZATION, type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function gatehouseWith(options: Record<string, Record<string, unknown>>): Promise<Gatehouse> {
  const gatehouse = await startGatehouse(options);
  closers.push(() => gatehouse.stop());
  return gatehouse;
}

/** A connection on which nothing is said yet. */
async function connect(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = createConnection(Number(port), hostname);
  socket.on('error', () => undefined);
  closers.push(async () => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Everything that comes until the other side closes. */
async function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  await once(socket, 'close');
  return text;
}

const ASK = `GET /v2/ HTTP/1.1\r\nHost: x\r\nAuthorization: ${AUTHORIZATION}\r\n\r\n`;

describe('connections of one address', () => {
  it('beyond the limit are told so when they ask, until others end', async () => {
    const { url } = await gatehouseWith({ http: { trustedProxies: [], limits: { connectionsPerAddress: 2 } } });
    const [first] = [await connect(url), await connect(url)];
    const surplus = await connect(url);
    surplus.write(ASK);
    const text = await readAll(surplus);
    expect(text).toMatch(/^HTTP\/1\.1 429 Too Many Requests\r\n/);
    expect(text).toMatch(/\r\nRetry-After: 5\r\n/);
    expect(text).toMatch(/\r\nConnection: close\r\n/);
    expect(JSON.parse(text.split('\r\n\r\n')[1] ?? '')).toMatchObject({ errors: [{ code: 'TOOMANYREQUESTS' }] });

    first.destroy();
    await expect.poll(async () => (await call(url, { method: 'GET', path: '/v2/' })).status).toBe(200);
  });

  it('may be any number when it is a proxy', async () => {
    const { url } = await gatehouseWith({ http: { limits: { connectionsPerAddress: 1 } } });
    await connect(url);
    expect((await call(url, { method: 'GET', path: '/v2/' })).status).toBe(200);
  });

  it.each([
    ['http', 33],
    ['https', 1],
  ] as const)('are cut without a word where telling would cost too much (%s)', async (kind, most) => {
    const connections = openConnections(1, openClients([]));
    const server = createTcpServer();
    connections.watch(server, kind);
    const url = await listening(server);
    const kept = await Promise.all(Array.from({ length: most }, () => connect(url)));
    const surplus = await connect(url);
    expect(await readAll(surplus)).toBe('');
    expect(kept.map((socket) => socket.destroyed)).toEqual(kept.map(() => false));
  });
});

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        if ('closeAllConnections' in server && typeof server.closeAllConnections === 'function')
          server.closeAllConnections();
      }),
  );
  const { port } = server.address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}

it('more headers than anyone sends are refused, and not dropped: one of them may be what a proxy adds', async () => {
  const { url } = await gatehouseWith({});
  const many = Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`x-${index}`, '']));
  const answer = await call(url, { method: 'GET', path: '/v2/', headers: { ...many, 'x-forwarded-for': '192.0.2.1' } });
  expect([answer.status, codesOf(answer)]).toEqual([431, ['UNSUPPORTED']]);
});

describe('a body', () => {
  const pace = { bytesPerSecond: 100, graceMs: 1000, mostMs: 3000 };

  /** A server whose bodies are watched, and a client that has sent so much of one. */
  async function receiving(sentBytes: number, listener?: RequestListener) {
    const bodies = openSlowBodies(pace);
    const arrived = Promise.withResolvers<{ request: IncomingMessage; response: ServerResponse }>();
    const server = createServer((request, response) => {
      bodies.watch(request, response);
      listener?.(request, response);
      arrived.resolve({ request, response });
    });
    const client = await connect(await listening(server));
    client.write(`PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n`);
    const { request, response } = await arrived.promise;
    const before = request.socket.bytesRead;
    const send = async (sizeBytes: number): Promise<void> => {
      const goal = request.socket.bytesRead + sizeBytes;
      client.write(Buffer.alloc(sizeBytes));
      await expect.poll(() => request.socket.bytesRead >= goal, { interval: 1 }).toBe(true);
    };
    if (sentBytes > 0) await send(sentBytes);
    expect(request.socket.bytesRead - before).toBe(sentBytes);
    return { bodies, client, request, response, send };
  }

  const reading: RequestListener = (request) => request.resume();

  it('that does not come is cut after the grace, and told why', async () => {
    const { bodies, client, response } = await receiving(0, reading);
    const text = readAll(client);
    bodies.sweep(999);
    expect(response.headersSent).toBe(false);
    bodies.sweep(1);
    expect(await text).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect((await text).split('\r\n\r\n')[1]).toContain('expected the body at 100 bytes a second or more');
  });

  it('lives as long as its bytes come fast enough', async () => {
    const { bodies, request, response, send } = await receiving(0, reading);
    for (let second = 0; second < 10; second += 1) {
      await send(100);
      bodies.sweep(1000);
    }
    expect(response.headersSent).toBe(false);
    bodies.sweep(1000);
    await expect.poll(() => request.socket.destroyed).toBe(true);
  });

  it('may rest on what it sent ahead, but not for ever', async () => {
    const { bodies, request, response } = await receiving(100_000, reading);
    bodies.sweep(2999);
    expect(response.headersSent).toBe(false);
    bodies.sweep(1);
    await expect.poll(() => request.socket.destroyed).toBe(true);
  });

  it('is not to blame while we do not read it', async () => {
    const { bodies, request, response } = await receiving(10_000);
    for (let sweep = 0; sweep < 100; sweep += 1) bodies.sweep(1000);
    expect(response.headersSent).toBe(false);
    // As soon as we have read what there was, it is the client again that makes us wait: 100 s for what it sent, at most 3.
    request.resume();
    await expect.poll(() => request.readableLength).toBe(0);
    bodies.sweep(3000);
    await expect.poll(() => request.socket.destroyed).toBe(true);
  });

  it.each([
    ['half', 5],
    ['whole', 2],
  ])('that was answered before (%s) is cut without another answer', async (_, length) => {
    const { bodies, client, request } = await receiving(0, (request, response) => {
      request.resume();
      response.writeHead(200, { 'Content-Length': length });
      if (length === 2) response.end('ab');
      else response.write('ab');
    });
    const text = readAll(client);
    expect(bodies.count()).toBe(1);
    bodies.sweep(1000);
    expect(request.socket.destroyed).toBe(true);
    expect((await text).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200']);
  });

  it('that was answered before and whose client went away is forgotten', async () => {
    const { bodies, client, request } = await receiving(0, (_, response) => response.end());
    client.destroy();
    await expect.poll(() => request.socket.destroyed).toBe(true);
    bodies.sweep(1);
    expect(bodies.count()).toBe(0);
  });

  it('that is here already may be worked on for as long as it takes', async () => {
    const { bodies, request, response } = await receiving(10_000_000, reading);
    await expect.poll(() => request.closed).toBe(true);
    bodies.sweep(100_000);
    expect(response.headersSent).toBe(false);
  });

  it('is forgotten once it is here', async () => {
    const bodies = openSlowBodies(pace);
    const server = createServer((request, response) => {
      bodies.watch(request, response);
      request.resume().on('end', () => {
        setImmediate(() => {
          left.push(bodies.count());
          response.end();
        });
      });
    });
    const left: number[] = [];
    const url = await listening(server);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    closers.push(async () => agent.destroy());
    for (let round = 0; round < 2; round += 1) {
      const outgoing = httpRequest(url, { method: 'PUT', agent });
      outgoing.end('all of it');
      const [answer] = await once(outgoing, 'response');
      answer.resume();
      await once(answer, 'end');
      expect([answer.statusCode, outgoing.reusedSocket]).toEqual([200, round === 1]);
      bodies.sweep(100_000);
    }
    expect(left).toEqual([0, 0]);
  });

  it('is cut by the server itself, and nothing of it is kept', async () => {
    const slowBody = { bytesPerSecond: '1KiB', grace: '1s' };
    const gatehouse = await gatehouseWith({ http: { limits: { slowBody } } });
    const { headers } = await call(gatehouse.url, { method: 'POST', path: '/v2/slow/body/blobs/uploads/' });
    const client = await connect(gatehouse.url);
    const text = readAll(client);
    client.write(
      `PATCH ${headers.location} HTTP/1.1\r\nHost: x\r\nAuthorization: ${AUTHORIZATION}\r\nContent-Length: 100\r\n\r\nslow`,
    );
    expect(await text).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    await expect.poll(async () => await readdir(join(gatehouse.folder, 'storage/.tmp'))).toEqual([]);
    const status = await call(gatehouse.url, { method: 'GET', path: String(headers.location) });
    expect([status.status, status.headers.range]).toEqual([204, '0-0']);
  });
});
