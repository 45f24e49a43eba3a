import { describe, expect, test } from 'vitest';
import type { Input } from '#api/operations.ts';
import { messageOf, openCallers, reasonOf } from './callers.ts';
import { temporaryMetadata } from './metadata.ts';

const TEAM_ADMIN = { role: 'registry-admin', scope: 'team-a/' };

/** A house with two users, a group, and a robot of team-a. */
async function furnished() {
  const database = await temporaryMetadata();
  const callers = openCallers(database.metadata);
  await callers.settle('alice');
  await callers.local.createGroup({ name: 'devs' });
  await callers.local.addGroupMember({ name: 'devs', member: 'alice' });
  await callers.local.createRobot({ name: 'ci', scope: 'team-a/' });
  return { database, callers, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
}

const toAlice = (role: Input<'addGrant'>['role'], scope: string): Input<'addGrant'> => ({
  kind: 'user',
  subject: 'alice',
  role,
  scope,
});

describe('giving a role', () => {
  test.each<[Input<'addGrant'>, { role: string; scope: string }[], string | undefined]>([
    // Within what the giver has.
    [toAlice('registry-viewer', 'team-a/'), [TEAM_ADMIN], undefined],
    [toAlice('registry-admin', 'team-a/app'), [TEAM_ADMIN], undefined],
    [toAlice('registry-admin', 'team-a/'), [TEAM_ADMIN], undefined],
    [toAlice('system-admin', '*'), [{ role: 'system-admin', scope: '*' }], undefined],
    // Beyond it, in place.
    [toAlice('registry-viewer', 'team-b/'), [TEAM_ADMIN], 'denied'],
    [toAlice('registry-viewer', 'team-a'), [TEAM_ADMIN], 'denied'],
    [toAlice('registry-viewer', 'team-ab/'), [TEAM_ADMIN], 'denied'],
    [toAlice('registry-viewer', '*'), [TEAM_ADMIN], 'denied'],
    [toAlice('registry-viewer', 'team-a/'), [{ role: 'registry-admin', scope: 'team-a/app' }], 'denied'],
    // Beyond it, in kind.
    [toAlice('system-admin', '*'), [{ role: 'registry-admin', scope: '*' }], 'denied'],
    [toAlice('registry-viewer', 'team-a/'), [{ role: 'registry-editor', scope: 'team-a/' }], 'denied'],
    [toAlice('registry-viewer', 'team-a/'), [], 'denied'],
    // What would make no sense.
    [toAlice('system-admin', 'team-a/'), [{ role: 'system-admin', scope: '*' }], 'invalid'],
    [toAlice('registry-viewer', 'Team-A/'), [{ role: 'system-admin', scope: '*' }], 'invalid'],
    [toAlice('registry-viewer', ''), [TEAM_ADMIN], 'invalid'],
    [toAlice('registry-viewer', '../'), [TEAM_ADMIN], 'invalid'],
  ])('%j by somebody with %j: %s', async (grant, held, want) => {
    await using house = await furnished();
    const { callers } = house;
    const before = await callers.state();
    expect(await reasonOf(callers.with('bob', ...held).addGrant(grant))).toBe(want);
    const grown = want === undefined ? 1 : 0;
    expect(await callers.state()).toEqual({ events: before.events + grown, version: before.version + grown });
  });

  test('is an event of who gave what to whom, and of the repository if it is of one', async () => {
    await using house = await furnished();
    const { callers } = house;
    const bob = callers.with('bob', TEAM_ADMIN);
    await bob.addGrant(toAlice('registry-viewer', 'team-a/app'));
    await bob.addGrant(toAlice('registry-viewer', 'team-a/'));
    expect((await callers.events()).slice(-2)).toMatchObject([
      {
        kind: 'grant.add',
        actor: 'bob',
        address: '192.0.2.1',
        requestId: 'r1',
        repository: 'team-a/app',
        reference: 'alice',
        outcome: 'done',
        detail: '{"kind":"user","role":"registry-viewer","scope":"team-a/app"}',
      },
      { repository: null, detail: '{"kind":"user","role":"registry-viewer","scope":"team-a/"}' },
    ]);
  });

  test('twice is done once', async () => {
    await using house = await furnished();
    const { callers } = house;
    expect(await callers.local.addGrant(toAlice('registry-viewer', '*'))).toMatchObject({ added: true });
    const before = await callers.state();
    expect(await callers.local.addGrant(toAlice('registry-viewer', '*'))).toMatchObject({ added: false });
    expect(await callers.state()).toEqual(before);
  });

  test.each<[Partial<Input<'addGrant'>>, string | undefined]>([
    [{ subject: 'bob' }, 'user-unknown'],
    [{ kind: 'group', subject: 'ops' }, 'group-unknown'],
    [{ subject: 'devs' }, 'user-unknown'],
    [{ kind: 'group', subject: 'devs' }, undefined],
    [{ subject: 'robot+ci' }, undefined],
    [{ subject: 'robot+cd' }, 'robot-unknown'],
    [{ subject: 'oidc:repo:acme/app' }, undefined],
    [{ kind: 'group', subject: 'oidc:devs' }, undefined],
    [{ subject: 'cert:build-1' }, undefined],
    [{ subject: 'oidc: space first' }, 'name-invalid'],
    [{ subject: 'system:local' }, 'name-invalid'],
    [{ subject: 'system:everybody' }, 'name-invalid'],
    [{ subject: 'system:anonymous' }, undefined],
    [{ kind: 'group', subject: 'system:anonymous' }, undefined],
    [{ subject: 'system:anonymous', role: 'registry-signer' }, 'invalid'],
    [{ subject: 'system:anonymous', role: 'registry-editor' }, 'invalid'],
    [{ subject: 'system:anonymous', role: 'system-admin', scope: '*' }, 'invalid'],
    [{ kind: 'group', subject: 'system:authenticated', role: 'registry-editor' }, undefined],
    [{ kind: 'group', subject: 'system:authenticated', role: 'registry-admin' }, 'invalid'],
  ])('to %j: %s', async (part, want) => {
    await using house = await furnished();
    const grant = { ...toAlice('registry-viewer', 'team-a/'), ...part };
    expect(await reasonOf(house.callers.local.addGrant(grant))).toBe(want);
  });

  test('to a robot of another scope is refused, as if there were none for those who may not manage it', async () => {
    await using house = await furnished();
    const { callers } = house;
    const grant = { ...toAlice('registry-viewer', 'team-b/'), subject: 'robot+ci' };
    expect(await messageOf(callers.local.addGrant(grant))).toContain('robot+ci is bound to team-a/');
    const bob = callers.with('bob', { role: 'registry-admin', scope: 'team-b/' });
    const unknown = await messageOf(bob.addGrant({ ...grant, subject: 'robot+cx' }));
    expect((await messageOf(bob.addGrant(grant))).replace('ci', 'cx')).toBe(unknown);
  });
});

describe('taking a role back', () => {
  test('is done, and is an event', async () => {
    await using house = await furnished();
    const { callers } = house;
    await callers.local.addGrant(toAlice('registry-viewer', 'team-a/'));
    await callers.with('bob', TEAM_ADMIN).removeGrant(toAlice('registry-viewer', 'team-a/'));
    expect((await callers.local.listGrants({})).grants).toEqual([]);
    expect((await callers.events()).at(-1)).toMatchObject({ kind: 'grant.remove', actor: 'bob', reference: 'alice' });
  });

  test('that was not given is refused', async () => {
    await using house = await furnished();
    const { callers } = house;
    const before = await callers.state();
    expect(await messageOf(callers.local.removeGrant(toAlice('registry-viewer', 'team-a/')))).toBe(
      'alice was not given registry-viewer on every repository under team-a/',
    );
    expect(await callers.state()).toEqual(before);
  });

  test('that is greater than the own is refused', async () => {
    await using house = await furnished();
    const { callers } = house;
    await callers.local.addGrant(toAlice('system-admin', '*'));
    const bob = callers.with('bob', { role: 'registry-admin', scope: '*' });
    expect(await reasonOf(bob.removeGrant(toAlice('system-admin', '*')))).toBe('denied');
  });
});

describe('the last administrator', () => {
  /** Alice is system-admin through a group, and nobody else is. */
  async function withOneAdministrator() {
    const house = await furnished();
    await house.callers.local.addGrant({ kind: 'group', subject: 'devs', role: 'system-admin', scope: '*' });
    // Neither has a password here.
    await house.callers.local.addGrant({ ...toAlice('system-admin', '*'), subject: 'robot+ci' });
    await house.callers.local.addGrant({ ...toAlice('system-admin', '*'), subject: 'oidc:root' });
    return house;
  }
  const acts = {
    'taking the role back': { removeGrant: { kind: 'group', subject: 'devs', role: 'system-admin', scope: '*' } },
    'deleting the user': { deleteUser: { name: 'alice' } },
    'deleting the group': { deleteGroup: { name: 'devs' } },
    'leaving the group': { removeGroupMember: { name: 'devs', member: 'alice' } },
  } as const;

  test.each(Object.entries(acts))('is not removed by %s over the API, and is on the server', async (_, act) => {
    await using house = await withOneAdministrator();
    const { callers } = house;
    const [[operation, input] = ['listRoles', {}]] = Object.entries(act);
    const before = await callers.state();
    const alice: object = await callers.as('alice');
    expect(await reasonOf(invoke(alice, operation, input))).toBe('last-administrator');
    expect(await callers.state()).toEqual(before);
    expect(await reasonOf(invoke(callers.local, operation, input))).toBeUndefined();
  });

  test.each(Object.entries(acts))('is one of two after all: %s is done', async (_, act) => {
    await using house = await withOneAdministrator();
    const { callers } = house;
    await callers.settle('bob');
    await callers.local.addGrant({ ...toAlice('system-admin', '*'), subject: 'bob' });
    const [[operation, input] = ['listRoles', {}]] = Object.entries(act);
    expect(await reasonOf(invoke(await callers.as('bob'), operation, input))).toBeUndefined();
  });
});

/** Calls an operation by its name. */
async function invoke(administration: object, operation: string, input: unknown): Promise<unknown> {
  const call: unknown = Reflect.get(administration, operation);
  if (typeof call !== 'function') throw new Error(`there is no operation ${operation}`);
  return await call(input);
}

describe('listing roles given', () => {
  test('shows those in scopes where the caller may give them, and their own', async () => {
    await using house = await furnished();
    const { callers } = house;
    await callers.local.addGrant(toAlice('registry-viewer', 'team-b/'));
    await callers.local.addGrant({ kind: 'group', subject: 'devs', role: 'registry-editor', scope: 'team-c/' });
    await callers.local.addGrant({
      kind: 'group',
      subject: 'system:anonymous',
      role: 'registry-viewer',
      scope: 'pub/',
    });
    await callers.local.addGrant({ ...toAlice('registry-viewer', 'team-a/app'), subject: 'robot+ci' });
    const seenBy = async (list: Promise<{ grants: { subject: string; scope: string }[] }>): Promise<string[]> =>
      (await list).grants.map(({ subject, scope }) => `${subject} ${scope}`);
    expect(await seenBy((await callers.as('alice')).listGrants({}))).toEqual([
      'system:anonymous pub/',
      'alice team-b/',
      'devs team-c/',
    ]);
    expect(await seenBy(callers.with('bob', TEAM_ADMIN).listGrants({}))).toEqual([
      'system:anonymous pub/',
      'robot+ci team-a/app',
    ]);
    expect(await seenBy(callers.local.listGrants({ scope: 'team-c/' }))).toEqual(['devs team-c/']);
    expect(await seenBy(callers.local.listGrants({ subject: 'alice', role: 'registry-viewer' }))).toEqual([
      'alice team-b/',
    ]);
    expect(await seenBy(callers.local.listGrants({ role: 'system-admin' }))).toEqual([]);
  });
});
