import type { RequestListener, Server } from 'node:http';
import { openClients } from './client-address.ts';
import { openConnections } from './connections.ts';
import type { HttpOptions } from './options.ts';
import { type Refusal, refuseRequest } from './refusals.ts';
import { openSlowBodies } from './slow-bodies.ts';

// More than any client sends; above it a request is answered 431.
const HEADERS_MAX = 500;

// RFC 9112, section 3.2. Node would say so too, without a body and without the headers that every answer has.
const NO_HOST: Refusal = { status: 400, code: 'UNSUPPORTED', message: 'expected a Host header' };

/** The limits that hold before anybody knows what is asked or who asks. */
export interface Limits {
  /** A listener that is given only what is within them. */
  guard(listener: RequestListener): RequestListener;
  /** Puts a server under them, until it is closed. */
  attach(server: Server, kind: 'http' | 'https'): void;
}

export function openLimits({ limits, trustedProxies, idleTimeout }: HttpOptions): Limits {
  const { bytesPerSecond, grace } = limits.slowBody;
  const connections = openConnections(limits.connectionsPerAddress, openClients(trustedProxies));
  const bodies = openSlowBodies({ bytesPerSecond, graceMs: grace, mostMs: Math.max(grace, idleTimeout) });
  return {
    guard: (listener) => (request, response) => {
      if (connections.refuses(request, response)) return;
      if (request.headers.host === undefined && request.httpVersion === '1.1') {
        refuseRequest(response, NO_HOST);
        return;
      }
      bodies.watch(request, response);
      listener(request, response);
    },
    attach(server, kind) {
      server.maxHeadersCount = HEADERS_MAX;
      connections.watch(server, kind);
      server.once('close', bodies.start());
    },
  };
}
