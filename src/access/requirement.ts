import type { Operation } from '#api/operation.ts';
import { type OperationId, operations } from '#api/operations.ts';
import type { AdministrationContext } from './change.ts';
import { checkRepository, checkScope, robotNameOf } from './checks.ts';
import { AccessError } from './errors.ts';
import { managedRobot } from './robots.ts';
import { EVERYWHERE, type Scope, scopeText } from './scope.ts';
import type { Caller } from './session.ts';

/** What became of an operation that was asked for: it is carried out, or answered as if nothing were there. */
export type Admission = 'admitted' | 'unseen';

/**
 * Refuses an operation that the caller may not ask for, before anything of it is done. The one place where the table's
 * `requires` is enforced, whichever way the operation was asked for.
 *
 * @throws {AccessError} denied, robot-unknown, and invalid or name-invalid for a place that cannot be
 */
export async function requireOperation(
  context: AdministrationContext,
  caller: Caller,
  { id, input }: { id: OperationId; input: Readonly<Record<string, unknown>> },
): Promise<Admission> {
  const { session } = caller;
  const { requires }: Operation = operations[id];
  if (session.isAnonymous) throw new AccessError('denied', 'administration is for those who log in');
  if (session.token !== undefined && !session.token.api) {
    throw new AccessError('denied', 'the token is not for the API; ask for one with the scope registry:api:*');
  }
  if (requires === 'authenticated') return 'admitted';
  const { permission, on, orSelf, unseen } = requires;
  if (orSelf !== undefined && [undefined, session.principal.name].includes(textOf(input[orSelf]))) return 'admitted';
  try {
    if (on === 'robot') {
      await managedRobot(context.metadata, caller, robotNameOf(textOf(input['name']) ?? ''));
      return 'admitted';
    }
    const place = placeOf(on, input);
    const needed = on === 'repository-or-system' && place === EVERYWHERE ? 'system' : permission;
    if (session.holds(needed, place)) return 'admitted';
    const error = new AccessError('denied', `no permission to ${needed} on ${scopeText(place)}`);
    if (unseen === undefined || session.holds('pull', place)) throw error;
    noteRefusal(context, caller, { id, error });
    return 'unseen';
  } catch (error) {
    if (error instanceof AccessError) noteRefusal(context, caller, { id, error });
    throw error;
  }
}

/** @throws {AccessError} invalid */
function placeOf(
  on: 'system' | 'scope' | 'repository' | 'repository-or-system',
  input: Readonly<Record<string, unknown>>,
): Scope {
  const repository = textOf(input['repository']);
  switch (on) {
    case 'system':
      return EVERYWHERE;
    case 'scope': {
      const scope = textOf(input['scope']) ?? '';
      checkScope(scope);
      return scope;
    }
    case 'repository-or-system':
      if (repository === undefined) return EVERYWHERE;
      checkRepository(repository);
      return repository;
    case 'repository':
      checkRepository(repository ?? '');
      return repository ?? '';
  }
}

function noteRefusal(
  { note }: AdministrationContext,
  { origin }: Caller,
  { id, error }: { id: OperationId; error: AccessError },
): void {
  if (error.reason !== 'denied' && error.reason !== 'robot-unknown') return;
  note(origin, { kind: 'access.refuse', outcome: 'refused', reference: id, reason: error.message });
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
