import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { call, codesOf } from '#test/support/client.ts';
import { AUTHORIZATION, type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { aBlob, pushBlob } from '#test/support/images.ts';

let running: Gatehouse | undefined;
afterEach(async () => {
  await running?.stop();
});

describe('a blob over registry.blobs.maxSize', () => {
  const MOST = 1024 * 1024;
  const limited = async (): Promise<Gatehouse> => {
    running = await startGatehouse({ registry: { blobs: { maxSize: MOST } } });
    return running;
  };
  const kept = async ({ folder }: Gatehouse, name: string) =>
    await readdir(join(folder, 'storage', name)).catch(() => []);

  it.each([
    ['in one POST', 'POST', false],
    ['in one POST of unknown length', 'POST', true],
    ['in one PUT', 'PUT', false],
    ['in one PATCH', 'PATCH', false],
    ['in one PATCH of unknown length', 'PATCH', true],
  ] as const)('is refused %s, and nothing is kept', async (_, method, chunked) => {
    const gatehouse = await limited();
    const send = async (sizeBytes: number) => {
      const blob = aBlob({ bytes: Buffer.alloc(sizeBytes, 'x') });
      const start = '/v2/b/max/blobs/uploads/';
      const opened = method === 'POST' ? undefined : await call(gatehouse.url, { method: 'POST', path: start });
      const path = `${opened?.headers.location ?? start}?digest=${blob.digest}`;
      const answer = await call(gatehouse.url, { method, path, body: blob.bytes, chunked });
      return { answer, path };
    };
    const { answer, path } = await send(MOST + 1);
    expect([answer.status, codesOf(answer)]).toEqual([413, ['SIZE_INVALID']]);
    expect(answer.json).toMatchObject({ errors: [{ detail: { maxBytes: MOST } }] });
    expect([await kept(gatehouse, 'uploads'), await kept(gatehouse, 'blobs'), await kept(gatehouse, '.tmp')]).toEqual([
      [],
      [],
      [],
    ]);
    expect((await call(gatehouse.url, { method: 'GET', path })).status).toBe(method === 'POST' ? 405 : 404);
    expect((await send(MOST)).answer.status).toBe(method === 'PATCH' ? 202 : 201);
  });

  it.each(['PATCH', 'PUT'])('is refused over several stretches, the last a %s, and all of them go', async (method) => {
    const gatehouse = await limited();
    const opened = await call(gatehouse.url, { method: 'POST', path: '/v2/b/max/blobs/uploads/' });
    const path = `${opened.headers.location}?digest=${aBlob().digest}`;
    const half = Buffer.alloc(MOST / 2, 'x');
    for (const _ of [1, 2]) expect((await call(gatehouse.url, { method: 'PATCH', path, body: half })).status).toBe(202);
    const answer = await call(gatehouse.url, { method, path, body: 'y' });
    expect([answer.status, codesOf(answer)]).toEqual([413, ['SIZE_INVALID']]);
    expect([await kept(gatehouse, 'uploads'), await kept(gatehouse, '.tmp')]).toEqual([[], []]);
    expect((await call(gatehouse.url, { method: 'GET', path })).status).toBe(404);
  });

  it('is refused before its bytes come when its range says so', async () => {
    const gatehouse = await limited();
    const opened = await call(gatehouse.url, { method: 'POST', path: '/v2/b/max/blobs/uploads/' });
    const { hostname, port } = new URL(gatehouse.url);
    const client = createConnection(Number(port), hostname);
    client.write(
      `PATCH ${opened.headers.location} HTTP/1.1\r\nHost: x\r\nAuthorization: ${AUTHORIZATION}\r\nContent-Range: 0-${MOST}\r\nContent-Length: ${MOST + 1}\r\n\r\n`,
    );
    const [chunk] = await once(client, 'data');
    client.destroy();
    expect(String(chunk)).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('does not trouble one that is smaller', async () => {
    const gatehouse = await limited();
    expect((await pushBlob(gatehouse.url, 'b/max', aBlob())).status).toBe(201);
  });
});
