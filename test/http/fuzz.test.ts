import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, type Call, call, codesOf } from '#test/support/client.ts';
import { type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { type TestManifest, aManifest, pushImage, putManifest } from '#test/support/images.ts';
import { type People, as, askToken, bearerOf, fieldOf, openPeople } from '#test/support/people.ts';
import { HIDDEN, TAG, anyMethod, hostileEnd, hostileName, hostileScope } from './hostile.ts';

/** A tag that nobody asks for. */
const OTHER_TAG = 'another-tag';
/** Stands in the hidden manifest and nowhere else. */
const MARK = 'nobody-may-read-this';
// On a busy machine fewer runs must do.
const RUNS = { numRuns: 40, interruptAfterTimeLimit: 4000 };
/** So many requests are under way at once. */
const TOGETHER = 20;

let gatehouse: Gatehouse;
let people: People;
let url: string;
let hidden: TestManifest;
let askers: readonly (string | undefined)[];
beforeAll(async () => {
  gatehouse = await startGatehouse({ access: { passwords: { failureDelay: '0s' } } });
  people = await openPeople(gatehouse);
  url = gatehouse.url;
  hidden = aManifest({ fields: { annotations: { mark: MARK } } });
  await pushImage(url, HIDDEN, hidden, TAG);
  await putManifest(url, HIDDEN, hidden, OTHER_TAG);
  const elsewhere = await people.robot('elsewhere', ['registry-admin open/']);
  askers = [
    undefined,
    await people.robot('without'),
    elsewhere,
    bearerOf(await askToken(url, elsewhere, ['repository:open/app:*', `repository:${HIDDEN}:*`, 'registry:catalog:*'])),
  ];
});
afterAll(async () => {
  await people[Symbol.asyncDispose]();
  await gatehouse.stop();
});

/** What must hold of every answer to somebody who may not see the hidden repository. */
function faultOf(sent: Call, answer: Answer): string | undefined {
  const { status, text, headers } = answer;
  const about = `${sent.method} ${sent.path} ${JSON.stringify(sent.headers ?? {})}: ${status} ${text.slice(0, 200)}`;
  if (status >= 500 || status < 200) return `broke: ${about}`;
  const told = text + JSON.stringify(headers);
  if (told.includes(MARK) || told.includes(OTHER_TAG)) return `told: ${about}`;
  const isAnswered = status < 400;
  if (isAnswered && text.includes(HIDDEN)) return `listed: ${about}`;
  if (isAnswered && sent.headers?.['authorization'] === undefined) return `let in: ${about}`;
  if (!isAnswered && sent.method !== 'HEAD' && codesOf(answer).length === 0) return `said nothing: ${about}`;
  if (status === 401 && headers['www-authenticate'] === undefined) return `did not say how: ${about}`;
  return undefined;
}

/** Sends all of them, a few at a time, and says what is wrong with the answers. */
async function faultsOf(
  sent: readonly Call[],
  also: (sent: Call, answer: Answer) => string | undefined = () => undefined,
) {
  const answers = await Promise.all(sent.map(async (one) => [one, await call(url, one)] as const));
  return answers
    .map(([one, answer]) => faultOf(one, answer) ?? also(one, answer))
    .filter((fault) => fault !== undefined);
}

/** The end of a path, with the digests that are known only while the tests run. */
function ended(text: string): string {
  const layer = hidden.blobs[1]?.digest ?? '';
  switch (text) {
    case 'digest':
      return `/manifests/${hidden.digest}`;
    case 'layer':
      return `/blobs/${layer}`;
    case 'referrers':
      return `/referrers/${hidden.digest}`;
    case 'mount':
      return `/blobs/uploads/?mount=${layer}&from=${HIDDEN}`;
    default:
      return text;
  }
}

test('no way of writing a name shows what is hidden, or breaks anything', async () => {
  const request = fc.record({ method: anyMethod, name: hostileName, end: hostileEnd, asker: fc.nat({ max: 3 }) });
  const property = fc.asyncProperty(
    fc.array(request, { minLength: TOGETHER, maxLength: TOGETHER }),
    async (requests) => {
      const sent = requests.map(({ method: verb, name: of, end: last, asker }): Call => {
        const body = ['PUT', 'PATCH'].includes(verb) ? { body: hidden.bytes } : {};
        return { method: verb, path: `/v2/${of}${ended(last)}`, ...body, ...as(askers[asker]) };
      });
      expect(await faultsOf(sent)).toEqual([]);
    },
  );
  await fc.assert(property, { ...RUNS, numRuns: 60 });
});

test('no Authorization lets anybody in that is none', async () => {
  const good = askers[3]?.slice('Bearer '.length) ?? '';
  const [head = '', payload = '', signature = ''] = good.split('.');
  // No name and password: those are slowed down on purpose, and have a test of their own.
  const base64 = fc
    .oneof(
      fc.string({ maxLength: 60 }),
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
      fc.constantFrom('robot+elsewhere', ':', ':x', 'admin\u0000'),
    )
    .filter((text) => text.indexOf(':') < 1)
    .map((text) => Buffer.from(text, 'latin1').toString('base64'));
  const json = fc.json({ maxDepth: 3 }).map((text) => Buffer.from(text).toString('base64url'));
  const jose = fc
    .record(
      {
        alg: fc.constantFrom('ES256', 'none', 'HS256', 'RS256', '', 1, null),
        kid: fc.oneof(fc.string(), fc.constantFrom(1, null, true, [], ['a', 'b'], {}, { a: 1 }), fc.jsonValue()),
        typ: fc.constantFrom('gatehouse-access+jwt', 'JWT', 1, null),
        crit: fc.oneof(fc.constant(undefined), fc.jsonValue()),
      },
      { requiredKeys: ['alg'] },
    )
    .map((fields) => Buffer.from(JSON.stringify(fields)).toString('base64url'));
  const header = fc.oneof(
    fc
      .tuple(fc.constantFrom('Basic ', 'basic  ', 'BASIC ', 'Basic', ''), base64)
      .map(([scheme, text]) => scheme + text),
    fc
      .tuple(
        fc.oneof(json, jose, fc.constant(head)),
        fc.oneof(json, fc.constant(payload)),
        fc.oneof(base64, fc.constant(`${signature}A`), fc.constant('')),
      )
      .map((parts) => `Bearer ${parts.join('.')}`),
    jose.map((fields) => `Bearer ${fields}.${payload}.${signature}`),
    fc
      .string({ unit: fc.constantFrom(...Array.from('AZaz09+/=._-~, "\\:')), maxLength: 80 })
      .map((text) => text.trim()),
    fc.constantFrom(
      'Bearer',
      'Bearer null',
      'Bearer undefined',
      'Bearer ghrt_',
      'Negotiate x',
      'certificate x',
      `Bearer ${good}x`,
      `Token ${good}`,
      `Bearer ${good} x`,
      `Bearer ${good},${good}`,
    ),
  );
  const path = fc.constantFrom('/v2/', `/v2/${HIDDEN}/manifests/${TAG}`, '/v2/_catalog', '/token');
  const request = fc.record({ header, path });
  const property = fc.asyncProperty(
    fc.array(request, { minLength: TOGETHER, maxLength: TOGETHER }),
    async (requests) => {
      const sent = requests.map(
        ({ header: authorization, path: of }): Call => ({
          method: 'GET',
          path: of,
          anonymous: true,
          headers: { authorization },
        }),
      );
      const letIn = ({ headers }: Call, { status }: Answer) =>
        status === 401 ? undefined : `expected 401 for ${JSON.stringify(headers)}, found ${status}`;
      expect(await faultsOf(sent, letIn)).toEqual([]);
    },
  );
  await fc.assert(property, RUNS);
});

test.each([
  'robot+elsewhere:',
  'robot+elsewhere:x',
  'admin:',
  'admin:\u0000',
  'admin\u0000:x',
  'system:anonymous:',
  'a:b:c',
  `${'x'.repeat(90)}:y`,
  'ä:ö',
])('the name and password %j let nobody in', async (text) => {
  const headers = { authorization: `Basic ${Buffer.from(text).toString('base64')}` };
  for (const path of [`/v2/${HIDDEN}/manifests/${TAG}`, '/token']) {
    const sent = { method: 'GET', path, anonymous: true, headers };
    const answer = await call(url, sent);
    expect([answer.status, faultOf(sent, answer)]).toEqual([401, undefined]);
  }
});

/** Whether the answer gives a token for the hidden repository or the API's rights to nobody. */
function givesAway({ json, text }: Answer): boolean {
  const token = fieldOf(json, 'access_token');
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
  return payload.includes('hidden') || text.includes(MARK);
}

test('no scope asks for what was not granted, or breaks anything', async () => {
  const request = fc.record({
    scopes: fc.array(hostileScope, { maxLength: 4 }),
    asker: fc.nat({ max: 3 }),
    service: fc.constantFrom('', '&service=gatehouse', '&service=x', '&service=', '&offline_token=true'),
  });
  const property = fc.asyncProperty(
    fc.array(request, { minLength: TOGETHER, maxLength: TOGETHER }),
    async (requests) => {
      const sent = requests.map(({ scopes, asker, service }): Call => {
        const query = scopes.map((one) => `scope=${encodeURIComponent(one.toWellFormed())}`).join('&');
        return { method: 'GET', path: `/token?${query}${service}`, ...as(askers[asker]) };
      });
      const wrong = (one: Call, answer: Answer) => {
        const allowed = one.headers?.['authorization'] === undefined ? [400, 401] : [200, 400, 401];
        if (!allowed.includes(answer.status))
          return `expected ${allowed.join()} for ${one.path}, found ${answer.status}`;
        return givesAway(answer) ? `gave away for ${one.path}` : undefined;
      };
      expect(await faultsOf(sent, wrong)).toEqual([]);
    },
  );
  await fc.assert(property, RUNS);
});

test('no form breaks anything, or buys a token', async () => {
  const field = fc.tuple(
    fc.constantFrom(
      'grant_type',
      'username',
      'refresh_token',
      'service',
      'scope',
      'access_type',
      'client_id',
      '__proto__',
      '',
    ),
    fc.oneof(
      fc.constantFrom(
        'refresh_token',
        'authorization_code',
        'gatehouse',
        'offline',
        '',
        `ghrt_${'A'.repeat(59)}`,
        askers[3]?.slice(7) ?? 'x',
      ),
      hostileScope,
      fc.string({ unit: 'binary', maxLength: 20 }),
    ),
  );
  const form = fc.oneof(
    fc
      .array(field, { maxLength: 8 })
      .map((fields) => fields.map(([of, value]) => `${of}=${encodeURIComponent(value.toWellFormed())}`).join('&')),
    fc.string({ unit: fc.constantFrom(...Array.from('abc=&%25+;\u0000\u00ff')), maxLength: 60 }),
    fc.constantFrom(
      'grant_type=password',
      'grant_type=password&username=admin',
      'grant_type=password&username=&password=',
      'grant_type=refresh_token&refresh_token=',
      '{"grant_type":"password"}',
      '&'.repeat(5000),
    ),
  );
  const type = fc.constantFrom(
    'application/x-www-form-urlencoded',
    'application/x-www-form-urlencoded; charset=utf-8',
    'APPLICATION/X-WWW-FORM-URLENCODED',
    'application/json',
    'text/plain',
    'x',
  );
  const property = fc.asyncProperty(
    fc.array(fc.tuple(form, type), { minLength: TOGETHER, maxLength: TOGETHER }),
    async (forms) => {
      const sent = forms.map(
        ([body, contentType]): Call => ({
          method: 'POST',
          path: '/token',
          anonymous: true,
          headers: { 'content-type': contentType },
          body,
        }),
      );
      const wrong = (_: Call, { status }: Answer) => ([400, 401].includes(status) ? undefined : `found ${status}`);
      expect(await faultsOf(sent, wrong)).toEqual([]);
    },
  );
  await fc.assert(property, RUNS);
});

/** The first line of the answer to bytes that are hardly a request. */
async function rawStatus(text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return await new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.end(Buffer.from(text, 'latin1')));
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

test.each([
  ['a whole URL', `GET http://x/v2/${HIDDEN}/manifests/${TAG} HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['a URL without a scheme', `GET //x/v2/${HIDDEN}/manifests/${TAG} HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['a backslash', `GET \\v2\\${HIDDEN}/manifests/${TAG} HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['a fragment', `GET /healthz2#/../v2/${HIDDEN}/manifests/${TAG} HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['letters that are not ASCII', `GET /v2/h\u00efdden/app/tags/list HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['a space', `GET /v2/${HIDDEN}/tags/list /healthz HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['dots', `GET /healthz/../v2/${HIDDEN}/manifests/${TAG} HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['two lengths', `POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab`],
  [
    'a length and chunks',
    `POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  ['no host', `GET /v2/${HIDDEN}/manifests/${TAG} HTTP/1.1\r\n\r\n`],
  ['HTTP/1.0', `GET /v2/${HIDDEN}/manifests/${TAG} HTTP/1.0\r\n\r\n`],
  ['another verb by header', `POST /v2/${HIDDEN}/tags/list HTTP/1.1\r\nHost: x\r\nX-HTTP-Method-Override: GET\r\n\r\n`],
  ['another path by header', `GET /healthz2 HTTP/1.1\r\nHost: x\r\nX-Original-URL: /v2/${HIDDEN}/tags/list\r\n\r\n`],
  ['a header in two lines', `GET /v2/ HTTP/1.1\r\nHost: x\r\nAuthorization: Basic\r\n eDp5\r\n\r\n`],
  ['two headers', `GET /v2/ HTTP/1.1\r\nHost: x\r\nAuthorization: x\r\nAuthorization: Basic eDp5\r\n\r\n`],
])('%s leads past nothing', async (_, text) => {
  const answer = await rawStatus(text.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
  expect(answer).not.toContain(MARK);
});

test('what is hidden is still there', async () => {
  const { status, bytes } = await call(url, { method: 'GET', path: `/v2/${HIDDEN}/manifests/${TAG}` });
  expect([status, bytes.equals(hidden.bytes)]).toEqual([200, true]);
  const tags = await call(url, { method: 'GET', path: `/v2/${HIDDEN}/tags/list` });
  expect(tags.json).toEqual({ name: HIDDEN, tags: [OTHER_TAG, TAG] });
});
