import { type RequestListener, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import { afterEach, describe, expect, it } from 'vitest';
import { Rights } from '#access/rights.ts';
import { Session } from '#access/session.ts';
import type { Rate } from '#base/rate.ts';
import { openClients } from '#http/client-address.ts';
import type { State } from '#http/exchange.ts';
import { openRateLimiter } from '#http/rate-limit.ts';
import { RegistryError } from '#oci/errors.ts';
import { call, codesOf } from '#test/support/client.ts';
import { startGatehouse } from '#test/support/gatehouse.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

let nowMs = 0;

/** A server that says `in`, or how long to wait; its clock stands still. Who asks stands in the header `name`. */
async function limited(options: { perAddress?: Rate; perIdentity?: Rate }) {
  const { byAddress, byIdentity } = openRateLimiter(options, {
    clients: openClients(['127.0.0.0/8']),
    clock: () => nowMs,
  });
  const app = new Koa<State>();
  app.use(async (exchange, next) => {
    const { name } = exchange.req.headers;
    if (typeof name === 'string') {
      const kind = name === 'system:anonymous' ? 'anonymous' : 'user';
      exchange.state.session = new Session({ name, kind }, Rights.full);
    }
    try {
      byAddress?.(exchange);
      byIdentity?.(exchange);
      await next();
    } catch (error) {
      const code = error instanceof RegistryError ? error.code : String(error);
      exchange.body = `${code} ${exchange.response.get('Retry-After')}`;
    }
  });
  app.use(async (exchange) => {
    exchange.body = 'in';
  });
  const callback = app.callback();
  const listener: RequestListener = (request, response) => void callback(request, response);
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => new Promise((resolve) => server.close(resolve)));
  const { port } = server.address() as AddressInfo;
  return async (headers: Record<string, string>, path = '/v2/'): Promise<string> =>
    (await call(`http://127.0.0.1:${port}`, { method: 'GET', path, headers })).text;
}

const from = (address: string) => ({ 'x-forwarded-for': address });

describe('a rate per address', () => {
  it('lets that many in, says when to come back, and lets in whoever does', async () => {
    const ask = await limited({ perAddress: { count: 2, spanMs: 60_000 } });
    expect([await ask(from('192.0.2.1')), await ask(from('192.0.2.1'))]).toEqual(['in', 'in']);
    expect(await ask(from('192.0.2.1'))).toBe('TOOMANYREQUESTS 30');
    nowMs += 29_001;
    expect(await ask(from('192.0.2.1'))).toBe('TOOMANYREQUESTS 1');
    nowMs += 1000;
    expect([await ask(from('192.0.2.1')), await ask(from('192.0.2.1'))]).toEqual(['in', 'TOOMANYREQUESTS 30']);
  });

  it('is for each address, and for each network of IPv6', async () => {
    const ask = await limited({ perAddress: { count: 1, spanMs: 60_000 } });
    expect([await ask(from('192.0.2.1')), await ask(from('192.0.2.2'))]).toEqual(['in', 'in']);
    expect([await ask(from('2001:db8::1')), await ask(from('2001:db8:0:1::1'))]).toEqual(['in', 'in']);
    expect(await ask(from('2001:db8::ffff:2'))).toBe('TOOMANYREQUESTS 60');
  });

  it('does not care who asks', async () => {
    const ask = await limited({ perAddress: { count: 1, spanMs: 60_000 } });
    expect(await ask({ name: 'ann' })).toBe('in');
    expect(await ask({ name: 'bob' })).toBe('TOOMANYREQUESTS 60');
  });

  it('lets probes ask as often as they like', async () => {
    const ask = await limited({ perAddress: { count: 1, spanMs: 60_000 } });
    for (const path of ['/healthz', '/readyz', '/healthz', '/v2/']) expect(await ask({}, path)).toBe('in');
    expect(await ask({}, '/v2/')).toBe('TOOMANYREQUESTS 60');
  });
});

describe('a rate per identity', () => {
  it('is for each, wherever they ask from', async () => {
    const ask = await limited({ perIdentity: { count: 1, spanMs: 60_000 } });
    expect([await ask({ name: 'ann' }), await ask({ name: 'bob' })]).toEqual(['in', 'in']);
    expect(await ask({ name: 'ann', ...from('192.0.2.1') })).toBe('TOOMANYREQUESTS 60');
  });

  it('is not for those who are nobody', async () => {
    const ask = await limited({ perIdentity: { count: 1, spanMs: 60_000 } });
    for (const headers of [{}, {}, { name: 'system:anonymous' }, { name: 'system:anonymous' }]) {
      expect(await ask(headers)).toBe('in');
    }
  });
});

describe('a registry', () => {
  it('limits nothing unless told to', () => {
    const clients = openClients([]);
    expect(openRateLimiter({}, { clients, clock: () => 0 })).toEqual({ byAddress: undefined, byIdentity: undefined });
  });

  it.each([
    ['before it looks at a password', { perAddress: '1/h' }, true, 401],
    ['after it knows who asks', { perIdentity: '1/h' }, false, 200],
  ])('answers 429 %s', async (_, rateLimit, anonymous, first) => {
    const gatehouse = await startGatehouse({ http: { rateLimit } });
    closers.push(() => gatehouse.stop());
    const ask = () => call(gatehouse.url, { method: 'GET', path: '/v2/', anonymous });
    expect((await ask()).status).toBe(first);
    const answer = await ask();
    expect([answer.status, codesOf(answer)]).toEqual([429, ['TOOMANYREQUESTS']]);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(3500);
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
    expect((await call(gatehouse.url, { method: 'GET', path: '/readyz' })).status).toBe(200);
  });

  it('does not count against a user what was asked with a wrong password', async () => {
    const gatehouse = await startGatehouse({ http: { rateLimit: { perIdentity: '1/h' } } });
    closers.push(() => gatehouse.stop());
    const authorization = `Basic ${Buffer.from('admin:wrong').toString('base64')}`;
    const ask = (headers: Record<string, string>) => call(gatehouse.url, { method: 'GET', path: '/v2/', headers });
    expect([(await ask({ authorization })).status, (await ask({ authorization })).status]).toEqual([401, 401]);
    expect((await ask({})).status).toBe(200);
  });
});
