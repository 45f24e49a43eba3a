import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { text } from 'node:stream/consumers';
import { getCACertificates } from 'node:tls';
import { errorBody } from './openapi.ts';
import { type Operation, otherFields, pathFields, placeOfFields } from './operation.ts';
import { type Administration, type OperationId, operationIds, operations } from './operations.ts';

/** A server elsewhere. */
export interface Remote {
  /** Its origin, such as https://registry.example.com. */
  readonly url: string;
  /** Certificates it may be vouched for by, PEM, besides those the system trusts. */
  readonly ca?: string | undefined;
}

/** One request to it. */
export interface RemoteRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** How long to wait for the answer; half a minute unless given. */
  readonly timeoutMs?: number | undefined;
}

/** What it answered. */
export interface RemoteAnswer {
  readonly status: number;
  readonly body: string;
}

/** A server could not be reached, or did not do what it was asked. */
export class RemoteError extends Error {
  /** Of its answer; undefined when there was none. */
  readonly status: number | undefined;

  constructor(message: string, { status, ...options }: ErrorOptions & { status?: number | undefined } = {}) {
    super(message, options);
    this.name = 'RemoteError';
    this.status = status;
  }
}

/** Nothing the API does takes longer, an import of thousands of users included; but see {@link LONG_MS}. */
const TIMEOUT_MS = 30_000;
/** For what grows with the registry: a plan of a million tags is made in some minutes. */
const LONG_MS = 15 * 60_000;

/**
 * The API of a server elsewhere.
 *
 * @param authorization gives the header that says who asks; asked before every call
 */
export function remoteAdministration(remote: Remote, authorization: () => Promise<string>): Administration {
  const callOperation = async (id: OperationId, input: Readonly<Record<string, unknown>>): Promise<unknown> => {
    const operation: Operation = operations[id];
    const request = requestOf(operation, input);
    const headers = { ...request.headers, authorization: await authorization() };
    const answer = await callRemote(remote, {
      ...request,
      headers,
      timeoutMs: operation.takesLong === true ? LONG_MS : undefined,
    });
    if (answer.status !== operation.status) throw refusal(remote, answer);
    return parsedAnswer(remote, operation, answer);
  };
  const calls = operationIds.map((id) => [id, (input: Readonly<Record<string, unknown>>) => callOperation(id, input)]);
  // Each entry was made from the operation of its name, and parses what that gives.
  return Object.fromEntries(calls) as Administration;
}

/** The request that asks for an operation, without who asks. */
export function requestOf(operation: Operation, input: Readonly<Record<string, unknown>>): RemoteRequest {
  let path: string = operation.path;
  for (const field of pathFields(operation)) {
    path = path.replace(`{${field}}`, encodeURIComponent(String(input[field])));
  }
  const given = otherFields(operation).filter((field) => input[field] !== undefined);
  const fields = Object.fromEntries(given.map((field) => [field, input[field]]));
  if (placeOfFields(operation) === 'query') {
    const query = new URLSearchParams(given.map((field): [string, string] => [field, String(input[field])])).toString();
    return { method: operation.method, path: query === '' ? path : `${path}?${query}`, headers: {} };
  }
  if (otherFields(operation).length === 0) return { method: operation.method, path, headers: {} };
  const headers = { 'content-type': 'application/json' };
  return { method: operation.method, path, headers, body: JSON.stringify(fields) };
}

/**
 * One request to a server elsewhere. Nothing is followed: an answer from another address would be another server's.
 *
 * @throws {RemoteError} there was no answer; says why in words for people
 */
export async function callRemote({ url, ca }: Remote, request: RemoteRequest): Promise<RemoteAnswer> {
  const target = new URL(request.path, url);
  const timeoutMs = request.timeoutMs ?? TIMEOUT_MS;
  const send = target.protocol === 'https:' ? requestHttps : requestHttp;
  try {
    return await new Promise<RemoteAnswer>((resolve, reject) => {
      const outgoing = send(
        target,
        {
          method: request.method,
          headers: { ...request.headers, 'content-length': Buffer.byteLength(request.body ?? '') },
          agent: false,
          signal: AbortSignal.timeout(timeoutMs),
          ...(target.protocol === 'https:' ? { ca: trusted(ca) } : {}),
        },
        (incoming) => {
          text(incoming).then((body) => resolve({ status: incoming.statusCode ?? 0, body }), reject);
        },
      );
      outgoing.on('error', reject);
      outgoing.end(request.body);
    });
  } catch (error) {
    throw new RemoteError(unreachable(url, error, timeoutMs), { cause: error });
  }
}

/** Node itself looks only at the authorities it came with; those of the system are where scripts/trust-node puts ours. */
function trusted(ca: string | undefined): string[] {
  return [...getCACertificates('default'), ...getCACertificates('system'), ...(ca === undefined ? [] : [ca])];
}

/** What an answer that is no success means, in words for people. */
export function refusal({ url }: Remote, { status, body }: RemoteAnswer): RemoteError {
  const messages = errorBody.safeParse(jsonOf(body)).data?.errors.map(({ message }) => message) ?? [];
  const said = messages.join('; ');
  switch (status) {
    case 401:
      return new RemoteError(
        `${url} does not know you: ${said || 'authentication required'} (gatehouse login ${url})`,
        {
          status,
        },
      );
    case 403:
      return new RemoteError(said || `${url} does not let you do that`, { status });
    case 429:
      return new RemoteError(`${url} asks for patience: ${said || 'too many requests'}`, { status });
    default:
      return new RemoteError(said || `${url} answered ${status}, which is no answer of Gatehouse`, { status });
  }
}

function parsedAnswer({ url }: Remote, operation: Operation, { status, body }: RemoteAnswer): unknown {
  const { data, error } = operation.output.safeParse(jsonOf(body));
  if (error === undefined) return data;
  throw new RemoteError(`${url} gave an answer that this version of gatehouse does not understand`, {
    status,
    cause: error,
  });
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

const TRUST_CODES = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

function unreachable(url: string, error: unknown, timeoutMs: number): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (TRUST_CODES.has(code)) {
    return `${url} shows a certificate that this machine does not trust: give its authority with --ca, or see scripts/trust-node`;
  }
  switch (code) {
    case 'ECONNREFUSED':
      return `nothing answers at ${url}: is the server running?`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `there is no machine called ${new URL(url).hostname}`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the certificate at ${url} is for another name`;
    case 'CERT_HAS_EXPIRED':
      return `the certificate at ${url} has expired`;
    case 'EPROTO':
      return `${url} does not speak TLS: is it http?`;
    case 'ABORT_ERR':
    case 'TimeoutError':
      return `${url} did not answer within ${timeoutMs / 1000} seconds`;
    default:
      return `${url} cannot be reached: ${error instanceof Error ? error.message : String(error)}`;
  }
}
