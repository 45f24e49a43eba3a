/*
 * Answers to those who never get as far as the routes: what the parser cannot read, and what is over a limit of the
 * server itself. Same form of body, same headers, and always the end of the connection.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ErrorCode } from '#oci/errors.ts';
import { wire } from './errors.ts';
import { SECURITY_HEADERS } from './headers.ts';

/** Why somebody is turned away. */
export interface Refusal {
  readonly status: 400 | 408 | 429 | 431;
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

const PHRASES = {
  400: 'Bad Request',
  408: 'Request Timeout',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
} as const satisfies Record<Refusal['status'], string>;

/** Answers on a connection whose bytes are not a request. */
export function refuseSocket(socket: Socket, refusal: Refusal): void {
  const { headers, body } = compose(refusal);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${refusal.status} ${PHRASES[refusal.status]}\r\n${lines.join('')}\r\n${body}`);
}

/** Answers a request and ends it; where another answer has begun already, only the latter. */
export function refuseRequest(response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent) {
    response.req.destroy();
    return;
  }
  // Node counts the request as done once it is answered, and whoever still reads its body would read for ever.
  response.once('close', () => response.req.destroy());
  const { headers, body } = compose(refusal);
  response.writeHead(refusal.status, headers).end(body);
}

function compose({ status, code, message, retryAfterSeconds }: Refusal): {
  headers: Record<string, string | number>;
  body: string;
} {
  const { body } = wire(status, [{ code, message }]);
  const retry = retryAfterSeconds === undefined ? {} : { 'Retry-After': retryAfterSeconds };
  return {
    headers: {
      ...Object.fromEntries(SECURITY_HEADERS),
      ...retry,
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      Connection: 'close',
    },
    body,
  };
}
