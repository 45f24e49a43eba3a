import { type AdministrationSurroundings, LOCAL_CALLER, openAdministration } from '#access/administration.ts';
import { AccessError } from '#access/errors.ts';
import { openKeys } from '#access/open.ts';
import { accessOptions } from '#access/options.ts';
import { Rights } from '#access/rights.ts';
import { type Caller, type Principal, Session, type TokenScope } from '#access/session.ts';
import { openThrottle } from '#access/throttle.ts';
import type { Administration } from '#api/operations.ts';
import { accessVersion } from '#metadata/access-state.ts';
import { type EventRow, type NewEvent, type Origin, eventsAfter } from '#metadata/events.ts';
import { type Grant, grantsTo } from '#metadata/grants.ts';
import { groupsOf } from '#metadata/groups.ts';
import { nothing } from '#metadata/nothing.ts';
import type { Sql } from '#metadata/sql.ts';
import { createUser } from '#metadata/users.ts';
import { openGate } from '#registry/gate.ts';
import { openRetentionAdministration } from '#retention/administration.ts';
import { openPruning } from '#retention/prune.ts';
import { openTrustAdministration } from '#trust/administration.ts';
import type { TrustEngine } from '#trust/engine.ts';
import { nowhere } from '#trust/nowhere.ts';

/** Administration of a database, by anybody. */
export interface Callers {
  readonly local: Administration;
  readonly noted: readonly (NewEvent & Origin)[];
  /** As somebody, with what the database says they were granted. */
  as(name: string, kind?: Principal['kind'], token?: TokenScope): Promise<Administration>;
  /** As somebody who was granted just this. */
  with(name: string, ...grants: readonly Pick<Grant, 'role' | 'scope'>[]): Administration;
  /** Creates users whom no password lets in: deriving a key for each would be all these tests did. */
  readonly settle: (...names: string[]) => Promise<void>;
  readonly events: () => Promise<readonly EventRow[]>;
  /** What no failing act may change. */
  readonly state: () => Promise<{ events: number; version: number }>;
}

export function openCallers(
  metadata: Sql,
  { clock = () => 1000, engine = nowhere }: { clock?: () => number; engine?: TrustEngine } = {},
): Callers {
  const noted: (NewEvent & Origin)[] = [];
  const context: AdministrationSurroundings = {
    metadata,
    clock,
    keys: openKeys({ metadata, clock: () => 0, options: accessOptions.parse({}) }),
    ...retentionOf(metadata, clock),
    ...trustOf(engine),
    note: (origin, event) => noted.push({ ...origin, ...event }),
    throttle: openThrottle(),
  };
  const room = openAdministration(context);
  const events = (): Promise<EventRow[]> => eventsAfter(metadata, 0, 1000);
  return {
    local: room.as(LOCAL_CALLER),
    noted,
    async as(name, kind = 'user', token) {
      const groups = [...(await groupsOf(metadata, name)), 'system:authenticated'];
      return room.as(callerOf({ name, kind }, new Rights(await grantsTo(metadata, name, groups)), token));
    },
    with: (name, ...grants) => room.as(callerOf({ name, kind: 'user' }, new Rights(grants))),
    settle: async (...names) => {
      for (const name of names) {
        await metadata.transaction((inside) => createUser(inside, { name, passwordHash: 'x' }, 1000));
      }
    },
    events,
    state: async () => ({ events: (await events()).length, version: await accessVersion(metadata) }),
  };
}

/** What is kept, what goes and what comes back: in a database, and where there is nothing. */
export function retentionOf(
  metadata: Sql,
  clock: () => number,
): Pick<AdministrationSurroundings, 'retention' | 'emptyRetention'> {
  const over = (database: Sql) =>
    openRetentionAdministration({
      metadata: database,
      clock,
      gate: openGate,
      pruning: openPruning({ metadata: database, clock, rules: [], maxShare: 0.5 }),
    });
  return { retention: over(metadata), emptyRetention: over(nothing) };
}

/** The gate as it is given, and where there is nothing. */
export function trustOf(engine: TrustEngine = nowhere): Pick<AdministrationSurroundings, 'trust' | 'emptyTrust'> {
  const over = (one: TrustEngine) => openTrustAdministration({ engine: one, publicUrl: undefined });
  return { trust: over(engine), emptyTrust: over(nowhere) };
}

function callerOf(principal: Principal, rights: Rights, token?: TokenScope): Caller {
  const origin = { actor: principal.name, address: '192.0.2.1', requestId: 'r1' };
  return { session: new Session(principal, rights, token), origin };
}

/** Why an act was refused; undefined when it was not. */
export async function reasonOf(act: Promise<unknown>): Promise<string | undefined> {
  try {
    await act;
    return undefined;
  } catch (error) {
    if (error instanceof AccessError) return error.reason;
    throw error;
  }
}

/** The words of a refusal. */
export async function messageOf(act: Promise<unknown>): Promise<string> {
  try {
    await act;
    return 'it was not refused';
  } catch (error) {
    return error instanceof AccessError ? error.message : String(error);
  }
}
