import { z } from 'zod';
import { type Operation, otherFields, pathFields, placeOfFields } from './operation.ts';
import { operations } from './operations.ts';

type Json = Record<string, unknown>;

/** Where the document is served. */
export const OPENAPI_PATH = '/api/v1/openapi.json';

/** Error answers, by what they mean. A server that is overloaded may give 503 to anything. */
const ERRORS: Readonly<Record<string, { name: string; description: string }>> = {
  400: { name: 'Invalid', description: 'a field is missing, unknown or not what it must be' },
  401: { name: 'Unauthorized', description: 'nobody, a wrong password, or a token that is not for the API' },
  403: { name: 'Denied', description: 'the caller lacks the permission' },
  404: { name: 'Unknown', description: 'there is no such thing, or the caller may not know of it' },
  409: { name: 'Conflict', description: 'it exists already, or something still needs what would go' },
  413: { name: 'TooLarge', description: 'the body is larger than 1 MiB' },
  415: { name: 'MediaType', description: 'the body is not application/json' },
  429: { name: 'TooMany', description: 'too many wrong passwords, or too many at once' },
};

/** The table of operations as an OpenAPI 3.1 document. */
export function openApiDocument(table: Readonly<Record<string, Operation>> = operations): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Gatehouse administration',
      version: '1',
      description: 'Who may do what, who did what, what is kept and what comes back.',
    },
    servers: [{ url: '/' }],
    security: [{ basic: [] }, { bearer: [] }],
    paths: pathsOf(table),
    components: {
      securitySchemes: {
        basic: { type: 'http', scheme: 'basic', description: 'name and password of a user, or a robot and its secret' },
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'a token of /token for the scope registry:api:*',
        },
      },
      schemas: { Error: jsonSchema(errorBody, 'output') },
      responses: Object.fromEntries(
        Object.values(ERRORS).map(({ name, description }) => [
          name,
          { description, content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } },
        ]),
      ),
    },
  };
}

/** The error body of every answer. Distribution Spec v1.1.1, "Error Codes". */
export const errorBody = z.object({
  errors: z.array(z.object({ code: z.string(), message: z.string(), detail: z.unknown().optional() })),
});

function pathsOf(table: Readonly<Record<string, Operation>>): Json {
  const paths: Record<string, Json> = {};
  for (const [id, operation] of Object.entries(table)) {
    const item = (paths[operation.path] ??= {});
    item[operation.method.toLowerCase()] = operationObject(id, operation);
  }
  return paths;
}

function operationObject(id: string, operation: Operation): Json {
  const { properties, required } = inputSchema(operation);
  const inPath = pathFields(operation).map((field) =>
    parameter(field, properties[field], { in: 'path', required: true }),
  );
  const others = otherFields(operation);
  const isBody = placeOfFields(operation) === 'body';
  const inQuery = isBody
    ? []
    : others.map((field) => parameter(field, properties[field], { in: 'query', required: required.includes(field) }));
  const body = {
    type: 'object',
    properties: Object.fromEntries(others.map((field) => [field, properties[field]])),
    required: others.filter((field) => required.includes(field)),
    additionalProperties: false,
  };
  return {
    operationId: id,
    summary: operation.summary,
    description: requirementText(operation),
    tags: [operation.tag],
    parameters: [...inPath, ...inQuery],
    ...(isBody && others.length > 0
      ? {
          requestBody: {
            required: body.required.length > 0,
            content: { 'application/json': { schema: body } },
          },
        }
      : {}),
    responses: {
      [operation.status]: {
        description: 'done',
        content: { 'application/json': { schema: jsonSchema(operation.output, 'output') } },
      },
      ...errorResponses(operation),
    },
  };
}

function inputSchema(operation: Operation): { properties: Json; required: string[] } {
  const shape = z.object({ properties: z.record(z.string(), z.unknown()), required: z.array(z.string()).prefault([]) });
  return shape.parse(jsonSchema(operation.input, 'input'));
}

function parameter(name: string, schema: unknown, place: { in: 'path' | 'query'; required: boolean }): Json {
  return { name, ...place, schema };
}

function errorResponses(operation: Operation): Json {
  const takesBody = placeOfFields(operation) === 'body' && otherFields(operation).length > 0;
  const statuses = Object.entries(ERRORS).filter(([status]) => takesBody || !['413', '415'].includes(status));
  return Object.fromEntries(statuses.map(([status, { name }]) => [status, { $ref: `#/components/responses/${name}` }]));
}

function requirementText({ requires }: Operation): string {
  if (requires === 'authenticated') return 'For everybody who is somebody.';
  const places = {
    system: 'everywhere',
    scope: 'in the scope',
    repository: 'in the repository',
    robot: 'in the scope of the robot',
    'repository-or-system': 'in the repository; without one, requires `system` everywhere',
  };
  const self = requires.orSelf === undefined ? '' : ` Nothing is required where \`${requires.orSelf}\` is the caller.`;
  const unseen = requires.unseen === undefined ? '' : ' To whoever may not see the repository it is not there.';
  return `Requires \`${requires.permission}\` ${places[requires.on]}.${self}${unseen}`;
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
}
