import type { Administration, Output } from '#api/operations.ts';
import { listGrants } from '#metadata/grants.ts';
import { listGroups } from '#metadata/groups.ts';
import { listRobots } from '#metadata/robots.ts';
import type { AdministrationContext } from './change.ts';
import { checkRepository } from './checks.ts';
import { PERMISSIONS, ROLE_NAMES } from './permissions.ts';
import { covers } from './scope.ts';
import type { Caller } from './session.ts';
import { type Held, gives, heldBy, heldText, lackText, robotObstacle, standingOf } from './standing.ts';
import { ANONYMOUS, isRobotName } from './subject.ts';
import { checkMember } from './subjects.ts';

type Holder = Output<'whoCan'>['subjects'][number];

/** Questions about who may do what. */
export function inquiry(
  { metadata, clock }: AdministrationContext,
  caller: Caller,
): Pick<Administration, 'whoAmI' | 'whoCan' | 'canI'> {
  const { principal, rights } = caller.session;
  return {
    async whoAmI() {
      const permissions = PERMISSIONS.map((permission) => ({ permission, scopes: rights.scopesWith(permission) }));
      return { ...principal, permissions: permissions.filter(({ scopes }) => scopes.length > 0) };
    },

    async whoCan({ permission, repository }) {
      checkRepository(repository);
      const grants = (await listGrants(metadata)).filter(
        ({ role, scope }) => covers(scope, repository) && gives(role, permission),
      );
      const holders = holdersOf();
      const members = new Map((await listGroups(metadata)).map((group) => [group.name, group.members]));
      for (const grant of grants) {
        if (grant.kind === 'user') holders.add(kindOf(grant.subject), grant.subject, heldBy(grant));
        else holders.add('group', grant.subject, { role: grant.role, scope: grant.scope });
        const within = grant.kind === 'group' ? (members.get(grant.subject) ?? []) : [];
        for (const member of within) holders.add(kindOf(member), member, heldBy(grant));
      }
      const robots = await listRobots(metadata);
      const kept = robots.filter((robot) => robotObstacle(robot, repository, clock()) !== undefined);
      return { subjects: holders.without(new Set(kept.map(({ name }) => name))) };
    },

    async canI({ permission, repository, as }) {
      checkRepository(repository);
      const isSelf = as === undefined || as === principal.name;
      if (isSelf && principal.kind === 'local') {
        return { name: principal.name, allowed: true, reason: 'the command line on the server may do everything' };
      }
      const name = as ?? principal.name;
      if (!isSelf && name !== ANONYMOUS) await checkMember(metadata, name);
      const { held, obstacle } = await standingOf(metadata, { name, repository, now: clock() });
      const enough = held.filter(({ role }) => gives(role, permission));
      const allowed = isSelf ? rights.has(permission, repository) : obstacle === undefined && enough.length > 0;
      const why = enough.map(heldText).join(', ');
      // What an issuer says of somebody is known only as long as they are here.
      if (allowed) return { name, allowed, reason: why === '' ? 'a group that their issuer vouches for' : why };
      const needed = ROLE_NAMES.filter((role) => gives(role, permission));
      return { name, allowed, reason: obstacle ?? lackText(held, permission, needed) };
    },
  };
}

function kindOf(name: string): 'user' | 'robot' {
  return isRobotName(name) ? 'robot' : 'user';
}

/** Collects who holds something, each once, in the order they are found. */
function holdersOf() {
  const holders = new Map<string, Holder>();
  return {
    add(kind: Holder['kind'], name: string, held: Held): void {
      const key = `${kind} ${name}`;
      const holder = holders.get(key) ?? { kind, name, through: [] };
      holder.through.push({ ...held });
      holders.set(key, holder);
    },
    without: (robots: ReadonlySet<string>): Holder[] =>
      [...holders.values()].filter(({ kind, name }) => kind !== 'robot' || !robots.has(name)),
  };
}
