import type { z } from 'zod';

/** An operation as an OpenAPI document describes it. */
export interface DescribedOperation {
  /** Method and path, as in `GET /api/v1/users`. */
  readonly key: string;
  readonly operationId: unknown;
  /** As in `path name`. */
  readonly parameters: readonly string[];
  readonly bodyFields: readonly string[];
  /** JSON Schema of each answer with a body of its own, by status. */
  readonly answers: Readonly<Record<string, z.core.JSONSchema.JSONSchema>>;
}

type Json = Readonly<Record<string, unknown>>;

/** The value at a path of keys; undefined when there is none. */
function at(value: unknown, ...keys: readonly string[]): unknown {
  let found = value;
  for (const key of keys) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = Reflect.get(found, key);
  }
  return found;
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

/** Every operation of a document, sorted by method and path. */
export function operationsOf(document: unknown): DescribedOperation[] {
  const operations = entriesOf(at(document, 'paths')).flatMap(([path, item]) =>
    entriesOf(item).map(([method, operation]) => described(method, path, operation)),
  );
  return operations.sort((one, other) => (one.key < other.key ? -1 : 1));
}

function described(method: string, path: string, operation: unknown): DescribedOperation {
  const parameters = entriesOf(at(operation, 'parameters')).map(
    ([, parameter]) => `${String(at(parameter, 'in'))} ${String(at(parameter, 'name'))}`,
  );
  const body = at(operation, 'requestBody', 'content', 'application/json', 'schema', 'properties');
  const answers = entriesOf(at(operation, 'responses')).flatMap(
    ([status, answer]): [string, z.core.JSONSchema.JSONSchema][] => {
      const schema = at(answer, 'content', 'application/json', 'schema');
      return typeof schema === 'object' && schema !== null ? [[status, { ...schema }]] : [];
    },
  );
  return {
    key: `${method.toUpperCase()} ${path}`,
    operationId: at(operation, 'operationId'),
    parameters,
    bodyFields: entriesOf(body).map(([name]) => name),
    answers: Object.fromEntries(answers),
  };
}

/** What keeps a document from being sound. OpenAPI Specification 3.1.0, the parts that are used here. */
export function documentFaults(document: Json): string[] {
  const faults: string[] = [];
  if (!/^3\.1\.\d+$/.test(String(document['openapi']))) faults.push('openapi is not 3.1');
  for (const key of ['title', 'version']) if (typeof at(document, 'info', key) !== 'string') faults.push(`no ${key}`);
  const operations = operationsOf(document);
  if (operations.length === 0) faults.push('no operations');
  const ids = new Set(operations.map(({ operationId }) => operationId));
  if (ids.size !== operations.length || ids.has(undefined)) faults.push('operationIds are not unique');
  for (const operation of operations) faults.push(...operationFaults(document, operation));
  for (const reference of referencesIn(document)) {
    if (at(document, ...reference.replace(/^#\//, '').split('/')) === undefined) faults.push(`no ${reference}`);
  }
  const schemes = new Set(entriesOf(at(document, 'components', 'securitySchemes')).map(([name]) => name));
  for (const [, requirement] of entriesOf(document['security'])) {
    for (const [name] of entriesOf(requirement)) if (!schemes.has(name)) faults.push(`no security scheme ${name}`);
  }
  return faults;
}

function operationFaults(document: Json, { key, parameters }: DescribedOperation): string[] {
  const [method = '', path = ''] = key.split(' ');
  const operation = at(document, 'paths', path, method.toLowerCase());
  const faults: string[] = [];
  const inPath = Array.from(path.matchAll(/\{(\w+)\}/g), (match) => `path ${match[1]}`);
  const declared = parameters.filter((parameter) => parameter.startsWith('path '));
  if (inPath.join() !== declared.join())
    faults.push(`${key}: its path holds ${inPath.join()}, it says ${declared.join()}`);
  for (const [, parameter] of entriesOf(at(operation, 'parameters'))) {
    if (at(parameter, 'schema') === undefined) faults.push(`${key}: a parameter without schema`);
    if (at(parameter, 'in') === 'path' && at(parameter, 'required') !== true) faults.push(`${key}: an optional path`);
  }
  const answers = entriesOf(at(operation, 'responses'));
  if (!answers.some(([status]) => status.startsWith('2'))) faults.push(`${key}: no success`);
  for (const [status, answer] of answers) {
    if (at(answer, 'description') === undefined && at(answer, '$ref') === undefined)
      faults.push(`${key}: bare ${status}`);
  }
  return faults;
}

function referencesIn(value: unknown): string[] {
  return entriesOf(value).flatMap(([key, item]) => (key === '$ref' ? [String(item)] : referencesIn(item)));
}
