import { createPrivateKey } from 'node:crypto';
import { SignJWT, decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openUsers } from '#access/users.ts';
import { findKeys } from '#metadata/keys.ts';
import { type Answer, call, codesOf } from '#test/support/client.ts';
import { type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { aBlob, pushBlob } from '#test/support/images.ts';
import {
  type People,
  accessIn,
  as,
  askToken,
  basicOf,
  bearerOf,
  challengeIn,
  fieldOf,
  openPeople,
  postToken,
  secretOf,
  startElsewhere,
} from '#test/support/people.ts';

const PASSWORD = 'correct horse battery staple';

let gatehouse: Gatehouse;
let people: People;
let url: string;
/** Another process over the same database. */
let elsewhere: { url: string; stop(): Promise<void> };
let alice: string;
const blob = aBlob();
beforeAll(async () => {
  gatehouse = await startGatehouse({ access: { passwords: { failureDelay: '0s' } } });
  people = await openPeople(gatehouse);
  url = gatehouse.url;
  elsewhere = await startElsewhere(gatehouse);
  alice = await people.user('alice', PASSWORD, ['registry-viewer team-a/', 'registry-editor team-b/']);
  await people.robot('ci', ['registry-editor team-a/']);
  await pushBlob(url, 'team-a/app', blob);
});
afterAll(async () => {
  await elsewhere.stop();
  await people[Symbol.asyncDispose]();
  await gatehouse.stop();
});

const get = (authorization: string | undefined, path: string, at = url): Promise<Answer> =>
  call(at, { method: 'GET', path, ...as(authorization) });
const BLOB = `/v2/team-a/app/blobs/${blob.digest}`;

describe('a challenge', () => {
  const ours = () => ({ scheme: 'Bearer', realm: `${url}/token`, service: 'gatehouse' });

  test.each<[string, string, string, string | undefined]>([
    ['GET', '/v2/', 'end-1', undefined],
    ['GET', '/v2/team-a/app/tags/list', 'tags', 'repository:team-a/app:pull'],
    ['HEAD', '/v2/team-a/app/manifests/latest', 'a manifest', 'repository:team-a/app:pull'],
    ['PUT', '/v2/team-a/app/manifests/latest', 'a push', 'repository:team-a/app:pull,push'],
    ['POST', '/v2/team-a/app/blobs/uploads/', 'an upload', 'repository:team-a/app:pull,push'],
    ['DELETE', '/v2/team-a/app/manifests/latest', 'a tag to delete', 'repository:team-a/app:delete'],
    ['DELETE', BLOB, 'a blob to delete', 'repository:team-a/app:delete'],
    ['GET', '/v2/_catalog', 'the catalog', 'registry:catalog:*'],
    ['GET', '/v2/no/such/repository/tags/list', 'what is not there', 'repository:no/such/repository:pull'],
    ['GET', '/v2/NO/tags/list', 'what cannot be', undefined],
    ['GET', '/v2/a"b/tags/list', 'what would break the header', undefined],
    ['GET', '/v2/nothing/here', 'no route', undefined],
  ])('to %s %s says where to get which token: %s', async (method, path, _, scope) => {
    const answer = await call(url, { method, path, anonymous: true });
    expect(answer.status).toBe(401);
    expect(challengeIn(answer)).toEqual({ ...ours(), ...(scope === undefined ? {} : { scope }) });
    expect(codesOf(answer)).toEqual(method === 'HEAD' ? [] : ['UNAUTHORIZED']);
  });

  test('says what was wrong with a token, and nothing of a password', async () => {
    const scope = 'repository:team-a/app:pull';
    expect(challengeIn(await get('Bearer x.y.z', BLOB))).toEqual({ ...ours(), scope, error: 'invalid_token' });
    expect(challengeIn(await get(basicOf('alice', 'wrong password'), BLOB))).toEqual({ ...ours(), scope });
    const narrow = bearerOf(await askToken(url, alice, ['repository:team-b/app:pull']));
    const answer = await get(narrow, BLOB);
    expect([answer.status, challengeIn(answer)]).toEqual([401, { ...ours(), scope, error: 'insufficient_scope' }]);
  });

  test('says that a token has ended', async () => {
    const [key] = await findKeys(people.metadata, 'token', Date.now());
    const token = bearerOf(await askToken(url, alice, ['repository:team-a/app:pull'])).slice('Bearer '.length);
    const { typ = '', kid = '' } = decodeProtectedHeader(token);
    const sign = async (exp: number): Promise<string> =>
      `Bearer ${await new SignJWT({ ...decodeJwt(token), exp })
        .setProtectedHeader({ alg: 'ES256', typ, kid })
        .sign(createPrivateKey(key?.privateKey ?? ''))}`;
    expect((await get(await sign(Math.floor(Date.now() / 1000) + 60), BLOB)).status).toBe(200);
    const answer = await get(await sign(Math.floor(Date.now() / 1000) - 1), BLOB);
    expect([answer.status, challengeIn(answer).error]).toEqual([401, 'invalid_token']);
  });

  test('leads back to whatever the client called us, and to no place of its choosing', async () => {
    const realm = async (host: string) =>
      challengeIn(await call(url, { method: 'GET', path: '/v2/', headers: { host }, anonymous: true })).realm;
    expect(await realm('registry.example.org:5000')).toBe('http://registry.example.org:5000/token');
    for (const host of ['evil.example.org/"x', 'evil.example.org/x', '"']) {
      expect(await realm(host)).toBe('http://localhost/token');
    }
  });

  test('that is followed lets its client in', async () => {
    const { scope = '' } = challengeIn(await get(undefined, BLOB));
    const token = bearerOf(await askToken(url, alice, [scope]));
    expect((await get(token, BLOB)).bytes.equals(blob.bytes)).toBe(true);
    expect((await get(token, '/v2/')).status).toBe(200);
  });
});

describe('GET /token', () => {
  test('answers in the words of the specification', async () => {
    const before = Date.now();
    const answer = await askToken(url, alice, ['repository:team-a/app:pull'], {
      service: 'gatehouse',
      client_id: 'docker',
    });
    expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'no-store']);
    expect(answer.json).toEqual({
      token: expect.any(String),
      access_token: fieldOf(answer.json, 'token'),
      expires_in: 300,
      issued_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
    const issuedAt = Date.parse(fieldOf(answer.json, 'issued_at'));
    expect(issuedAt).toBeGreaterThanOrEqual(before);
    expect(issuedAt).toBeLessThanOrEqual(Date.now());
  });

  test.each<[string, string[], string[]]>([
    ['one scope', ['repository:team-a/app:pull'], ['repository:team-a/app:pull']],
    [
      'two parameters',
      ['repository:team-a/app:pull', 'repository:team-b/app:pull,push'],
      ['repository:team-a/app:pull', 'repository:team-b/app:pull,attach,push'],
    ],
    [
      'two in one',
      ['repository:team-a/app:pull repository:team-b/app:push'],
      ['repository:team-a/app:pull', 'repository:team-b/app:attach,push'],
    ],
    ['more than was granted', ['repository:team-a/app:pull,push,delete'], ['repository:team-a/app:pull']],
    ['pushing alone, where only pulling was granted', ['repository:team-a/app:push'], []],
    ['pushing alone', ['repository:team-b/app:push'], ['repository:team-b/app:attach,push']],
    ['all of it', ['repository:team-b/app:*'], ['repository:team-b/app:pull,attach,push,untag']],
    ['what may not be seen', ['repository:team-c/app:pull,push'], []],
    ['what cannot be', ['repository:../x:pull', 'repository:*:pull', 'odd:x:y', 'repository:team-a/app:fly'], []],
    ['the catalog and the API', ['registry:catalog:*', 'registry:api:*'], ['registry:catalog:*', 'registry:api:*']],
    ['nothing', [], []],
  ])('gives for %s what was granted, and never an error', async (_, scopes, want) => {
    expect(accessIn(bearerOf(await askToken(url, alice, scopes)))).toEqual(want);
  });

  test.each(['x', 'repository:a', 'repository:a:pull x', 'repository:a:p-u', ':::', 'REPOSITORY:a:pull'])(
    'refuses the scope %j, which is none',
    async (scope) => {
      const answer = await askToken(url, alice, ['repository:team-a/app:pull', scope]);
      expect([answer.status, fieldOf(answer.json, 'error')]).toEqual([400, 'invalid_scope']);
      expect([codesOf(answer), answer.headers['www-authenticate']]).toEqual([['UNSUPPORTED'], undefined]);
    },
  );

  test('refuses a service that is another', async () => {
    const answer = await askToken(url, alice, [], { service: 'registry.example.org' });
    expect([answer.status, fieldOf(answer.json, 'error')]).toEqual([400, 'invalid_request']);
  });

  test('refuses whoever is nobody, and says how to be somebody', async () => {
    for (const authorization of [
      undefined,
      basicOf('alice', 'wrong password'),
      basicOf('nobody', PASSWORD),
      'Basic x',
      'x',
    ]) {
      const answer = await askToken(url, authorization, ['repository:team-a/app:pull']);
      expect([authorization, answer.status, codesOf(answer)]).toEqual([authorization, 401, ['UNAUTHORIZED']]);
      expect(answer.headers['www-authenticate']).toBe('Basic realm="Gatehouse", charset="UTF-8"');
      expect(answer.headers['cache-control']).toBe('no-store');
    }
  });

  test('says the same of a wrong name as of a wrong password', async () => {
    const [name, password] = [
      await askToken(url, basicOf('nobody', PASSWORD), []),
      await askToken(url, basicOf('alice', 'wrong'), []),
    ];
    expect([name.status, name.text]).toEqual([password.status, password.text]);
  });

  test('sells no token for a token', async () => {
    const token = bearerOf(await askToken(url, alice, ['repository:team-a/app:pull']));
    for (const more of [{}, { offline_token: 'true' }]) {
      const answer = await askToken(url, token, ['repository:team-a/app:pull'], more);
      expect([answer.status, fieldOf(answer.json, 'error')]).toEqual([401, 'invalid_client']);
      expect(answer.text).not.toContain('ghrt_');
    }
  });

  test('gives a token to keep when asked for one, and only then', async () => {
    const asked = await askToken(url, alice, [], { offline_token: 'true', client_id: 'docker' });
    expect(fieldOf(asked.json, 'refresh_token')).toMatch(/^ghrt_[A-Za-z0-9_-]{59}$/);
    for (const more of [{}, { offline_token: 'false' }, { offline_token: '1' }]) {
      expect(fieldOf((await askToken(url, alice, [], more)).json, 'refresh_token')).toBe('');
    }
  });
});

describe('POST /token', () => {
  const password: [string, string][] = [
    ['grant_type', 'password'],
    ['username', 'alice'],
    ['password', PASSWORD],
    ['service', 'gatehouse'],
    ['client_id', 'docker'],
  ];

  test('gives a token for a password, in the words of OAuth', async () => {
    const answer = await postToken(url, [
      ...password,
      ['scope', 'repository:team-a/app:pull,push'],
      ['scope', 'repository:team-b/app:pull registry:catalog:*'],
    ]);
    expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'no-store']);
    expect(answer.json).toEqual({
      access_token: expect.any(String),
      scope: 'repository:team-a/app:pull repository:team-b/app:pull registry:catalog:*',
      token_type: 'Bearer',
      expires_in: 300,
      issued_at: expect.any(String),
    });
    expect((await get(bearerOf(answer), BLOB)).status).toBe(200);
  });

  test('gives a token to keep, which buys others until the password is another', async () => {
    await people.user('keeper', PASSWORD, ['registry-viewer team-a/']);
    const asKeeper = password.map(([name, value]): [string, string] => [name, name === 'username' ? 'keeper' : value]);
    const kept = fieldOf((await postToken(url, [...asKeeper, ['access_type', 'offline']])).json, 'refresh_token');
    const renew = (token: string, at = url) =>
      postToken(at, [
        ['grant_type', 'refresh_token'],
        ['refresh_token', token],
        ['service', 'gatehouse'],
        ['scope', 'repository:team-a/app:pull,push'],
      ]);
    for (const at of [url, elsewhere.url]) {
      const answer = await renew(kept, at);
      expect(fieldOf(answer.json, 'refresh_token')).toBe(kept);
      expect([accessIn(bearerOf(answer)), (await get(bearerOf(answer), BLOB)).status]).toEqual([
        ['repository:team-a/app:pull'],
        200,
      ]);
    }
    await openUsers({ metadata: people.metadata, clock: Date.now }).setPassword('keeper', 'another password');
    for (const at of [url, elsewhere.url]) {
      const answer = await renew(kept, at);
      expect([answer.status, fieldOf(answer.json, 'error')]).toEqual([401, 'invalid_grant']);
    }
  });

  test.each<[string, [string, string][], number, string]>([
    [
      'a wrong password',
      [
        ['grant_type', 'password'],
        ['username', 'alice'],
        ['password', 'wrong password'],
      ],
      401,
      'invalid_grant',
    ],
    [
      'an unknown name',
      [
        ['grant_type', 'password'],
        ['username', 'nobody'],
        ['password', PASSWORD],
      ],
      401,
      'invalid_grant',
    ],
    [
      'no password',
      [
        ['grant_type', 'password'],
        ['username', 'alice'],
      ],
      400,
      'invalid_request',
    ],
    [
      'an empty name',
      [
        ['grant_type', 'password'],
        ['username', ''],
        ['password', PASSWORD],
      ],
      400,
      'invalid_request',
    ],
    ['no refresh token', [['grant_type', 'refresh_token']], 400, 'invalid_request'],
    [
      'a refresh token that is none',
      [
        ['grant_type', 'refresh_token'],
        ['refresh_token', 'x'],
      ],
      401,
      'invalid_grant',
    ],
    ['no grant', [], 400, 'unsupported_grant_type'],
    ['another grant', [['grant_type', 'client_credentials']], 400, 'unsupported_grant_type'],
    ['a grant twice, the wrong one first', [['grant_type', 'x'], ...password], 400, 'unsupported_grant_type'],
    ['another service', [['service', 'x'], ...password], 400, 'invalid_request'],
    ['a bad scope', [...password, ['scope', 'x']], 400, 'invalid_scope'],
  ])('refuses %s', async (_, fields, status, error) => {
    const answer = await postToken(url, fields);
    expect([answer.status, fieldOf(answer.json, 'error')]).toEqual([status, error]);
    expect(codesOf(answer)).toEqual([status === 401 ? 'UNAUTHORIZED' : 'UNSUPPORTED']);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  test('takes no access token for a refresh token, and no refresh token for a password', async () => {
    const access = bearerOf(await askToken(url, alice, [])).slice('Bearer '.length);
    const kept = fieldOf((await postToken(url, [...password, ['access_type', 'offline']])).json, 'refresh_token');
    const answers = [
      await postToken(url, [
        ['grant_type', 'refresh_token'],
        ['refresh_token', access],
      ]),
      await postToken(url, [
        ['grant_type', 'password'],
        ['username', 'alice'],
        ['password', kept],
      ]),
      await postToken(url, [
        ['grant_type', 'password'],
        ['username', 'alice'],
        ['password', access],
      ]),
      await get(`Bearer ${kept}`, BLOB),
      await get(basicOf('alice', kept), BLOB),
    ];
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
  });

  test('does not take a header for what the form should say', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', authorization: alice };
    const body = 'grant_type=refresh_token&refresh_token=x';
    expect((await call(url, { method: 'POST', path: '/token', anonymous: true, headers, body })).status).toBe(401);
  });

  test('reads forms alone, and not long ones', async () => {
    const post = (type: string, body: string) =>
      call(url, { method: 'POST', path: '/token', anonymous: true, headers: { 'content-type': type }, body });
    expect((await post('application/json', '{"grant_type":"password"}')).status).toBe(400);
    expect((await post('application/x-www-form-urlencoded', `x=${'y'.repeat(70_000)}`)).status).toBe(413);
  });
});

test('a robot comes in by every way a user does', async () => {
  const answer = await postToken(url, [
    ['grant_type', 'password'],
    ['username', 'robot+ci'],
    ['password', secretOf('ci')],
    ['scope', 'repository:team-a/app:pull'],
  ]);
  expect((await get(bearerOf(answer), BLOB)).status).toBe(200);
});
