import { type Administration, type Input, type OperationId, type Output, operationIds } from '#api/operations.ts';
import type { AdministrationContext } from './change.ts';
import { eventAdministration } from './event-administration.ts';
import { grantAdministration } from './grant-administration.ts';
import { groupAdministration } from './group-administration.ts';
import { inquiry } from './inquiry.ts';
import { requireOperation } from './requirement.ts';
import { Rights } from './rights.ts';
import { robotAdministration } from './robot-administration.ts';
import { type Caller, Session } from './session.ts';
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

export function openAdministration(context: AdministrationContext): AdministrationRoom {
  return {
    as(caller) {
      const unguarded: Administration = {
        ...inquiry(context, caller),
        ...grantAdministration(context, caller),
        ...userAdministration(context, caller),
        ...groupAdministration(context, caller),
        ...robotAdministration(context, caller),
        ...eventAdministration(context),
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

function guarded(context: AdministrationContext, caller: Caller, unguarded: Administration): Administration {
  const guard =
    <K extends OperationId>(id: K) =>
    async (input: Input<K>): Promise<Output<K>> => {
      await requireOperation(context, caller, { id, input });
      return await unguarded[id](input);
    };
  // Each entry was made from the operation of its name.
  return Object.fromEntries(operationIds.map((id) => [id, guard(id)])) as Administration;
}
