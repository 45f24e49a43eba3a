import { type Agent, request as httpRequest } from 'node:http';
import type { Server } from './servers.ts';

/** A server, and the connections to it. */
export interface Line {
  readonly server: Pick<Server, 'name' | 'origin' | 'headers'>;
  readonly agent: Agent;
}

/** What a request carries. */
export interface Load {
  readonly bytes: Uint8Array;
  readonly type: string;
}

/**
 * Sends a request and returns the status of its answer. node:http and not fetch: a client that costs as little as it can,
 * since it shares the machine with the server.
 */
export async function send({ server, agent }: Line, method: string, path: string, load?: Load): Promise<number> {
  const length = load === undefined ? {} : { 'content-type': load.type, 'content-length': load.bytes.length };
  const headers = { ...server.headers, ...length };
  return await new Promise<number>((resolve, reject) => {
    const sent = httpRequest(`${server.origin}${path}`, { method, agent, headers }, (response) => {
      response
        .resume()
        .once('end', () => resolve(response.statusCode ?? 0))
        .once('error', reject);
    });
    sent.once('error', reject).end(load?.bytes);
  });
}

/** Sends what is to be created. @throws {Error} it was not */
export async function create(line: Line, method: string, path: string, load: Load): Promise<void> {
  const status = await send(line, method, path, load);
  if (status !== 201) throw new Error(`expected 201 from ${line.server.name} for ${method} ${path}, found ${status}`);
}
