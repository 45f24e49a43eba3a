import type { ClientRequest } from 'node:http';
import { Agent, request as httpRequest } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { call } from '#test/support/client.ts';
import { AUTHORIZATION, type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { aBlob } from '#test/support/images.ts';

const agent = new Agent({ keepAlive: true });

/** A request whose body the test sends when it likes, on a connection that stays open. */
function slowly(url: string, method: string, path: string): { request: ClientRequest; status: Promise<number> } {
  const { hostname, port } = new URL(url);
  const request = httpRequest({ host: hostname, port, method, path, agent, headers: { authorization: AUTHORIZATION } });
  const status = new Promise<number>((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
  });
  request.flushHeaders();
  return { request, status };
}

async function upload(gatehouse: Gatehouse): Promise<string> {
  const { headers } = await call(gatehouse.url, { method: 'POST', path: '/v2/s/r/blobs/uploads/' });
  return headers.location ?? '';
}

describe('stopping', () => {
  it('lets an accepted request end, takes no new one, and does not wait for connections that only stay open', async () => {
    const gatehouse = await startGatehouse({ http: { shutdownTimeout: '60s' } });
    const blob = aBlob();
    const { request, status } = slowly(gatehouse.url, 'PUT', `${await upload(gatehouse)}?digest=${blob.digest}`);
    request.write(blob.bytes.subarray(0, 10));
    await setTimeout(50);
    const stopped = gatehouse.stop();
    await setTimeout(50);
    await expect(call(gatehouse.url, { method: 'GET', path: '/v2/' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    request.end(blob.bytes.subarray(10));
    expect(await status).toBe(201);
    // The test's own time limit is shorter than the minute that the open connection could hold it up.
    await stopped;
  });

  it('cuts what does not end in time', async () => {
    const gatehouse = await startGatehouse({ http: { shutdownTimeout: '100ms' } });
    const { request, status } = slowly(gatehouse.url, 'PATCH', await upload(gatehouse));
    request.write('never more than this');
    await setTimeout(50);
    const [cut] = await Promise.allSettled([status, gatehouse.stop()]);
    expect(cut).toMatchObject({ status: 'rejected', reason: { code: 'ECONNRESET' } });
  });
});

describe('a connection', () => {
  it('that carries nothing for too long is closed', async () => {
    const gatehouse = await startGatehouse({ http: { idleTimeout: '1s' } });
    try {
      const { request, status } = slowly(gatehouse.url, 'PATCH', await upload(gatehouse));
      request.write('and then nothing');
      await expect(status).rejects.toMatchObject({ code: 'ECONNRESET' });
    } finally {
      await gatehouse.stop();
    }
  });
});
