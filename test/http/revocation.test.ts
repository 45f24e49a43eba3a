import { hash } from 'node:crypto';
import { type JSONWebKeySet, createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSigningKeys } from '#access/signing-keys.ts';
import { openUsers } from '#access/users.ts';
import { deleteRobot, insertRobot, setRobotDisabled, setRobotSecret } from '#metadata/robots.ts';
import { type Answer, call } from '#test/support/client.ts';
import { type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { aBlob, pushBlob } from '#test/support/images.ts';
import {
  type People,
  accessIn,
  as,
  askToken,
  bearerOf,
  challengeIn,
  fieldOf,
  openPeople,
  postToken,
  startElsewhere,
} from '#test/support/people.ts';

const PASSWORD = 'correct horse battery staple';
const ORIGIN = { actor: 'tester', address: '', requestId: '' };

let gatehouse: Gatehouse;
let people: People;
let url: string;
/** Another process over the same database. */
let elsewhere: { url: string; stop(): Promise<void> };
let ci: string;
const blob = aBlob();
beforeAll(async () => {
  gatehouse = await startGatehouse({ access: { passwords: { failureDelay: '0s' } } });
  people = await openPeople(gatehouse);
  url = gatehouse.url;
  elsewhere = await startElsewhere(gatehouse);
  ci = await people.robot('ci', ['registry-editor team-a/']);
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

describe('for nobody', () => {
  test('there are tokens only where nobody may do something', async () => {
    expect((await askToken(url, undefined, ['registry:catalog:*'])).status).toBe(401);
    await people.grant('group', 'system:anonymous', ['registry-viewer team-a/']);
    const scopes = [
      'repository:team-a/app:pull,push',
      'repository:team-b/app:pull',
      'registry:api:*',
      'registry:catalog:*',
    ];
    const answer = await askToken(url, undefined, scopes, { offline_token: 'true' });
    const token = bearerOf(answer);
    expect(accessIn(token)).toEqual(['repository:team-a/app:pull', 'registry:catalog:*']);
    expect(fieldOf(answer.json, 'refresh_token')).toBe('');
    const seen = [
      await get(token, BLOB),
      await get(undefined, BLOB),
      await get(token, '/v2/'),
      await get(undefined, '/v2/'),
    ];
    expect(seen.map(({ status }) => status)).toEqual([200, 200, 200, 401]);
    expect((await get(token, '/v2/team-b/app/tags/list')).status).toBe(401);
    expect((await get(token, '/v2/_catalog')).json).toEqual({ repositories: ['team-a/app'] });
    await people.revoke('group', 'system:anonymous', ['registry-viewer team-a/']);
    for (const at of [url, elsewhere.url]) {
      expect([(await get(token, BLOB, at)).status, (await get(undefined, BLOB, at)).status]).toEqual([401, 401]);
    }
    expect((await get(token, '/v2/_catalog')).json).toEqual({ repositories: [] });
    expect((await askToken(url, undefined, scopes)).status).toBe(401);
  });
});

describe('what was given is worth nothing at once, here and elsewhere,', () => {
  /** A robot that is in, by every way there is, on both processes. */
  const comesIn = async (name: string) => {
    const password = await people.robot(name, ['registry-viewer team-a/']);
    const answer = await askToken(url, password, ['repository:team-a/app:pull'], { offline_token: 'true' });
    const [token, kept] = [bearerOf(answer), fieldOf(answer.json, 'refresh_token')];
    const statuses = async (): Promise<number[]> => {
      const found = [];
      for (const at of [url, elsewhere.url]) {
        found.push((await get(password, BLOB, at)).status, (await get(token, BLOB, at)).status);
        found.push(
          (
            await postToken(at, [
              ['grant_type', 'refresh_token'],
              ['refresh_token', kept],
            ])
          ).status,
        );
      }
      return found;
    };
    expect(await statuses()).toEqual([200, 200, 200, 200, 200, 200]);
    return statuses;
  };
  const change = (work: Parameters<People['metadata']['transaction']>[0]) => people.metadata.transaction(work);

  test('when a grant is taken back', async () => {
    const statuses = await comesIn('revoked');
    await people.revoke('user', 'robot+revoked', ['registry-viewer team-a/']);
    expect(await statuses()).toEqual([404, 404, 200, 404, 404, 200]);
  });

  test('when a robot is disabled, and good again when it is enabled', async () => {
    const statuses = await comesIn('disabled');
    await change((inside) => setRobotDisabled(inside, 'robot+disabled', 1));
    expect(await statuses()).toEqual([401, 401, 401, 401, 401, 401]);
    await change((inside) => setRobotDisabled(inside, 'robot+disabled', null));
    expect(await statuses()).toEqual([200, 200, 200, 200, 200, 200]);
  });

  test('when a robot gets another secret', async () => {
    const statuses = await comesIn('rotated');
    await change((inside) => setRobotSecret(inside, { name: 'robot+rotated', secretHash: 'x', expiresAt: null }, 1));
    expect(await statuses()).toEqual([401, 401, 401, 401, 401, 401]);
  });

  test('when a robot is deleted, even if another comes with its name', async () => {
    const statuses = await comesIn('deleted');
    await change((inside) => deleteRobot(inside, 'robot+deleted'));
    expect(await statuses()).toEqual([401, 401, 401, 401, 401, 401]);
    const row = { name: 'robot+deleted', scope: '*', description: '', createdAt: 1, createdBy: 'test', rotatedAt: 1 };
    const rest = { expiresAt: null, disabledAt: null, secretHash: hash('sha256', 'another secret') };
    await change((inside) => insertRobot(inside, { ...row, ...rest }));
    expect(await statuses()).toEqual([401, 401, 401, 401, 401, 401]);
  });

  test("when a user's password is another, or the user is gone", async () => {
    const users = openUsers({ metadata: people.metadata, clock: Date.now });
    for (const [name, act] of [
      ['changed', () => users.setPassword('changed', 'another password')],
      ['gone', () => users.remove('gone')],
    ] as const) {
      const password = await people.user(name, PASSWORD, ['registry-viewer team-a/']);
      const token = bearerOf(await askToken(url, password, ['repository:team-a/app:pull']));
      const statuses = async () => {
        const found = [];
        for (const at of [url, elsewhere.url]) {
          for (const authorization of [password, token]) found.push((await get(authorization, BLOB, at)).status);
        }
        return found;
      };
      expect(await statuses()).toEqual([200, 200, 200, 200]);
      await act();
      expect(await statuses()).toEqual([401, 401, 401, 401]);
    }
  });
});

describe('the keys', () => {
  const published = async (at = url): Promise<JSONWebKeySet> =>
    (await get(undefined, '/.well-known/jwks.json', at)).json as JSONWebKeySet;
  const tokenOf = async (at = url): Promise<string> =>
    bearerOf(await askToken(at, ci, ['repository:team-a/app:pull'])).slice('Bearer '.length);
  const verify = async (token: string, at = url) =>
    await jwtVerify(token, createLocalJWKSet(await published(at)), { issuer: 'gatehouse', audience: 'gatehouse' });
  const keys = () =>
    openSigningKeys({
      metadata: people.metadata,
      clock: Date.now,
      rotateEveryMs: 86_400_000,
      tokenLifetimeMs: 300_000,
    });

  test('let anybody check a token, on any process, and show nothing private', async () => {
    const token = await tokenOf();
    for (const at of [url, elsewhere.url]) {
      const { payload, protectedHeader } = await verify(token, at);
      expect(payload).toMatchObject({
        sub: 'robot+ci',
        access: [{ type: 'repository', name: 'team-a/app', actions: ['pull'] }],
      });
      expect(protectedHeader).toEqual({ alg: 'ES256', kid: expect.any(String), typ: 'gatehouse-access+jwt' });
    }
    const found = await published();
    for (const key of found.keys)
      expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    await expect(verify(`${token.slice(0, -6)}AAAAAA`)).rejects.toThrow('signature verification failed');
  });

  test('follow one another without a restart: the old token stays good, the new one has a new key', async () => {
    const before = await tokenOf();
    const id = await keys().rotate(ORIGIN, false);
    for (const at of [url, elsewhere.url]) {
      const after = await tokenOf(at);
      expect(decodeProtectedHeader(after).kid).toBe(id);
      for (const token of [before, after]) {
        expect((await get(`Bearer ${token}`, BLOB, at)).status).toBe(200);
        await verify(token, at);
      }
    }
  });

  test('that are taken back take what they signed along, at once and everywhere', async () => {
    const before = await tokenOf();
    for (const at of [url, elsewhere.url]) expect((await get(`Bearer ${before}`, BLOB, at)).status).toBe(200);
    const id = await keys().rotate(ORIGIN, true);
    for (const at of [url, elsewhere.url]) {
      const answer = await get(`Bearer ${before}`, BLOB, at);
      expect([answer.status, challengeIn(answer).error]).toEqual([401, 'invalid_token']);
      await expect(verify(before, at)).rejects.toThrow('no applicable key found');
      expect((await published(at)).keys.map(({ kid }) => kid)).toEqual([id]);
      expect((await get(`Bearer ${await tokenOf(at)}`, BLOB, at)).status).toBe(200);
    }
  });
});
