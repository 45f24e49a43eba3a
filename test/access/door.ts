import type { Workloads } from '#access/log-in.ts';
import { type Access, openAccess } from '#access/open.ts';
import type { Session } from '#access/session.ts';
import type { NewEvent, Origin } from '#metadata/events.ts';
import type { Sql } from '#metadata/sql.ts';

/** The access room on a database, with what it noted for the audit trail. */
export interface Door extends Access {
  readonly noted: readonly (NewEvent & Origin)[];
  /** Name of whoever the header lets in; undefined when it lets nobody in. */
  nameOf(authorization: string | undefined): Promise<string | undefined>;
  session(authorization: string | undefined): Promise<Session>;
}

const nobodyVouches: Workloads = {
  isForUs: () => false,
  verify: () => Promise.reject(new Error('there are no issuers')),
};

/** Opens the door as a server does, without the second that wrong passwords cost there. */
export function openDoor(
  metadata: Sql,
  { clock = Date.now, workloads = nobodyVouches }: { clock?: () => number; workloads?: Workloads } = {},
): Door {
  const noted: (NewEvent & Origin)[] = [];
  const access = openAccess({
    metadata,
    clock,
    workloads,
    options: {
      tokens: { lifetime: 300_000, refreshLifetime: 90 * 86_400_000, rotateKeysEvery: 30 * 86_400_000 },
      passwords: { failureDelay: 0 },
      oidc: [],
    },
    publicUrl: 'https://registry.example.org',
    note: (origin, event) => noted.push({ ...origin, ...event }),
  });
  // As the entrance does: whoever is not recognized is looked at.
  const session = async (authorization: string | undefined): Promise<Session> =>
    access.authenticator.recognize(authorization, undefined) ??
    (await access.authenticator.authenticate({ authorization, address: '192.0.2.1', requestId: 'r1' }));
  return {
    ...access,
    noted,
    session,
    async nameOf(authorization) {
      try {
        return (await session(authorization)).principal.name;
      } catch (error) {
        if (error instanceof Error && error.name === 'AuthenticationError') return undefined;
        throw error;
      }
    },
  };
}

export function basic(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}
