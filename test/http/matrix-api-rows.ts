import { type Operation, otherFields, pathFields } from '#api/operation.ts';
import { type OperationId, operationIds, operations } from '#api/operations.ts';
import type { Request } from './matrix-rows.ts';

/** What an operation is asked about, beside the fields that every operation gets. */
const FIELDS: Readonly<Record<string, unknown>> = {
  // Nothing of that name is there: whoever is let in is told so, and nothing changes.
  name: 'nobody-here',
  member: 'nobody-here',
  subject: 'nobody-here',
  kind: 'user',
  role: 'registry-viewer',
  scope: 'team-a/app',
  repository: 'team-a/app',
  permission: 'pull',
  as: 'nobody-here',
  password: 'correct horse battery staple',
  htpasswd: '',
  tag: 'v1',
  revision: 1,
  plan: 'nobody-here',
  list: '',
  reason: 'tested',
  trust: {},
};

/** The robot that operations on a robot are about; its scope is the repository of the matrix. */
export const ROBOT = 'robot+target';

/** What an operation takes of somebody, in the words of docs/access.md. */
export type Needs = 'nothing' | 'pull' | 'attach' | 'push' | 'grant' | 'system';

/** One operation of the API, and how to ask for it without doing harm. */
export interface ApiRow {
  readonly id: OperationId;
  readonly needs: Needs;
  /** What those hear who may not. */
  readonly refusal: 403 | 404;
  /** What those hear who may not even see the repository: that it is not there. */
  readonly unseen: 403 | 404;
  readonly request: Request;
}

/** Each operation once: a new one is in the matrix without being mentioned. */
export const API_ROWS: readonly ApiRow[] = operationIds.map((id) => {
  const operation: Operation = operations[id];
  const { requires } = operation;
  const needs = requires === 'authenticated' ? 'nothing' : requires.permission;
  const isOfRobot = requires !== 'authenticated' && requires.on === 'robot';
  const hides = requires !== 'authenticated' && requires.unseen === 'nothing';
  const refusal = isOfRobot ? 404 : 403;
  return {
    id,
    needs: needsOf(needs),
    refusal,
    unseen: hides ? 404 : refusal,
    request: requestOf(id, isOfRobot),
  };
});

function needsOf(text: string): Needs {
  if (['nothing', 'pull', 'attach', 'push', 'grant', 'system'].includes(text)) return text as Needs;
  throw new Error(`the matrix does not know what ${text} takes`);
}

/** Deleting a robot that others are still to be asked about would end the matrix: it is one that is not there. */
function requestOf(id: OperationId, isOfRobot: boolean): Request {
  const operation: Operation = operations[id];
  const value = (field: string): unknown => (isOfRobot && field === 'name' ? ROBOT : FIELDS[field]);
  const path = pathFields(operation).reduce(
    (text, field) => text.replace(`{${field}}`, encodeURIComponent(String(value(field)))),
    operation.path,
  );
  const fields = otherFields(operation)
    .map((field) => [field, value(field)] as const)
    .filter(([, given]) => given !== undefined);
  const { method } = operation;
  if (method === 'GET' || method === 'DELETE') {
    const query = new URLSearchParams(
      fields.map(([field, given]): [string, string] => [field, String(given)]),
    ).toString();
    return { method, path: query === '' ? path : `${path}?${query}` };
  }
  const headers = { 'content-type': 'application/json' };
  return { method, path, headers, body: JSON.stringify(Object.fromEntries(fields)) };
}
