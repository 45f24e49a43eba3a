import { expect, test } from 'vitest';
import { openAdministration } from '#access/administration.ts';
import { openKeys } from '#access/open.ts';
import { accessOptions } from '#access/options.ts';
import { openThrottle } from '#access/throttle.ts';
import { OPENAPI_PATH, openApiDocument } from '#api/openapi.ts';
import { type Operation, otherFields, pathFields, placeOfFields } from '#api/operation.ts';
import { operations } from '#api/operations.ts';
import { apiRoutes } from '#http/api.ts';
import { retentionOf, trustOf } from '../access/callers.ts';
import { temporaryMetadata } from '../access/metadata.ts';
import { documentFaults, operationsOf } from './document.ts';

const entries: readonly (readonly [string, Operation])[] = Object.entries(operations);

test('the document is sound OpenAPI 3.1', () => {
  expect(documentFaults(openApiDocument())).toEqual([]);
});

test('the document has every route of the API, and every route stands in it', async () => {
  const routes = await servedRoutes();
  expect(operationsOf(openApiDocument()).map(({ key }) => key)).toEqual(routes);
  expect(routes.length).toBe(entries.length);
  expect(new Set(routes).size).toBe(routes.length);
});

test.each(entries)('a document without %s is found out', async (id) => {
  const rest = Object.fromEntries(entries.filter(([other]) => other !== id));
  const keys = operationsOf(openApiDocument(rest)).map(({ key }) => key);
  expect(keys).not.toEqual(await servedRoutes());
});

test.each(entries)('%s says where each of its fields goes', (id, operation) => {
  const described = operationsOf(openApiDocument()).find(({ operationId }) => operationId === id);
  const place = placeOfFields(operation);
  const others = otherFields(operation);
  expect(described?.parameters).toEqual([
    ...pathFields(operation).map((name) => `path ${name}`),
    ...(place === 'query' ? others.map((name) => `query ${name}`) : []),
  ]);
  expect(described?.bodyFields).toEqual(place === 'body' ? others : []);
});

test.each<[string, (document: Record<string, unknown>) => Record<string, unknown>]>([
  ['another version', (document) => ({ ...document, openapi: '3.0.3' })],
  ['no paths', (document) => ({ ...document, paths: {} })],
  ['no shared answers', (document) => ({ ...document, components: {} })],
  [
    'a path without its parameter',
    (document) => ({ ...document, paths: { '/x/{name}': { get: { operationId: 'x' } } } }),
  ],
])('the check sees a document with %s', (_, spoil) => {
  expect(documentFaults(spoil(openApiDocument()))).not.toEqual([]);
});

/** Method and path of every route of the API, the document's own aside, as the document writes them. */
async function servedRoutes(): Promise<string[]> {
  await using database = await temporaryMetadata();
  const { metadata } = database;
  const administration = openAdministration({
    metadata,
    clock: () => 0,
    note: () => undefined,
    throttle: openThrottle(),
    keys: openKeys({ metadata, clock: () => 0, options: accessOptions.parse({}) }),
    ...retentionOf(metadata, () => 0),
    ...trustOf(),
  });
  const routes = apiRoutes({
    administration,
    callerOf: () => {
      throw new Error('nobody asks');
    },
  });
  return routes
    .filter(({ path }) => path !== OPENAPI_PATH)
    .map(({ method, path }) => {
      const source = typeof path === 'string' ? path : path.source.replace(/^\^|\$$/g, '').replaceAll('\\/', '/');
      return `${method} ${source.replaceAll(/\(\?<(\w+)>\[\^\/\]\+\)/g, '{$1}')}`;
    })
    .sort();
}
