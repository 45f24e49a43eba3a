import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { text } from 'node:stream/consumers';

/** One request that a receiver got, whatever it answered. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A web server that gets events, on a port of its own. */
export interface Receiver {
  readonly url: string;
  /** Everything it got, in order. */
  readonly received: readonly Received[];
  /** The ids of the events it got, in order. */
  readonly ids: readonly number[];
  /** How it answers from now on; 204 until told otherwise. */
  answer(how: number | ((response: ServerResponse, request: Received) => void)): void;
  close(): Promise<void>;
}

export async function aReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  let respond = (response: ServerResponse, _request: Received): void => void response.writeHead(204).end();
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url: path = '', headers } = request;
    const got = { method, path, headers, body: await text(request) };
    received.push(got);
    respond(response, got);
  };
  const server = createServer((request, response) => {
    take(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a port, found none');
  return {
    url: `http://127.0.0.1:${address.port}/hook`,
    received,
    get ids() {
      return received.map(({ headers }) => Number(headers['webhook-id']));
    },
    answer(how) {
      respond = typeof how === 'number' ? (response) => void response.writeHead(how).end('an answer') : how;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
