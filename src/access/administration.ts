import {
  type Administration,
  type Input,
  type OperationId,
  type Output,
  type RetentionOperations,
  type TrustOperations,
  operationIds,
} from '#api/operations.ts';
import type { Origin } from '#metadata/events.ts';
import type { AdministrationContext } from './change.ts';
import { eventAdministration } from './event-administration.ts';
import { grantAdministration } from './grant-administration.ts';
import { groupAdministration } from './group-administration.ts';
import { inquiry } from './inquiry.ts';
import { keyAdministration } from './key-administration.ts';
import { requireOperation } from './requirement.ts';
import { Rights } from './rights.ts';
import { robotAdministration } from './robot-administration.ts';
import { type Caller, Session } from './session.ts';
import type { SigningKeys } from './signing-keys.ts';
import { LOCAL } from './subject.ts';
import { userAdministration } from './user-administration.ts';

export type { AdministrationContext } from './change.ts';

/** Everything there is to administer, for whoever asks. */
export interface AdministrationRoom {
  /**
   * All operations, as the caller may use them. Each refuses what the caller may not ask for.
   *
   * @throws {AccessError} from every operation
   */
  as(caller: Caller): Administration;
}

/** What administration works on, with those who carry out what is of another room. */
export interface AdministrationSurroundings extends AdministrationContext {
  readonly keys: Pick<SigningKeys, 'rotate'>;
  readonly retention: (origin: Origin) => RetentionOperations;
  /** The same over a registry that has nothing: what there is for those who may not see what there is. */
  readonly emptyRetention: (origin: Origin) => RetentionOperations;
  readonly trust: (seat: Seat) => TrustOperations;
  /** The same over a registry that has nothing. */
  readonly emptyTrust: (seat: Seat) => TrustOperations;
}

/** Who asks, for rooms that know nothing of rights. */
export interface Seat {
  readonly origin: Origin;
  /** Whether they push or sign in a repository, and so see what is held back there. */
  readonly isInsider: (repository: string) => boolean;
  /** Whether they sit on the server, whose files they can read. */
  readonly isLocal: boolean;
}

export function openAdministration(context: AdministrationSurroundings): AdministrationRoom {
  return {
    as(caller) {
      const unguarded: Administration = {
        ...inquiry(context, caller),
        ...grantAdministration(context, caller),
        ...userAdministration(context, caller),
        ...groupAdministration(context, caller),
        ...robotAdministration(context, caller),
        ...keyAdministration(context.keys, caller),
        ...eventAdministration(context),
        ...context.retention(caller.origin),
        ...context.trust(seatOf(caller)),
      };
      return guarded(context, caller, unguarded);
    },
  };
}

/** Whoever sits on the server: they can change its data anyway. */
export const LOCAL_CALLER: Caller = {
  session: new Session({ name: LOCAL, kind: 'local' }, Rights.full),
  origin: { actor: LOCAL, address: '', requestId: '' },
};

function seatOf({ session, origin }: Caller): Seat {
  return {
    origin,
    isInsider: (repository) => session.holds('attach', repository),
    isLocal: session.principal.kind === 'local',
  };
}

function guarded(context: AdministrationSurroundings, caller: Caller, unguarded: Administration): Administration {
  const nowhere: Partial<Administration> = {
    ...context.emptyRetention(caller.origin),
    ...context.emptyTrust(seatOf(caller)),
  };
  const guard =
    <K extends OperationId>(id: K) =>
    async (input: Input<K>): Promise<Output<K>> => {
      const admission = await requireOperation(context, caller, { id, input });
      const act = (admission === 'unseen' ? nowhere : unguarded)[id];
      if (act === undefined) throw new Error(`nobody answers ${id} for what is not to be seen`);
      return await act(input);
    };
  // Each entry was made from the operation of its name.
  return Object.fromEntries(operationIds.map((id) => [id, guard(id)])) as Administration;
}
