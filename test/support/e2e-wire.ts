import { once } from 'node:events';
import { type Server, type Socket, connect, createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** A connection that is to break, once for each time. */
export interface Cut {
  /** Which way the bytes flow that are counted: `up` to the registry, `down` to the client. */
  readonly direction: 'up' | 'down';
  /** So many bytes of one connection pass; those after them do not, in neither direction. */
  readonly afterBytes: number;
  readonly times: number;
}

/** A loopback port that leads to a registry, and can be slow or break. */
export interface Wire {
  readonly host: string;
  /** How many connections were broken. */
  readonly broken: number;
  cut(cut: Cut): void;
  /** Bytes per second of each connection, each way. */
  limit(bytesPerSecond: number): void;
  close(): Promise<void>;
}

// Small steps make a slow line smooth and a cut exact.
const STEP_BYTES = 64 * 1024;

export async function aWireTo(url: string): Promise<Wire> {
  const target = new URL(url);
  const state = { cut: undefined as (Cut & { left: number }) | undefined, rate: Infinity, broken: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const registry = connect(Number(target.port), target.hostname);
    for (const socket of [client, registry]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    }
    const forward = async (from: Socket, to: Socket, direction: Cut['direction']): Promise<void> => {
      let passed = 0;
      for await (const chunk of from) {
        for (const step of stepsOf(chunk)) {
          if (Number.isFinite(state.rate)) await wait((step.length / state.rate) * 1000);
          if (!to.write(step)) await roomIn(to);
          passed += step.length;
          const { cut } = state;
          if (cut?.direction !== direction || cut.left === 0 || passed < cut.afterBytes) continue;
          cut.left -= 1;
          state.broken += 1;
          breakBoth(client, registry);
          return;
        }
      }
      to.end();
    };
    const give = (): void => {
      client.destroy();
      registry.destroy();
    };
    forward(client, registry, 'up').catch(give);
    forward(registry, client, 'down').catch(give);
  });
  const port = await listenOnLoopback(server);
  return {
    host: `127.0.0.1:${port}`,
    get broken() {
      return state.broken;
    },
    cut(cut) {
      state.cut = { ...cut, left: cut.times };
    },
    limit(bytesPerSecond) {
      state.rate = bytesPerSecond;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The client gets what was passed on and then the end; the registry a reset, as from a machine that went away. */
function breakBoth(client: Socket, registry: Socket): void {
  client.end();
  client.destroySoon();
  registry.resetAndDestroy();
}

async function roomIn(socket: Socket): Promise<void> {
  if (socket.destroyed) return;
  await new Promise<void>((resolve) => {
    const go = (): void => {
      socket.off('drain', go).off('close', go);
      resolve();
    };
    socket.on('drain', go).on('close', go);
  });
}

function* stepsOf(chunk: Buffer): Generator<Buffer> {
  for (let at = 0; at < chunk.length; at += STEP_BYTES) yield chunk.subarray(at, at + STEP_BYTES);
}

async function listenOnLoopback(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the wire has no port');
  return address.port;
}
