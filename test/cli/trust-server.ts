import { once } from 'node:events';
import { type IncomingMessage, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { parseInput } from '#api/input.ts';
import { type Administration, type OperationId, operationIds, operations } from '#api/operations.ts';
import { wireError } from '#http/errors.ts';

/** A server of the API and of nothing else. */
export interface ApiServer extends AsyncDisposable {
  readonly url: string;
}

/** Answers every operation whose path is fixed with the given administration, whoever asks. */
export async function anApiServer(administration: Administration): Promise<ApiServer> {
  const server = createServer((request, response) => {
    answer(administration, request).then(
      (output) => response.setHeader('content-type', 'application/json').end(JSON.stringify(output)),
      (error: unknown) => {
        const { status, body } = wireError(error, 'r1');
        response.writeHead(status, { 'content-type': 'application/json' }).end(body);
      },
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A server on TCP has this.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function answer(administration: Administration, request: IncomingMessage): Promise<unknown> {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
  const id = operationIds.find((one) => operations[one].path === pathname && operations[one].method === request.method);
  if (id === undefined) throw new Error(`nothing answers ${request.method} ${pathname}`);
  return await carryOut(
    administration,
    id,
    request.method === 'GET' ? Object.fromEntries(searchParams) : await json(request),
  );
}

async function carryOut<K extends OperationId>(administration: Administration, id: K, raw: unknown): Promise<unknown> {
  return await administration[id](parseInput(id, raw));
}
