import { type RequestListener, createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
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

/** @throws {Error} EADDRINUSE, EACCES or whatever the system says of the address */
export async function listen(listener: RequestListener, options: HttpOptions): Promise<HttpServer> {
  const limits = openLimits(options);
  const guarded = limits.guard(listener);
  const server = createServer(
    {
      maxHeaderSize: options.maxHeaderSize,
      headersTimeout: HEADERS_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // A layer may take an hour to push; what bounds a request is that bytes keep coming.
      requestTimeout: 0,
      noDelay: true,
      // The guard sees to it, in the form of all our errors.
      requireHostHeader: false,
    },
    guarded,
  );
  limits.attach(server, 'http');
  server.timeout = options.idleTimeout;
  server.on('clientError', refuse);
  // RFC 9110, section 10.1.1: what else a client expects may be passed over; Node would answer 417 with nothing in it.
  server.on('checkExpectation', guarded);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.listen.port, options.listen.host, resolve);
  });
  return {
    url: urlOf(server.address(), options.listen.host),
    stop: () =>
      new Promise((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), options.shutdownTimeout);
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

/** Answers what the HTTP parser could not make a request of. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
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

function urlOf(address: AddressInfo | string | null, host: string): string {
  if (address === null || typeof address === 'string') throw new Error('the server has no address');
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}
