import type { IncomingMessage } from 'node:http';
import type { AdministrationRoom } from '#access/administration.ts';
import type { Caller } from '#access/session.ts';
import { type FieldProblem, InputError, parseInput } from '#api/input.ts';
import { OPENAPI_PATH, openApiDocument } from '#api/openapi.ts';
import { type Operation, otherFields, pathFields, placeOfFields } from '#api/operation.ts';
import { type Administration, type OperationId, operationIds, operations } from '#api/operations.ts';
import { RegistryError } from '#oci/errors.ts';
import { allowSilenceAfter, hasBody, readSmallBody } from './body.ts';
import type { Exchange, Handler } from './exchange.ts';

/** What the routes of the API need. */
export interface ApiSurroundings {
  readonly administration: AdministrationRoom;
  /** Who asks, once the entrance has settled that. */
  readonly callerOf: (exchange: Exchange) => Caller;
}

/** A route of the API: one of routes.ts, which is made of these and of others. */
export interface ApiRoute {
  readonly name: string;
  readonly method: Operation['method'];
  readonly path: string | RegExp;
  readonly requires: 'api' | 'anyone';
  readonly handler: Handler;
}

/** 1 MiB: an htpasswd file of ten thousand users. */
const BODY_MAX_BYTES = 1024 * 1024;

/** A route for every operation of the table, and one for the document that describes them. */
export function apiRoutes({ administration, callerOf }: ApiSurroundings): readonly ApiRoute[] {
  const routes = operationIds.map((id) => routeOf(id, (exchange) => administration.as(callerOf(exchange))));
  return [...routes, documentRoute()];
}

/** Who may do what is for the operation to say; the entrance only asks for somebody. */
function routeOf(id: OperationId, administrationOf: (exchange: Exchange) => Administration): ApiRoute {
  const { method, path }: Operation = operations[id];
  return {
    name: `api.${id}`,
    method,
    path: patternOf(path),
    requires: 'api',
    handler: handlerOf(id, administrationOf),
  };
}

function documentRoute(): ApiRoute {
  // Made when it is first asked for: few servers ever are.
  let document: string | undefined;
  return {
    name: 'api.document',
    method: 'GET',
    path: OPENAPI_PATH,
    requires: 'anyone',
    async handler(exchange) {
      exchange.set('Cache-Control', 'no-store');
      exchange.type = 'application/json';
      document ??= JSON.stringify(openApiDocument(), null, 2);
      exchange.body = document;
    },
  };
}

/** A path as routes have it: fixed, or a pattern with a named group for each field. */
function patternOf(path: string): string | RegExp {
  if (!path.includes('{')) return path;
  return new RegExp(`^${path.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`);
}

function handlerOf<K extends OperationId>(id: K, administrationOf: (exchange: Exchange) => Administration): Handler {
  const { status, takesLong }: Operation = operations[id];
  return async (exchange) => {
    exchange.set('Cache-Control', 'no-store');
    if (takesLong === true) allowSilenceAfter(exchange.req);
    const input = parseInput(id, await rawInput(exchange, operations[id]));
    const output = await administrationOf(exchange)[id](input);
    exchange.status = status;
    exchange.body = output;
  };
}

/** @throws {InputError} */
async function rawInput(exchange: Exchange, operation: Operation): Promise<Record<string, unknown>> {
  const inPath = pathFields(operation);
  const fields = await fieldsOf(exchange, operation);
  // Said twice, a field could mean two things.
  const twice = inPath.filter((field) => Object.hasOwn(fields, field));
  if (twice.length > 0) throw invalid(twice.map((field) => ({ field, problem: 'stands in the path already' })));
  return { ...fields, ...Object.fromEntries(inPath.map((field) => [field, exchange.params[field]])) };
}

async function fieldsOf({ req, query }: Exchange, operation: Operation): Promise<Record<string, unknown>> {
  if (placeOfFields(operation) === 'query') return { ...query };
  if (otherFields(operation).length === 0 && !hasBody(req)) return {};
  const type = req.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    const problem = `expected a body of type application/json, found ${type ?? 'none'}`;
    throw new InputError('media-type', [{ field: '', problem }]);
  }
  return objectOf(await bodyText(req));
}

async function bodyText(request: IncomingMessage): Promise<string> {
  try {
    return (await readSmallBody(request, BODY_MAX_BYTES)).toString('utf8');
  } catch (error) {
    if (!(error instanceof RegistryError) || error.reason !== 'too-large') throw error;
    const problem = `expected a body of at most ${BODY_MAX_BYTES} bytes`;
    throw new InputError('too-large', [{ field: '', problem }]);
  }
}

function objectOf(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own words repeat what it could not read, which may be a password.
    throw invalid([{ field: '', problem: 'expected the body to be JSON' }]);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid([{ field: '', problem: 'expected the body to be a JSON object' }]);
  }
  return { ...value };
}

function invalid(problems: readonly FieldProblem[]): InputError {
  return new InputError('invalid', problems);
}
