import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Permission, ROLES, type Role } from '#access/permissions.ts';
import type { Route } from '#http/routes.ts';
import { type Answer, call } from '#test/support/client.ts';
import { AUTHORIZATION, type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { aBlob, aManifest, pushBlob, pushImage } from '#test/support/images.ts';
import { type GrantText, type People, as, askToken, bearerOf, openPeople } from '#test/support/people.ts';
import { labelOf, routeTable } from '#test/support/route-table.ts';
import {
  OTHER_ROWS,
  type OtherRow,
  REPOSITORY_ROWS,
  type RepositoryRow,
  type Stage,
  TARGET,
  type Ticket,
  type Visitor,
  aSignature,
  signaturesPath,
} from './matrix-rows.ts';

/** Scopes of a grant, and whether the target lies in them. Written out, so that no code of ours says what it should. */
const SCOPES: ReadonlyMap<string, boolean> = new Map([
  ['*', true],
  ['team-a/', true],
  [TARGET, true],
  ['team-a/other', false],
  ['team-b/', false],
  ['team-a', false],
  ['team-ab/', false],
  ['team-a/ap', false],
  ['team-a/app-b', false],
  ['team-a/app/', false],
]);

/** What somebody comes with; what a token was asked for. */
const TICKETS = ['password', 'for exactly this', 'for pulling', 'for another repository'] as const;

interface Somebody {
  readonly name: string;
  readonly authorization: string | undefined;
  readonly may: ReadonlySet<Permission>;
}

interface Cell {
  readonly row: RepositoryRow;
  readonly who: Somebody;
  readonly ticket: (typeof TICKETS)[number];
}

let gatehouse: Gatehouse;
let people: People;
let stage: Stage;
let crowd: Somebody[];
let table: readonly Route[];

beforeAll(async () => {
  table = await routeTable();
  gatehouse = await startGatehouse({
    access: { passwords: { failureDelay: '0s' } },
    trust: { simpleSigning: { extension: true, lookaside: true } },
  });
  people = await openPeople(gatehouse);
  stage = await setStage(gatehouse.url);
  crowd = [
    { name: 'nobody', authorization: undefined, may: new Set() },
    { name: 'somebody', authorization: await people.robot('somebody'), may: new Set() },
    { name: 'the admin', authorization: AUTHORIZATION, may: new Set(ROLES['system-admin']) },
  ];
  for (const role of Object.keys(ROLES) as Role[]) {
    for (const [scope, isWithin] of SCOPES) {
      const grant: GrantText = `${role} ${scope}`;
      const authorization = await people.robot(`r${crowd.length}`, [grant]);
      crowd.push({ name: grant, authorization, may: new Set(isWithin ? ROLES[role] : []) });
    }
  }
});

afterAll(async () => {
  await people[Symbol.asyncDispose]();
  await gatehouse.stop();
});

async function setStage(url: string): Promise<Stage> {
  const [image, spare, blob] = [aManifest({ layers: 1 }), aManifest({ layers: 1 }), aBlob()];
  await pushImage(url, TARGET, image, 'latest');
  await pushImage(url, TARGET, spare, 'spare');
  for (const one of [blob, aBlob({ bytes: '{}' })]) await pushBlob(url, TARGET, one);
  await call(url, { method: 'PUT', path: signaturesPath(image.digest), body: aSignature(image.digest) });
  const { headers } = await call(url, { method: 'POST', path: `/v2/${TARGET}/blobs/uploads/` });
  return { url, image, spare, blob: blob.digest, upload: headers.location ?? '' };
}

/** What the actions a client asks for mean, in the words of docs/access.md. */
const MEANINGS: Readonly<Record<string, readonly Permission[]>> = {
  pull: ['pull'],
  push: ['attach', 'push'],
  delete: ['untag', 'delete'],
};

/** What a ticket can be used for at the target. */
function carriedBy({ row, ticket }: Cell): ReadonlySet<Permission> | 'everything' {
  switch (ticket) {
    case 'password':
      return 'everything';
    case 'for exactly this':
      return new Set(row.actions.split(',').flatMap((action) => MEANINGS[action] ?? []));
    case 'for pulling':
      return new Set(['pull']);
    case 'for another repository':
      return new Set();
  }
}

function isLetIn(cell: Cell): boolean {
  const { row, who } = cell;
  const carried = carriedBy(cell);
  return who.may.has(row.needs) && (carried === 'everything' || carried.has(row.needs));
}

/** What ought to come, from the table of roles and the row alone. */
function expectedOf(cell: Cell): number {
  const { row, who } = cell;
  if (row.isSilent !== undefined) return isLetIn(cell) ? row.success : row.unseen;
  if (who.authorization === undefined) return 401;
  const carried = carriedBy(cell);
  const carries = (permission: Permission): boolean => carried === 'everything' || carried.has(permission);
  const enters = row.enters ?? row.needs;
  // Somebody who may, with a token that does not say so, is told which token would do.
  if (who.may.has(enters) && !carries(enters)) return 401;
  if (who.may.has(enters)) return who.may.has(row.needs) && carries(row.needs) ? row.success : 403;
  return who.may.has('pull') ? 403 : row.unseen;
}

const tokens = new Map<string, Promise<string>>();

/** The token somebody got for that scope; asked for once. */
function tokenOf(authorization: string, scopes: readonly string[]): Promise<string> {
  const key = [authorization, ...scopes].join(' ');
  const known = tokens.get(key) ?? askToken(stage.url, authorization, scopes).then(bearerOf);
  tokens.set(key, known);
  return known;
}

async function authorizationOf({ row, who, ticket }: Cell): Promise<string | undefined> {
  if (who.authorization === undefined || ticket === 'password') return who.authorization;
  const scopes = {
    'for exactly this': [`repository:${TARGET}:${row.actions}`],
    'for pulling': [`repository:${TARGET}:pull`],
    'for another repository': [
      'repository:team-a/other:*',
      'repository:team-a/app/x:*',
      'registry:catalog:*',
      'registry:api:*',
    ],
  }[ticket];
  return await tokenOf(who.authorization, scopes);
}

async function observe(cell: Cell): Promise<Answer> {
  const request = await cell.row.request(stage, expectedOf(cell) === cell.row.success && cell.row.success < 300);
  const { headers, anonymous } = as(await authorizationOf(cell));
  return await call(stage.url, { ...request, anonymous, headers: { ...request.headers, ...headers } });
}

/** Does the work of all, a few at a time. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}

describe('the rows', () => {
  test('are of every route there is, and of no other', () => {
    const rows = new Set([...REPOSITORY_ROWS, ...OTHER_ROWS].map(({ route }) => route));
    // Those of the API are generated from its table: matrix-api.test.ts.
    const others = table.map(labelOf).filter((label) => !label.includes(' api.') || label === 'GET api.document');
    expect([...rows].sort()).toEqual([...new Set(others)].sort());
  });

  test('ask of a repository what the route asks', () => {
    const asked = table.flatMap((route) => {
      if (typeof route.requires !== 'object') return [];
      const { repository, unseen } = route.requires;
      const permissions = typeof repository === 'string' ? [repository] : Object.values(repository);
      return permissions.map((permission) => `${labelOf(route)} ${permission} ${unseen}`);
    });
    const wanted = REPOSITORY_ROWS.map(
      ({ route, needs, enters = needs, unseen }) => `${route} ${enters} ${unseen === 403 ? 'denied' : 'nothing'}`,
    );
    expect([...new Set(wanted)].sort()).toEqual(asked.sort());
  });

  test('give every route of a repository an answer for those who may not see it', () => {
    const open = table.filter(({ requires, unseen }) => typeof requires === 'object' && unseen === undefined);
    expect(open.map(labelOf)).toEqual([]);
  });
});

describe('of a repository', () => {
  test.each(REPOSITORY_ROWS.map((row) => [row.route, row.call, row] as const))(
    '%s (%s) lets in who may, and nobody else',
    async (_, __, row) => {
      const cells = crowd.flatMap((who) =>
        TICKETS.filter((ticket) => ticket === 'password' || who.authorization !== undefined).map(
          (ticket): Cell => ({ row, who, ticket }),
        ),
      );
      const wrong: string[] = [];
      await each(cells, async (cell) => {
        const { status } = await observe(cell);
        const expected = expectedOf(cell);
        if (status !== expected) wrong.push(`${cell.who.name}, ${cell.ticket}: expected ${expected}, found ${status}`);
      });
      expect(wrong).toEqual([]);
    },
  );

  test('nothing was changed by anybody who might not', async () => {
    const { url, image, spare, blob, upload } = stage;
    const paths = [
      `/v2/${TARGET}/manifests/latest`,
      `/v2/${TARGET}/manifests/spare`,
      `/v2/${TARGET}/manifests/${image.digest}`,
      `/v2/${TARGET}/manifests/${spare.digest}`,
      `/v2/${TARGET}/blobs/${blob}`,
    ];
    for (const path of paths) expect([path, (await call(url, { method: 'HEAD', path })).status]).toEqual([path, 200]);
    expect((await call(url, { method: 'GET', path: upload })).headers).toMatchObject({ range: '0-0' });
  });
});

describe('of no repository', () => {
  const visitors: readonly Visitor[] = ['nobody', 'somebody', 'admin'];
  const tickets: readonly Ticket[] = ['password', 'repository', 'catalog', 'api'];
  const scopes = { repository: `repository:${TARGET}:*`, catalog: 'registry:catalog:*', api: 'registry:api:*' };

  const headerOf = async (visitor: Visitor, ticket: Ticket): Promise<string | undefined> => {
    if (visitor === 'nobody' || ticket === 'nothing') return undefined;
    const password = visitor === 'admin' ? AUTHORIZATION : (crowd[1]?.authorization ?? '');
    return ticket === 'password' ? password : await tokenOf(password, [scopes[ticket]]);
  };

  test.each(OTHER_ROWS.map((row) => [row.route, row.call, row] as const))(
    '%s (%s) lets in who may, and nobody else',
    async (_, __, row: OtherRow) => {
      const wrong: string[] = [];
      for (const visitor of visitors) {
        for (const ticket of visitor === 'nobody' ? (['nothing'] as const) : tickets) {
          const { anonymous, headers } = as(await headerOf(visitor, ticket));
          const request = { ...row.request, anonymous, headers: { ...row.request.headers, ...headers } };
          const { status } = await call(stage.url, request);
          const expected = row.admits(visitor, ticket) ? 200 : (row.refusal ?? 401);
          if (status !== expected) wrong.push(`${visitor}, ${ticket}: expected ${expected}, found ${status}`);
        }
      }
      expect(wrong).toEqual([]);
    },
  );
});
