import { expect, test } from 'vitest';
import type { TokenScope } from '#access/session.ts';
import type { Operation } from '#api/operation.ts';
import { type OperationId, operationIds, operations } from '#api/operations.ts';
import type { Sql } from '#metadata/sql.ts';
import { endRevision, pushRevision } from '#metadata/tag-revisions.ts';
import { digestOf } from '#oci/digest.ts';
import { RegistryError } from '#oci/errors.ts';
import { RetentionError } from '#retention/errors.ts';
import { anEngine, anExplanation } from '../trust/engine.ts';
import { openCallers, reasonOf } from './callers.ts';
import { temporaryMetadata } from './metadata.ts';

/** An input for every operation, about team-a where it can be. What comes after the check is of no concern here. */
const INPUTS: { readonly [K in OperationId]: Readonly<Record<string, unknown>> } = {
  whoAmI: {},
  rotateKeys: {},
  listRoles: {},
  listGrants: {},
  addGrant: { kind: 'user', subject: 'nobody', role: 'registry-viewer', scope: 'team-a/' },
  removeGrant: { kind: 'user', subject: 'nobody', role: 'registry-viewer', scope: 'team-a/' },
  whoCan: { permission: 'pull', repository: 'team-a/app' },
  canI: { permission: 'pull', repository: 'team-a/app', as: 'nobody' },
  listUsers: {},
  createUser: { name: 'Nobody', password: 'short' },
  setPassword: { name: 'nobody', password: 'short' },
  deleteUser: { name: 'nobody' },
  importUsers: { htpasswd: '' },
  listGroups: {},
  createGroup: { name: 'Nobody' },
  deleteGroup: { name: 'nobody' },
  addGroupMember: { name: 'nobody', member: 'nobody' },
  removeGroupMember: { name: 'nobody', member: 'nobody' },
  listRobots: {},
  createRobot: { name: 'ci', scope: 'team-a/', expiresIn: 'soon' },
  rotateRobot: { name: 'ci', expiresIn: 'soon' },
  disableRobot: { name: 'ci' },
  enableRobot: { name: 'ci' },
  deleteRobot: { name: 'ci' },
  listEvents: { repository: 'team-a/app' },
  tagHistory: { repository: 'team-a/app', tag: 'v1' },
  rollBackTag: { repository: 'team-a/app', tag: 'v1', revision: 1 },
  restore: { repository: 'team-a/app', tag: 'v1' },
  planPruning: {},
  listPlans: {},
  showPlan: { plan: 'none' },
  confirmPlan: { plan: 'none' },
  collectionStatus: {},
  importInUse: { list: '' },
  listInUse: {},
  trustExplain: { repository: 'team-a/app', tag: 'v1' },
  trustVerify: { repository: 'team-a/app', tag: 'v1' },
  trustHeld: { repository: 'team-a/app' },
  trustRelease: { repository: 'team-a/app', tag: 'v1', reason: 'tested' },
  trustPreview: { trust: {} },
};

const EVERYWHERE = ['*', 'team-a/', 'team-a/app'] as const;

/** Where each caller of the table below has what the table of operations can require. */
const CALLERS = {
  'system-admin': { role: 'system-admin', scope: '*', grant: EVERYWHERE, push: EVERYWHERE, system: true },
  'registry-admin of all': { role: 'registry-admin', scope: '*', grant: EVERYWHERE, push: EVERYWHERE, system: false },
  'registry-admin of team-a': {
    role: 'registry-admin',
    scope: 'team-a/',
    grant: ['team-a/', 'team-a/app'],
    push: ['team-a/', 'team-a/app'],
    system: false,
  },
  'registry-admin of team-a/app': {
    role: 'registry-admin',
    scope: 'team-a/app',
    grant: ['team-a/app'],
    push: ['team-a/app'],
    system: false,
  },
  'registry-admin of team-b': { role: 'registry-admin', scope: 'team-b/', grant: [], push: [], system: false },
  'registry-editor of all': { role: 'registry-editor', scope: '*', grant: [], push: EVERYWHERE, system: false },
  'registry-viewer of all': { role: 'registry-viewer', scope: '*', grant: [], push: [], system: false },
} as const;

type CallerName = keyof typeof CALLERS;

function isAllowed(id: OperationId, caller: CallerName): boolean {
  const { requires }: Operation = operations[id];
  if (requires === 'authenticated') return true;
  const held: { grant: readonly string[]; push: readonly string[]; system: boolean; role: string } = CALLERS[caller];
  if (requires.on === 'system') return held.system;
  const input = INPUTS[id];
  if (requires.permission === 'pull' && held.role === 'registry-viewer') return true;
  if (requires.permission !== 'grant') return held.push.includes(String(input['repository']));
  return held.grant.includes(requires.on === 'robot' ? 'team-a/' : String(input['scope'] ?? input['repository']));
}

const callerNames = Object.keys(CALLERS).filter((name): name is CallerName => Object.hasOwn(CALLERS, name));
const table = operationIds.flatMap((id) =>
  callerNames.map((caller): [OperationId, CallerName, boolean] => [id, caller, isAllowed(id, caller)]),
);

test.each(table)('%s by a %s: %s', async (id, caller, want) => {
  await using database = await temporaryMetadata();
  const engine = anEngine({ explain: async () => anExplanation() });
  const callers = openCallers(database.metadata, { engine });
  await callers.local.createRobot({ name: 'ci', scope: 'team-a/' });
  await endedTag(database.metadata);
  const reason = await refusalOf(callers.with('somebody', CALLERS[caller]), id);
  expect(reason === undefined).toBe(want);
  expect(callers.noted.map(({ kind, outcome, reference }) => [kind, outcome, reference])).toEqual(
    want ? [] : [['access.refuse', 'refused', id]],
  );
});

test('the table has both answers for every kind of requirement', () => {
  expect(table.filter(([, , want]) => want).length).toBeGreaterThan(50);
  expect(table.filter(([, , want]) => !want).length).toBeGreaterThan(50);
});

test.each(operationIds)('%s is not for nobody, nor for a token that is for images', async (id) => {
  await using database = await temporaryMetadata();
  const callers = openCallers(database.metadata);
  await callers.settle('root');
  await callers.local.addGrant({ kind: 'user', subject: 'root', role: 'system-admin', scope: '*' });
  const narrow: TokenScope = { repositories: new Map([['team-a/app', 127]]), catalog: true, api: false };
  const asked = [
    await refusalOf(await callers.as('root', 'anonymous'), id),
    await refusalOf(await callers.as('root', 'user', narrow), id),
  ];
  expect(asked).toEqual(['denied', 'denied']);
  expect(await refusalOf(await callers.as('root', 'user', { ...narrow, api: true }), id)).not.toBe('denied');
});

/** A tag of which there is a history and nothing else: asking for it is answered otherwise than where nothing is. */
async function endedTag(metadata: Sql): Promise<void> {
  const tag = { repository: 'team-a/app', name: 'v1', by: 'alice' };
  const digest = digestOf(Buffer.from('gone'), 'sha256');
  await metadata.transaction(async (inside) => {
    await pushRevision(inside, { ...tag, digest, why: 'push' }, 1);
    await endRevision(inside, { ...tag, why: 'deleted' }, 2);
  });
}

/** Why the operation was not allowed; what is wrong with it otherwise does not count, unless something is hidden. */
async function refusalOf(administration: object, id: OperationId): Promise<string | undefined> {
  const call: unknown = Reflect.get(administration, id);
  if (typeof call !== 'function') throw new Error(`there is no operation ${id}`);
  try {
    const reason = await reasonOf(Promise.resolve(call(INPUTS[id])));
    return reason === 'denied' || reason === 'robot-unknown' ? reason : undefined;
  } catch (error) {
    if (error instanceof RetentionError) return undefined;
    if (!(error instanceof RegistryError)) throw error;
    return /^there (?:never was|is no such tag)/.test(error.message) ? 'unseen' : undefined;
  }
}
