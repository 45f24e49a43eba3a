import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashSync } from 'bcryptjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { requestOf } from '#api/client.ts';
import { type OperationId, operationIds, operations } from '#api/operations.ts';
import { type DescribedOperation, documentFaults, operationsOf } from '../api/document.ts';
import { type Answer, type Call, call, codesOf } from '../support/client.ts';
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts';
import { aManifest, pushImage } from '../support/images.ts';
import { fieldOf } from '../support/people.ts';
import { aSigner, bundleFor } from '../support/signing.ts';

const PASSWORD = 'correct horse battery staple';
/** Stands for the id of the plan that a call before has made. */
const PLAN = 'the plan';
const JSON_TYPE = { 'content-type': 'application/json' };
const KEY = join(tmpdir(), `gatehouse-${randomUUID()}.pub`);
const release = aSigner();
const ALICE = { authorization: `Basic ${Buffer.from(`alice:${PASSWORD}`).toString('base64')}` };

let gatehouse: Gatehouse;

beforeAll(async () => {
  await writeFile(KEY, release.publicPem);
  gatehouse = await startGatehouse({
    retention: { rules: [{ repositories: 'team-a/**', keepTags: ['v1'], keepMostRecent: 1 }] },
    trust: {
      roots: { release: { keys: [KEY] } },
      policies: [{ repositories: 'team-t/**', require: { root: 'release' } }],
    },
  });
  const { installation } = gatehouse;
  const local = installation.administration(installation.localCaller);
  await local.createUser({ name: 'alice', password: PASSWORD });
  await local.addGrant({ kind: 'user', subject: 'alice', role: 'registry-admin', scope: 'team-a/' });
  await local.createRobot({ name: 'there', scope: 'team-b/' });
  const { url } = gatehouse;
  for (const tag of ['v1', 'v1', 'v2', 'gone']) await pushImage(url, 'team-a/app', aManifest(), tag);
  await call(url, { method: 'DELETE', path: '/v2/team-a/app/manifests/gone' });
  await pushImage(url, 'team-b/app', aManifest(), 'v1');
  const [held, signed] = [aManifest(), aManifest()];
  await pushImage(url, 'team-t/app', held, 'held');
  await pushImage(url, 'team-t/app', bundleFor(held, aSigner()));
  await pushImage(url, 'team-t/app', bundleFor(signed, release));
  await pushImage(url, 'team-t/app', signed, 'signed');
});

afterAll(async () => {
  await gatehouse.stop();
  await rm(KEY);
});

const ask = (request: Call): Promise<Answer> => call(gatehouse.url, request);

/** A call of an operation, as a client makes it. */
async function invoke(id: OperationId, input: Readonly<Record<string, unknown>>): Promise<Answer> {
  const { method, path, headers, body } = requestOf(operations[id], input);
  return await ask({ method, path, headers, ...(body === undefined ? {} : { body }) });
}

describe('every operation', () => {
  // In an order in which each finds what it needs.
  const calls: readonly (readonly [OperationId, Readonly<Record<string, unknown>>])[] = [
    ['whoAmI', {}],
    ['listRoles', {}],
    ['createUser', { name: 'bob', password: PASSWORD }],
    ['setPassword', { name: 'bob', password: 'another password' }],
    ['importUsers', { htpasswd: `dave:${hashSync('password', 4)}\nbob:x`, replace: true }],
    ['listUsers', {}],
    ['createGroup', { name: 'devs' }],
    ['addGroupMember', { name: 'devs', member: 'bob' }],
    ['addGroupMember', { name: 'devs', member: 'oidc:https://issuer.example/a b%2F'.replace(' ', '+') }],
    ['listGroups', {}],
    ['rotateKeys', { revoke: true }],
    ['addGrant', { kind: 'group', subject: 'devs', role: 'registry-editor', scope: 'team-c/' }],
    ['addGrant', { kind: 'user', subject: 'bob', role: 'registry-viewer', scope: 'team-c/app' }],
    ['listGrants', { scope: 'team-c/' }],
    ['whoCan', { permission: 'push', repository: 'team-c/app' }],
    ['canI', { permission: 'push', repository: 'team-c/app', as: 'bob' }],
    ['createRobot', { name: 'ci', scope: 'team-c/', role: 'registry-viewer', expiresIn: '90d', description: 'ü' }],
    ['rotateRobot', { name: 'robot+ci', expiresIn: 'never' }],
    ['disableRobot', { name: 'ci' }],
    ['enableRobot', { name: 'ci' }],
    ['listRobots', {}],
    ['listEvents', { actor: 'admin', limit: 2, since: '2020-01-01T00:00:00Z' }],
    ['tagHistory', { repository: 'team-a/app', tag: 'v1', limit: 1 }],
    ['rollBackTag', { repository: 'team-a/app', tag: 'v1', revision: 1 }],
    ['restore', { repository: 'team-a/app', tag: 'gone' }],
    ['planPruning', { repositories: ['team-a/**'] }],
    ['listPlans', {}],
    ['showPlan', { plan: PLAN, repository: 'team-a/app', fate: 'delete', limit: 1 }],
    ['confirmPlan', { plan: PLAN, overrideBrake: true }],
    ['showPlan', { plan: PLAN }],
    ['collectionStatus', {}],
    ['importInUse', { list: 'team-a/app:v1\n<none>', source: 'prod', maxAge: '1h' }],
    ['listInUse', {}],
    ['trustVerify', { repository: 'team-t/app', tag: 'signed' }],
    ['trustExplain', { repository: 'team-t/app', tag: 'signed' }],
    ['trustVerify', { repository: 'team-t/app', tag: 'held' }],
    ['trustExplain', { repository: 'team-t/app', tag: 'held' }],
    ['trustExplain', { repository: 'team-b/app', tag: 'v1' }],
    ['trustHeld', { repository: 'team-t/app', limit: 1 }],
    [
      'trustPreview',
      { trust: { policies: [{ repositories: '**', mode: 'audit', require: { root: 'release' } }] }, limit: 2 },
    ],
    ['trustRelease', { repository: 'team-t/app', tag: 'held', reason: 'signing is down' }],
    ['trustExplain', { repository: 'team-t/app', tag: 'held' }],
    ['removeGrant', { kind: 'group', subject: 'devs', role: 'registry-editor', scope: 'team-c/' }],
    ['removeGroupMember', { name: 'devs', member: 'bob' }],
    ['deleteRobot', { name: 'ci' }],
    ['deleteGroup', { name: 'devs' }],
    ['deleteUser', { name: 'bob' }],
  ];

  test('answers as the document says, which the server gives to anyone', async () => {
    const document = await ask({ method: 'GET', path: '/api/v1/openapi.json', anonymous: true });
    expect(document.status).toBe(200);
    expect(documentFaults(Object(document.json))).toEqual([]);
    const described = new Map(operationsOf(document.json).map((operation) => [operation.operationId, operation]));
    let plan = '';
    for (const [id, written] of calls) {
      const input = written['plan'] === PLAN ? { ...written, plan } : written;
      const answer = await invoke(id, input);
      if (id === 'planPruning') plan = fieldOf(answer.json, 'id');
      expect({ id, status: answer.status, text: answer.text }).toMatchObject({ status: operations[id].status });
      expect({ id, faults: faultsOf(answer, described.get(id)) }).toEqual({ id, faults: [] });
      expect(answer.headers['cache-control']).toBe('no-store');
    }
    expect(new Set(calls.map(([id]) => id))).toEqual(new Set(operationIds));
  });

  test('would be seen to answer otherwise', async () => {
    const operation = operationsOf((await ask({ method: 'GET', path: '/api/v1/openapi.json' })).json).find(
      ({ operationId }) => operationId === 'listRoles',
    );
    const answer = await invoke('listRoles', {});
    expect(faultsOf({ ...answer, json: { roles: [{ role: 'king', permissions: [] }] } }, operation)).toHaveLength(1);
    expect(faultsOf({ ...answer, json: { ...Object(answer.json), more: 1 } }, operation)).toHaveLength(1);
  });

  test.each(operationIds)('%s is for nobody without credentials', async (id) => {
    const [, input = {}] = calls.find(([other]) => other === id) ?? [];
    const { method, path, headers, body } = requestOf(operations[id], input);
    const answer = await ask({ method, path, headers, ...(body === undefined ? {} : { body }), anonymous: true });
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toContain('scope="registry:api:*"');
  });

  /** What of an answer is not as the document has it. */
  function faultsOf({ status, json }: Answer, operation: DescribedOperation | undefined): string[] {
    const schema = operation?.answers[status];
    if (schema === undefined) return [`the document does not know the status ${status}`];
    const { error } = z.fromJSONSchema(schema).safeParse(json);
    return error === undefined ? [] : [error.message];
  }
});

describe('what cannot be taken', () => {
  const grant = { kind: 'user', subject: 'alice', role: 'registry-viewer', scope: 'team-a/' };
  const post = (body: string, headers: Record<string, string> = JSON_TYPE): Call => ({
    method: 'POST',
    path: '/api/v1/grants',
    headers,
    body,
  });

  test.each<[string, Call, number, string]>([
    ['no JSON', post('{"kind":'), 400, 'expected the body to be JSON'],
    ['no body', { method: 'POST', path: '/api/v1/grants', headers: JSON_TYPE }, 400, 'expected the body to be JSON'],
    ['a list', post('[]'), 400, 'expected the body to be a JSON object'],
    ['null', post('null'), 400, 'expected the body to be a JSON object'],
    ['an unknown field', post(JSON.stringify({ ...grant, rol: 1 })), 400, 'rol: unknown field'],
    ['a missing field', post(JSON.stringify({ ...grant, scope: undefined })), 400, 'scope: expected string'],
    ['a wrong type', post(JSON.stringify({ ...grant, subject: 5 })), 400, 'subject: expected string, received number'],
    [
      'an unknown role',
      post(JSON.stringify({ ...grant, role: 'king' })),
      400,
      'role: expected one of "registry-viewer"',
    ],
    ['an impossible scope', post(JSON.stringify({ ...grant, scope: 'A' })), 400, 'expected a scope'],
    ['a form', post('kind=user', { 'content-type': 'application/x-www-form-urlencoded' }), 415, 'application/json'],
    ['no type', post('{}', {}), 415, 'expected a body of type application/json, found none'],
    ['too much', post(`{"x":"${'y'.repeat(1024 * 1024)}"}`), 413, 'expected a body of at most 1048576 bytes'],
    ['too much in chunks', { ...post(`"${'y'.repeat(1024 * 1024)}"`), chunked: true }, 413, 'at most 1048576 bytes'],
    ['an unknown query', { method: 'GET', path: '/api/v1/users?limit=5' }, 400, 'limit: unknown field'],
    ['a field twice', { method: 'GET', path: '/api/v1/grants?role=a&role=b' }, 400, 'role: expected'],
    ['a number that is none', { method: 'GET', path: '/api/v1/events?limit=many' }, 400, 'limit: expected number'],
    ['a number beyond', { method: 'GET', path: '/api/v1/events?limit=1001' }, 400, 'limit: Too big'],
    ['a time that is none', { method: 'GET', path: '/api/v1/events?since=yesterday' }, 400, 'since: '],
    [
      'a field of the path in the body',
      {
        method: 'PUT',
        path: '/api/v1/users/alice/password',
        headers: JSON_TYPE,
        body: '{"name":"bob","password":"x"}',
      },
      400,
      'name: stands in the path already',
    ],
    [
      'a body where there is none',
      { method: 'POST', path: '/api/v1/robots/there/disable', headers: JSON_TYPE, body: '{"force":true}' },
      400,
      'force: unknown field',
    ],
    ['another verb', { method: 'DELETE', path: '/api/v1/users' }, 405, 'does not answer to that method'],
    ['another address', { method: 'GET', path: '/api/v1/user' }, 404, 'nothing answers at this address'],
    ['another version', { method: 'GET', path: '/api/v2/users' }, 404, 'nothing answers at this address'],
  ])('is %s', async (_, request, status, words) => {
    const answer = await ask(request);
    expect({ status: answer.status, text: answer.text }).toEqual({
      status,
      text: expect.stringContaining(words.replaceAll('"', '\\"')),
    });
    expect(codesOf(answer)).not.toEqual([]);
  });

  test('names every field that is wrong', async () => {
    const answer = await ask(post('{"kind":"king","subject":"","extra":1}'));
    const { errors } = z
      .object({ errors: z.array(z.object({ detail: z.object({ field: z.string() }) })) })
      .parse(answer.json);
    expect(errors.map(({ detail }) => detail.field)).toEqual(['kind', 'subject', 'role', 'scope', 'extra']);
  });
});

function postOf(path: string, body: object): Call {
  return { method: 'POST', path, headers: JSON_TYPE, body: JSON.stringify(body) };
}

describe('refusals', () => {
  test.each<[Call, number, string]>([
    [{ method: 'GET', path: '/api/v1/users', headers: ALICE }, 403, 'DENIED'],
    [{ method: 'GET', path: '/api/v1/events', headers: ALICE }, 403, 'DENIED'],
    [{ method: 'DELETE', path: '/api/v1/users/nobody' }, 404, 'NAME_UNKNOWN'],
    [{ method: 'DELETE', path: '/api/v1/users/admin' }, 409, 'CONFLICT'],
    [
      { method: 'POST', path: '/api/v1/users', headers: JSON_TYPE, body: '{"name":"alice","password":"long enough"}' },
      409,
      'CONFLICT',
    ],
    [
      { method: 'POST', path: '/api/v1/users', headers: JSON_TYPE, body: '{"name":"A","password":"long enough"}' },
      400,
      'NAME_INVALID',
    ],
    [
      { method: 'POST', path: '/api/v1/users', headers: JSON_TYPE, body: '{"name":"a","password":"short"}' },
      400,
      'INVALID',
    ],
    [postOf('/api/v1/restore', { repository: 'team-a/app', tag: 'v1' }), 409, 'CONFLICT'],
    [postOf('/api/v1/restore', { repository: 'team-a/app', tag: 'never' }), 404, 'MANIFEST_UNKNOWN'],
    [postOf('/api/v1/restore', { repository: 'team-a/app' }), 400, 'INVALID'],
    [postOf('/api/v1/restore', { repository: 'team-a/app', tag: 'v1', digest: 'sha256:0' }), 400, 'INVALID'],
    [postOf('/api/v1/prune/plans', { repositories: ['team-[ab]'] }), 400, 'INVALID'],
    [postOf('/api/v1/prune/plans/none/confirm', {}), 404, 'NAME_UNKNOWN'],
    [{ method: 'GET', path: '/api/v1/prune/plans/none' }, 404, 'NAME_UNKNOWN'],
    [postOf('/api/v1/in-use', { list: '<none>' }), 400, 'INVALID'],
    [postOf('/api/v1/in-use', { list: 'app:v1', maxAge: '1w' }), 400, 'INVALID'],
  ])('%j is answered with %i %s', async (request, status, code) => {
    const answer = await ask(request);
    expect([answer.status, ...codesOf(answer)]).toEqual([status, code]);
  });

  test('a plan that was carried out is not carried out again', async () => {
    const plan = fieldOf((await ask(postOf('/api/v1/prune/plans', {}))).json, 'id');
    const confirm = postOf(`/api/v1/prune/plans/${plan}/confirm`, { overrideBrake: true });
    expect((await ask(confirm)).status).toBe(200);
    const again = await ask(confirm);
    expect([again.status, ...codesOf(again)]).toEqual([409, 'CONFLICT']);
  });

  test('a robot of another scope is answered for exactly as one that does not exist', async () => {
    for (const [method, act] of [
      ['POST', '/rotate'],
      ['POST', '/disable'],
      ['POST', '/enable'],
      ['DELETE', ''],
    ] as const) {
      const headers = act === '/rotate' ? { ...ALICE, ...JSON_TYPE } : ALICE;
      const request = (name: string): Call => ({
        method,
        path: `/api/v1/robots/${name}${act}`,
        headers,
        ...(act === '/rotate' ? { body: '{}' } : {}),
      });
      const hidden = await ask(request('there'));
      const missing = await ask(request('thare'));
      expect(hidden.status).toBe(404);
      expect([hidden.status, hidden.text.replaceAll('there', 'thare')]).toEqual([
        missing.status,
        missing.text.replaceAll('there', 'thare'),
      ]);
      expect(Object.keys(hidden.headers)).toEqual(Object.keys(missing.headers));
    }
  });
});

describe('a repository that the caller may not see', () => {
  // Sees what alice does not, and may push to none of it.
  const VIEWER = { authorization: `Basic ${Buffer.from(`viewer:${PASSWORD}`).toString('base64')}` };
  const forms: readonly (readonly [OperationId, Readonly<Record<string, unknown>>])[] = [
    ['tagHistory', { tag: 'v1' }],
    ['tagHistory', { tag: '-' }],
    ['tagHistory', { tag: 'v1', before: 1 }],
    ['rollBackTag', { tag: 'v1', revision: 1 }],
    ['restore', { tag: 'v1' }],
    ['restore', { digest: `sha256:${'0'.repeat(64)}` }],
    ['restore', { digest: 'sha256:0' }],
  ];
  const asked = async (id: OperationId, input: object, who: Record<string, string>): Promise<Answer> => {
    const { method, path, headers, body } = requestOf(operations[id], { ...input });
    return await ask({ method, path, headers: { ...headers, ...who }, ...(body === undefined ? {} : { body }) });
  };

  beforeAll(async () => {
    const { installation } = gatehouse;
    const local = installation.administration(installation.localCaller);
    await local.createUser({ name: 'viewer', password: PASSWORD });
    await local.addGrant({ kind: 'user', subject: 'viewer', role: 'registry-viewer', scope: 'team-b/' });
  });

  test.each(forms)('is answered for by %s of %j exactly as one that does not exist', async (id, input) => {
    const hidden = await asked(id, { ...input, repository: 'team-b/app' }, ALICE);
    const missing = await asked(id, { ...input, repository: 'team-b/apq' }, ALICE);
    // Her own: what there is not, where she may see that there is not.
    const own = await asked(id, { ...input, repository: 'team-a/apq' }, ALICE);
    for (const other of [missing, own]) {
      expect([hidden.status, hidden.text]).toEqual([other.status, other.text]);
      expect(Object.keys(hidden.headers)).toEqual(Object.keys(other.headers));
    }
    expect(hidden.status).not.toBe(403);
  });

  test('is there for whoever may see it, who is told what they may not do', async () => {
    expect((await asked('tagHistory', { repository: 'team-b/app', tag: 'v1' }, VIEWER)).status).toBe(200);
    const denied = await asked('rollBackTag', { repository: 'team-b/app', tag: 'v1', revision: 1 }, VIEWER);
    expect([denied.status, ...codesOf(denied)]).toEqual([403, 'DENIED']);
    expect(denied.text).toContain('no permission to push on repository team-b/app');
  });
});

test('a token for the API administers, and one for images does not', async () => {
  const tokenFor = async (scope: string): Promise<string> => {
    const form = new URLSearchParams({ grant_type: 'password', username: 'alice', password: PASSWORD, scope });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await ask({ method: 'POST', path: '/token', headers, body: form.toString(), anonymous: true });
    return z.object({ access_token: z.string() }).parse(answer.json).access_token;
  };
  const whoAmI = async (scope: string): Promise<Answer> => {
    const authorization = `Bearer ${await tokenFor(scope)}`;
    return await ask({ method: 'GET', path: '/api/v1/whoami', headers: { authorization } });
  };
  expect((await whoAmI('registry:api:*')).json).toMatchObject({ name: 'alice', kind: 'user' });
  expect((await whoAmI('repository:team-a/app:pull')).status).toBe(401);
});

test('a change says who made it, from where and in which request', async () => {
  const answer = await ask({
    method: 'POST',
    path: '/api/v1/robots',
    headers: { ...JSON_TYPE, ...ALICE },
    body: '{"name":"mine","scope":"team-a/"}',
  });
  expect(answer.status).toBe(201);
  const events = await ask({ method: 'GET', path: '/api/v1/events?actor=alice&limit=1' });
  expect(events.json).toMatchObject({
    events: [{ kind: 'robot.create', actor: 'alice', address: '127.0.0.1', reference: 'robot+mine' }],
  });
});
