import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import { networkOf } from '#base/network.ts';
import type { Clients } from './client-address.ts';
import { refuseRequest } from './refusals.ts';

/** Counts the connections of each address. */
export interface Connections {
  /** Counts what a server accepts, from its next connection on. */
  watch(server: Server, kind: 'http' | 'https'): void;
  /** Answers 429 and returns true when the request came over a connection too many. */
  refuses(request: IncomingMessage, response: ServerResponse): boolean;
}

// So many connections too many are told so; the rest is cut, because telling takes a connection.
const TOLD_MAX = 32;
// A connection too many gets this long to say what it wanted to ask.
const TELLING_MS = 5000;
// Connections end all the time: it is worth trying again soon.
const RETRY_AFTER_SECONDS = 5;

/**
 * A limit on the connections that one address may have at a time. Proxies may have any number: theirs are everybody's.
 *
 * A connection too many is not answered until it asks: an answer before the question is taken for the end of an idle
 * connection by the clients there are, and they would only dial again.
 */
export function openConnections(most: number, clients: Clients): Connections {
  const counts = new Map<string, number>();
  const surplus = new WeakSet<Socket>();

  const admit = (socket: Socket, kind: 'http' | 'https'): void => {
    const { address, isProxy } = clients.peerOf(socket);
    if (isProxy) return;
    const network = networkOf(address);
    const count = (counts.get(network) ?? 0) + 1;
    // Telling over TLS would take a handshake, the most costly thing a stranger can ask for.
    if (count > most + TOLD_MAX || (count > most && kind === 'https')) {
      socket.destroy();
      return;
    }
    counts.set(network, count);
    socket.once('close', () => {
      const left = (counts.get(network) ?? 1) - 1;
      if (left === 0) counts.delete(network);
      else counts.set(network, left);
    });
    if (count <= most) return;
    surplus.add(socket);
    socket.setTimeout(TELLING_MS);
  };

  return {
    watch(server, kind) {
      server.on('connection', (socket: Socket) => admit(socket, kind));
    },
    refuses({ socket }, response) {
      if (!surplus.has(socket)) return false;
      refuseRequest(response, {
        status: 429,
        code: 'TOOMANYREQUESTS',
        message: `expected at most ${most} connections from one address`,
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
      return true;
    },
  };
}
