import { createConnection } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Call, call, codesOf } from '#test/support/client.ts';
import { type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { aManifest, pushImage } from '#test/support/images.ts';

let gatehouse: Gatehouse;
beforeAll(async () => {
  gatehouse = await startGatehouse();
});
afterAll(() => gatehouse.stop());

const SHA = `sha256:${'a'.repeat(64)}`;

interface Case extends Call {
  readonly name: string;
  readonly want: { readonly status: number; readonly code?: string; readonly allow?: string };
}

const cases: Case[] = [
  { name: 'the base, to a user', method: 'GET', path: '/v2/', want: { status: 200 } },
  { name: 'the base without its slash', method: 'GET', path: '/v2', want: { status: 200 } },
  {
    name: 'the base, to nobody',
    method: 'GET',
    path: '/v2/',
    anonymous: true,
    want: { status: 401, code: 'UNAUTHORIZED' },
  },
  {
    name: 'the base, to a wrong password',
    method: 'GET',
    path: '/v2/',
    anonymous: true,
    headers: { authorization: `Basic ${Buffer.from('admin:wrong password').toString('base64')}` },
    want: { status: 401, code: 'UNAUTHORIZED' },
  },
  {
    name: 'the base, to a scheme that is not ours',
    method: 'GET',
    path: '/v2/',
    anonymous: true,
    headers: { authorization: 'Bearer abc' },
    want: { status: 401, code: 'UNAUTHORIZED' },
  },
  {
    name: 'an unknown place, to nobody',
    method: 'GET',
    path: '/v2/x/y',
    anonymous: true,
    want: { status: 401, code: 'UNAUTHORIZED' },
  },
  { name: 'an unknown place', method: 'GET', path: '/v2/x/y', want: { status: 404, code: 'UNSUPPORTED' } },
  {
    name: 'an unknown place outside',
    method: 'GET',
    path: '/nothing',
    anonymous: true,
    want: { status: 404, code: 'UNSUPPORTED' },
  },
  { name: 'another version', method: 'GET', path: '/v1/search', want: { status: 404, code: 'UNSUPPORTED' } },
  {
    name: 'another verb on a manifest',
    method: 'POST',
    path: '/v2/x/manifests/y',
    want: { status: 405, code: 'UNSUPPORTED', allow: 'HEAD, GET, PUT, DELETE' },
  },
  {
    name: 'another verb on a blob',
    method: 'PUT',
    path: `/v2/x/blobs/${SHA}`,
    want: { status: 405, code: 'UNSUPPORTED', allow: 'HEAD, GET, DELETE' },
  },
  {
    name: 'another verb on the uploads',
    method: 'GET',
    path: '/v2/x/blobs/uploads/',
    want: { status: 405, code: 'UNSUPPORTED', allow: 'POST' },
  },
  {
    name: 'another verb on the tags',
    method: 'DELETE',
    path: '/v2/x/tags/list',
    want: { status: 405, code: 'UNSUPPORTED', allow: 'HEAD, GET' },
  },
  {
    name: 'a name in upper case',
    method: 'GET',
    path: `/v2/Upper/blobs/${SHA}`,
    want: { status: 400, code: 'NAME_INVALID' },
  },
  {
    name: 'a name that climbs',
    method: 'GET',
    path: '/v2/../etc/manifests/latest',
    want: { status: 400, code: 'NAME_INVALID' },
  },
  {
    name: 'a name that climbs, escaped',
    method: 'GET',
    path: '/v2/a%2F..%2Fb/tags/list',
    want: { status: 400, code: 'NAME_INVALID' },
  },
  {
    name: 'a name with an empty part',
    method: 'GET',
    path: '/v2/a//b/tags/list',
    want: { status: 400, code: 'NAME_INVALID' },
  },
  {
    name: 'a name with a bad escape',
    method: 'GET',
    path: '/v2/a%zz/tags/list',
    want: { status: 400, code: 'NAME_INVALID' },
  },
  {
    name: 'a name of 255',
    method: 'GET',
    path: `/v2/${'a'.repeat(255)}/tags/list`,
    want: { status: 404, code: 'NAME_UNKNOWN' },
  },
  {
    name: 'a name of 256',
    method: 'GET',
    path: `/v2/${'a'.repeat(256)}/tags/list`,
    want: { status: 400, code: 'NAME_INVALID' },
  },
  {
    name: 'an upload under a bad name',
    method: 'POST',
    path: '/v2/-bad/blobs/uploads/',
    want: { status: 400, code: 'NAME_INVALID' },
  },
  {
    name: 'a mount from a bad name',
    method: 'POST',
    path: `/v2/ok/blobs/uploads/?mount=${SHA}&from=No`,
    want: { status: 400, code: 'NAME_INVALID' },
  },
  {
    name: 'a tag that cannot be',
    method: 'GET',
    path: '/v2/ok/manifests/.no',
    want: { status: 404, code: 'MANIFEST_UNKNOWN' },
  },
  {
    name: 'a push to a tag that cannot be',
    method: 'PUT',
    path: '/v2/ok/manifests/.no',
    body: '{}',
    want: { status: 400, code: 'MANIFEST_INVALID' },
  },
  {
    name: 'a push to a tag of 129',
    method: 'PUT',
    path: `/v2/ok/manifests/${'t'.repeat(129)}`,
    body: '{}',
    want: { status: 400, code: 'MANIFEST_INVALID' },
  },
  {
    name: 'a digest that is none',
    method: 'GET',
    path: '/v2/ok/manifests/sha256:x',
    want: { status: 400, code: 'DIGEST_INVALID' },
  },
  {
    name: 'deleting what is not there',
    method: 'DELETE',
    path: `/v2/ok/manifests/${SHA}`,
    want: { status: 404, code: 'MANIFEST_UNKNOWN' },
  },
  {
    name: 'deleting a blob that is not there',
    method: 'DELETE',
    path: `/v2/ok/blobs/${SHA}`,
    want: { status: 404, code: 'BLOB_UNKNOWN' },
  },
  {
    name: 'an upload that is not there',
    method: 'PATCH',
    path: '/v2/ok/blobs/uploads/1',
    body: 'x',
    want: { status: 404, code: 'BLOB_UPLOAD_UNKNOWN' },
  },
  {
    name: 'a URI that is too long',
    method: 'GET',
    path: `/v2/ok/tags/list?last=${'x'.repeat(17_000)}`,
    want: { status: 414, code: 'UNSUPPORTED' },
  },
  {
    name: 'headers that are too large',
    method: 'GET',
    path: '/v2/',
    headers: { 'x-large': 'x'.repeat(40_000) },
    want: { status: 431, code: 'UNSUPPORTED' },
  },
];

const SECURITY = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
};

describe('the answer to', () => {
  it.each(cases)('$name', async ({ want, ...request }) => {
    const answer = await call(gatehouse.url, request);
    expect(answer.status).toBe(want.status);
    expect(codesOf(answer)).toEqual(want.code === undefined ? [] : [want.code]);
    expect(answer.headers.allow).toBe(want.allow);
    expect(answer.headers['www-authenticate']?.startsWith('Bearer realm="http://127.0.0.1:') ?? false).toBe(
      want.status === 401,
    );
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect(answer.headers).toMatchObject(SECURITY);
    expect(answer.headers['cache-control']).toBe(want.status === 401 ? 'no-store' : undefined);
    expect(answer.headers).not.toHaveProperty('strict-transport-security');
    expect(answer.headers).not.toHaveProperty('server');
    expect(answer.headers).not.toHaveProperty('x-powered-by');
    expect(answer.text).not.toContain(process.version.slice(1));
  });

  it.each([
    ['something that is not HTTP', 'HELLO\r\n\r\n'],
    ['a request without a host', 'GET /v2/ HTTP/1.1\r\n\r\n'],
  ])('%s', async (_, request) => {
    const { hostname, port } = new URL(gatehouse.url);
    const text = await new Promise<string>((resolve, reject) => {
      const socket = createConnection(Number(port), hostname);
      let received = '';
      socket.on('data', (chunk) => {
        received += chunk.toString();
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(received));
      socket.write(request);
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    for (const [name, value] of Object.entries(SECURITY)) expect(text.toLowerCase()).toContain(`${name}: ${value}\r\n`);
    expect(JSON.parse(text.split('\r\n\r\n')[1] ?? '')).toHaveProperty('errors');
  });

  it('a client that expects more than there is', async () => {
    const headers = { expect: 'the-moon' };
    expect((await call(gatehouse.url, { method: 'GET', path: '/v2/', headers })).status).toBe(200);
  });

  it('a digest with its colon escaped', async () => {
    const image = aManifest();
    await pushImage(gatehouse.url, 'e/escaped', image);
    const path = `/v2/e/escaped/manifests/${image.digest.replace(':', '%3A')}`;
    expect((await call(gatehouse.url, { method: 'GET', path })).status).toBe(200);
  });
});

describe('security headers', () => {
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    call(gatehouse.url, { method, path, headers });

  it.each(['GET', 'HEAD'])(
    'of a blob and a manifest say not to guess what they are, and no more (%s)',
    async (method) => {
      const image = aManifest();
      await pushImage(gatehouse.url, 'e/headers', image, 'here');
      for (const path of [`manifests/here`, `blobs/${image.blobs[0]?.digest}`]) {
        const { status, headers } = await get(`/v2/e/headers/${path}`, {}, method);
        expect([status, headers['x-content-type-options']]).toEqual([200, 'nosniff']);
        expect(headers).not.toHaveProperty('content-security-policy');
      }
    },
  );

  it.each(['manifests/none', `blobs/${SHA}`])('are all there when there is no such thing (%s)', async (path) => {
    const { status, headers } = await get(`/v2/e/headers/${path}`);
    expect([status, headers]).toEqual([404, expect.objectContaining(SECURITY)]);
  });

  it.each(['/healthz', '/readyz', '/metrics', '/v2/_catalog'])(
    'are all there for %s, which tells no version',
    async (path) => {
      const { status, headers, text } = await get(path);
      expect([status, headers]).toEqual([200, expect.objectContaining(SECURITY)]);
      expect(text).not.toContain(process.version.slice(1));
      expect(headers).not.toHaveProperty('server');
    },
  );

  it('ask for TLS ever after where a proxy here spoke it', async () => {
    const { headers } = await get('/v2/', { 'x-forwarded-proto': 'https' });
    expect(headers['strict-transport-security']).toBe('max-age=31536000');
  });

  it.each([
    ['/token', 'no-store'],
    ['/api/anything', 'no-store'],
    ['/metrics', 'no-store'],
    ['/tokens', undefined],
  ])('on %s, refused or unknown, say whether it may be kept', async (path, want) => {
    const { headers } = await get(path, { 'x-forwarded-for': '192.0.2.1' });
    expect(headers['cache-control']).toBe(want);
  });
});

describe('what operators ask', () => {
  it.each(['/healthz', '/readyz'])('%s is open to anyone', async (path) => {
    expect((await call(gatehouse.url, { method: 'GET', path, anonymous: true })).status).toBe(200);
  });

  it('/metrics speaks of routes, never of paths', async () => {
    await pushImage(gatehouse.url, 'e/metrics', aManifest(), 'some-tag');
    const { text, headers } = await call(gatehouse.url, { method: 'GET', path: '/metrics', anonymous: true });
    expect(headers['content-type']).toMatch(/^text\/plain/);
    expect(text).toMatch(
      /gatehouse_http_request_duration_seconds_count\{method="PUT",route="end-7",status="201"\} \d+/,
    );
    expect(text).not.toContain('some-tag');
  });

  it.each(['x-forwarded-for', 'forwarded', 'x-real-ip', 'via'])(
    '/metrics is not for what a proxy here passes on (%s)',
    async (header) => {
      const answer = await call(gatehouse.url, {
        method: 'GET',
        path: '/metrics',
        anonymous: true,
        headers: { [header]: 'for=192.0.2.1' },
      });
      expect([answer.status, codesOf(answer)]).toEqual([403, ['DENIED']]);
    },
  );

  it('/metrics may be for users only', async () => {
    const other = await startGatehouse({ http: { metrics: { access: 'authenticated' } } });
    try {
      const ask = (anonymous: boolean) => call(other.url, { method: 'GET', path: '/metrics', anonymous });
      expect([(await ask(true)).status, (await ask(false)).status]).toEqual([401, 200]);
    } finally {
      await other.stop();
    }
  });
});

describe('behind a proxy', () => {
  it('addresses are given in the public URL', async () => {
    const other = await startGatehouse({ http: { publicUrl: 'https://registry.example.org' } });
    try {
      const { headers } = await call(other.url, { method: 'POST', path: '/v2/p/q/blobs/uploads/' });
      expect(headers.location).toMatch(/^https:\/\/registry\.example\.org\/v2\/p\/q\/blobs\/uploads\//);
    } finally {
      await other.stop();
    }
  });
});
