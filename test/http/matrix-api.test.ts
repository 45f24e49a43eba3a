import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Permission, ROLES, type Role } from '#access/permissions.ts';
import { call } from '#test/support/client.ts';
import { AUTHORIZATION, type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { aManifest, pushImage } from '#test/support/images.ts';
import { type People, as, askToken, bearerOf, openPeople, robotRow } from '#test/support/people.ts';
import { labelOf, routeTable } from '#test/support/route-table.ts';
import { API_ROWS, type ApiRow, ROBOT } from './matrix-api-rows.ts';

/** Scopes of a grant, and whether `team-a/app` lies in them. */
const SCOPES: ReadonlyMap<string, boolean> = new Map([
  ['*', true],
  ['team-a/', true],
  ['team-a/app', true],
  ['team-a/other', false],
  ['team-b/', false],
  ['team-ab/', false],
]);

interface Somebody {
  readonly name: string;
  readonly authorization: string | undefined;
  /** In the repository that is asked about. */
  readonly here: ReadonlySet<Permission>;
  readonly everywhere: ReadonlySet<Permission>;
}

let gatehouse: Gatehouse;
let people: People;
const crowd: Somebody[] = [];

beforeAll(async () => {
  gatehouse = await startGatehouse({ access: { passwords: { failureDelay: '0s' } } });
  people = await openPeople(gatehouse);
  await pushImage(gatehouse.url, 'team-a/app', aManifest(), 'v1');
  await makeTarget();
  const none: ReadonlySet<Permission> = new Set();
  const all: ReadonlySet<Permission> = new Set(ROLES['system-admin']);
  crowd.push(
    { name: 'nobody', authorization: undefined, here: none, everywhere: none },
    { name: 'somebody', authorization: await people.robot('somebody'), here: none, everywhere: none },
    { name: 'the admin', authorization: AUTHORIZATION, here: all, everywhere: all },
  );
  for (const role of Object.keys(ROLES) as Role[]) {
    for (const [scope, isWithin] of SCOPES) {
      const authorization = await people.robot(`r${crowd.length}`, [`${role} ${scope}`]);
      const may = new Set<Permission>(ROLES[role]);
      crowd.push({
        name: `${role} on ${scope}`,
        authorization,
        here: isWithin ? may : none,
        everywhere: scope === '*' ? may : none,
      });
    }
  }
});
afterAll(async () => {
  await people[Symbol.asyncDispose]();
  await gatehouse.stop();
});

function makeTarget(): Promise<void> {
  return people.metadata.transaction((inside) => robotRow(inside, ROBOT, { scope: 'team-a/app' }));
}

function isAllowed({ needs }: ApiRow, { here, everywhere }: Somebody): boolean {
  switch (needs) {
    case 'nothing':
      return true;
    case 'system':
      return everywhere.has('system');
    case 'pull':
    case 'attach':
    case 'push':
    case 'grant':
      return here.has(needs);
  }
}

test('every route of the API is in the matrix, and nothing else', async () => {
  const served = (await routeTable()).map(labelOf).filter((label) => label.includes(' api.'));
  const rows = API_ROWS.map(({ id, request }) => `${request.method} api.${id}`);
  // The document is for anyone; the matrix of routes has it.
  expect([...rows, 'GET api.document'].toSorted()).toEqual(served.toSorted());
});

describe('of the API', () => {
  test.each(API_ROWS.map((row) => [row.id, row] as const))('%s lets in who may, and nobody else', async (_, row) => {
    const wrong: string[] = [];
    for (const who of crowd) {
      // Whoever was let in before may have deleted it.
      if (row.refusal === 404) await makeTarget();
      const { status } = await call(gatehouse.url, { ...row.request, ...withHeaders(row, who.authorization) });
      const isRefused = status === 401 || status === 403 || (row.unseen === 404 && status === 404);
      const refusal = who.here.has('pull') ? row.refusal : row.unseen;
      const want = who.authorization === undefined ? 401 : isAllowed(row, who) ? 'let in' : refusal;
      const found = isRefused ? status : status < 500 ? 'let in' : status;
      if (found !== want) wrong.push(`${who.name}: expected ${want}, found ${status}`);
    }
    expect(wrong).toEqual([]);
  });

  test.each(API_ROWS.map((row) => [row.id, row] as const))('%s takes no token that is not for it', async (_, row) => {
    const scopes = ['repository:team-a/app:*', 'registry:catalog:*'];
    const other = bearerOf(await askToken(gatehouse.url, AUTHORIZATION, scopes));
    const right = bearerOf(await askToken(gatehouse.url, AUTHORIZATION, ['registry:api:*']));
    const statusWith = async (authorization: string) =>
      (await call(gatehouse.url, { ...row.request, ...withHeaders(row, authorization) })).status;
    expect(await statusWith(other)).toBe(401);
    expect(await statusWith(right)).not.toBe(401);
  });
});

function withHeaders({ request }: ApiRow, authorization: string | undefined) {
  const { anonymous, headers } = as(authorization);
  return { anonymous, headers: { ...request.headers, ...headers } };
}
