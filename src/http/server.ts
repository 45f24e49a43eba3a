import { type RequestListener, type Server, createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Tls } from '#tls/open.ts';
import { openLimits } from './limits.ts';
import type { HttpOptions } from './options.ts';
import { type Refusal, refuseSocket } from './refusals.ts';

/** A server that listens. */
export interface HttpServer {
  /** Where it can be reached on this machine. */
  readonly url: string;
  /**
   * Takes no new connection, lets every request that was accepted end, and cuts what is left after
   * `http.shutdownTimeout`.
   */
  stop(): Promise<void>;
}

// A client that has begun a request line gets this long for its headers.
const HEADERS_MS = 20_000;
// Longer than the minute that load balancers keep idle connections, so that we never close one they are about to use.
const KEEP_ALIVE_MS = 75_000;

/**
 * Listens for plain HTTP, or for HTTPS when there is something to encrypt with.
 *
 * @throws {Error} EADDRINUSE, EACCES or whatever the system says of the address
 */
export async function listen(
  listener: RequestListener,
  options: HttpOptions,
  tls?: Pick<Tls, 'options' | 'onChange'>,
): Promise<HttpServer> {
  const limits = openLimits(options);
  const guarded = limits.guard(listener);
  const { server, cutHandshakes } = openServer(guarded, options, tls);
  limits.attach(server, tls === undefined ? 'http' : 'https');
  server.timeout = options.idleTimeout;
  server.on('clientError', refuse);
  // RFC 9110, section 10.1.1: what else a client expects may be passed over; Node would answer 417 with nothing in it.
  server.on('checkExpectation', guarded);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.listen.port, options.listen.host, resolve);
  });
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${placeOf(server.address(), options.listen.host)}`,
    stop: () =>
      new Promise((resolve) => {
        const cut = setTimeout(() => {
          server.closeAllConnections();
          cutHandshakes();
        }, options.shutdownTimeout);
        // A connection whose last answer is out stays open for the next request, which will not be taken.
        const sweep = setInterval(() => server.closeIdleConnections(), 100);
        server.close(() => {
          clearTimeout(cut);
          clearInterval(sweep);
          resolve();
        });
      }),
  };
}

function openServer(
  listener: RequestListener,
  options: HttpOptions,
  tls: Pick<Tls, 'options' | 'onChange'> | undefined,
): { server: Server; cutHandshakes: () => void } {
  const limits = {
    maxHeaderSize: options.maxHeaderSize,
    headersTimeout: HEADERS_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // A layer may take an hour to push; what bounds a request is that bytes keep coming.
    requestTimeout: 0,
    noDelay: true,
    // The guard sees to it, in the form of all our errors.
    requireHostHeader: false,
  };
  if (tls === undefined) return { server: createServer(limits, listener), cutHandshakes: () => undefined };
  const server = createTlsServer({ ...limits, handshakeTimeout: HEADERS_MS, ...tls.options }, listener);
  tls.onChange((context) => server.setSecureContext(context));
  // Until the handshake is done, a connection is none of those that an HTTP server knows and could close.
  const sockets = new Set<Duplex>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return { server, cutHandshakes: () => sockets.forEach((socket) => socket.destroy()) };
}

/** Answers what the HTTP parser could not make a request of; a failed handshake leaves nobody to answer. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || !/^(?:HPE|ERR_HTTP)_/.test(error.code ?? '')) {
    socket.destroy();
    return;
  }
  refuseSocket(socket, refusalOf(error.code));
}

function refusalOf(code: string | undefined): Refusal {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, code: 'UNSUPPORTED', message: 'the headers of the request are too large' };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, code: 'UNSUPPORTED', message: 'the request did not arrive in time' };
    default:
      return { status: 400, code: 'UNSUPPORTED', message: 'expected an HTTP request' };
  }
}

function placeOf(address: AddressInfo | string | null, host: string): string {
  if (address === null || typeof address === 'string') throw new Error('the server has no address');
  return `${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}
