/*
 * Cuts requests whose body arrives too slowly, and only those.
 *
 *   credit, in ms ──▶  begins at the grace; every byte brings 1000 / bytesPerSecond, up to `mostMs`
 *                      every sweep takes the time that the client kept us waiting
 *                      none left: 408
 *
 * The client is not to blame while bytes of its lie here unread: then the disk, the database or this process is what
 * takes so long. A client that is the slow one is never seen like that, because what it sends is read at once.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { hasBody } from './body.ts';
import { refuseRequest } from './refusals.ts';

/** What is slow. */
export interface Pace {
  /** 0: nothing is. */
  readonly bytesPerSecond: number;
  readonly graceMs: number;
  /** How long a client may live on what it sent before. */
  readonly mostMs: number;
}

/** The requests whose bodies are arriving. */
export interface SlowBodies {
  /** Looks after a request until its body is here. */
  watch(request: IncomingMessage, response: ServerResponse): void;
  /** Takes `elapsedMs` from everybody who kept us waiting, and cuts those who have nothing left. */
  sweep(elapsedMs: number): void;
  /** How many are being looked after. */
  count(): number;
  /** Sweeps all the time, with one timer, until the function it returns is called. */
  start(): () => void;
}

interface Watched {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  seenBytes: number;
  creditMs: number;
}

// Exact enough for a grace of half a minute. A smaller grace is looked at four times.
const SWEEP_MS = 5000;

export function openSlowBodies({ bytesPerSecond, graceMs, mostMs }: Pace): SlowBodies {
  const watched = new Map<IncomingMessage, Watched>();

  const sweep = (elapsedMs: number): void => {
    for (const one of watched.values()) {
      const { request, response } = one;
      const { bytesRead, destroyed } = request.socket;
      // A request that was answered before its body came is not closed with its connection: nobody tells us.
      if (destroyed) {
        watched.delete(request);
        continue;
      }
      const earnedMs = ((bytesRead - one.seenBytes) * 1000) / bytesPerSecond;
      one.seenBytes = bytesRead;
      one.creditMs = Math.min(one.creditMs + earnedMs, mostMs);
      // Bytes that lie here unread: it is not the client that must do something next.
      if (request.readableLength > 0) continue;
      one.creditMs -= elapsedMs;
      if (one.creditMs > 0) continue;
      watched.delete(request);
      refuseRequest(response, {
        status: 408,
        code: 'UNSUPPORTED',
        message: `expected the body at ${bytesPerSecond} bytes a second or more`,
      });
    }
  };

  return {
    watch(request, response) {
      if (bytesPerSecond === 0 || !hasBody(request)) return;
      watched.set(request, { request, response, seenBytes: request.socket.bytesRead, creditMs: graceMs });
      request.once('close', () => watched.delete(request));
    },
    sweep,
    count: () => watched.size,
    start() {
      const everyMs = Math.min(SWEEP_MS, graceMs / 4);
      // The time that should have passed, not the time that did: when this process stood still, nobody could send.
      const timer = setInterval(sweep, everyMs, everyMs);
      timer.unref();
      return () => clearInterval(timer);
    },
  };
}
