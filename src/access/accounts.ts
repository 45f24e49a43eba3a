import { hash } from 'node:crypto';
import { accessVersion, accessVersionAtOnce } from '#metadata/access-state.ts';
import { grantsTo } from '#metadata/grants.ts';
import { groupsOf } from '#metadata/groups.ts';
import { findRobotCredential } from '#metadata/robots.ts';
import type { Sql } from '#metadata/sql.ts';
import { findPasswordHash } from '#metadata/users.ts';
import { Rights } from './rights.ts';
import { EVERYWHERE } from './scope.ts';
import type { Principal } from './session.ts';
import { ANONYMOUS, AUTHENTICATED } from './subject.ts';

/** Who somebody proved to be, and what the proof was good for. */
export interface Identity {
  readonly principal: Principal;
  /** Of the password or secret they gave; empty when it was none of ours. With another one it is worth nothing. */
  readonly stamp: string;
  /** Groups that an issuer vouched for; those kept here are looked up. */
  readonly groups: readonly string[];
  /** When the proof ends, in milliseconds since the epoch. */
  readonly expiresAt?: number | undefined;
}

/** What the database knows of who may do what, now. */
export interface Accounts {
  /** Rises whenever what this says may be another than before. */
  version(): Promise<number>;
  /** The same without waiting; undefined where the database has to be waited for. */
  versionAtOnce(): number | undefined;
  /** What somebody may do; undefined when what they proved no longer holds: another password, a disabled robot. */
  rightsOf(identity: Identity): Promise<Rights | undefined>;
}

/** Somebody who proved nothing. */
export const NOBODY: Identity = { principal: { name: ANONYMOUS, kind: 'anonymous' }, stamp: '', groups: [] };

export function openAccounts({ metadata, clock }: { metadata: Sql; clock: () => number }): Accounts {
  const anonymousGrants = () => grantsTo(metadata, '', [ANONYMOUS]);

  /** The scope that bounds them; undefined when they may not come in. */
  const boundOf = async ({ principal, stamp }: Identity): Promise<string | undefined> => {
    switch (principal.kind) {
      case 'user': {
        const passwordHash = await findPasswordHash(metadata, principal.name);
        return passwordHash !== undefined && stampOf(passwordHash) === stamp ? EVERYWHERE : undefined;
      }
      case 'robot': {
        const robot = await findRobotCredential(metadata, principal.name);
        if (robot === undefined || robot.disabledAt !== null) return undefined;
        if (robot.expiresAt !== null && robot.expiresAt <= clock()) return undefined;
        return stampOf(robot.secretHash) === stamp ? robot.scope : undefined;
      }
      case 'workload':
      case 'certificate':
      case 'anonymous':
      case 'local':
        return EVERYWHERE;
    }
  };

  return {
    version: () => accessVersion(metadata),
    versionAtOnce: () => accessVersionAtOnce(metadata),

    async rightsOf(identity) {
      const { principal, groups } = identity;
      if (principal.kind === 'anonymous') return new Rights(await anonymousGrants());
      const bound = await boundOf(identity);
      if (bound === undefined) return undefined;
      const all = [...groups, ...(await groupsOf(metadata, principal.name)), AUTHENTICATED];
      const rights = new Rights(await grantsTo(metadata, principal.name, all), bound);
      // What anybody may do, they may too: logging in takes nothing away.
      rights.addAll(await anonymousGrants());
      return rights;
    },
  };
}

/** What tells one password's hash from another, and says nothing of either. */
export function stampOf(secretHash: string): string {
  return hash('sha256', secretHash, 'base64url').slice(0, 22);
}
