import type { IncomingHttpHeaders } from 'node:http';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { AUTHORIZATION } from './gatehouse.ts';

export interface Call {
  readonly method: string;
  /** Path and query, exactly as they go over the wire. */
  readonly path: string;
  readonly headers?: Record<string, string | number | string[]>;
  readonly body?: string | Uint8Array;
  /** Send the body without saying how long it is. */
  readonly chunked?: boolean;
  /** Without the name and password that every call carries otherwise. */
  readonly anonymous?: boolean;
  /** The authority that must vouch for an https server, PEM; without it, those that Node knows. */
  readonly ca?: string | undefined;
  /** What the client shows of itself over https, PEM. */
  readonly identity?: { readonly certificate: string; readonly privateKey: string };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** The body as JSON; undefined when it is not. */
  readonly json: unknown;
}

/** One request over a real socket. Nothing is followed, decoded or corrected on the way. */
export async function call(
  baseUrl: string,
  { method, path, headers, body, chunked, anonymous, ca, identity }: Call,
): Promise<Answer> {
  const { protocol, hostname, port } = new URL(baseUrl);
  const request = protocol === 'https:' ? httpsRequest : httpRequest;
  const bytes = body === undefined ? undefined : Buffer.from(body);
  const lengths = bytes === undefined || chunked === true ? {} : { 'content-length': bytes.length };
  return await new Promise<Answer>((resolve, reject) => {
    const outgoing = request(
      {
        host: hostname.replace(/^\[(.*)\]$/, '$1'),
        ...(ca === undefined ? {} : { ca }),
        ...(identity === undefined ? {} : { cert: identity.certificate, key: identity.privateKey }),
        port,
        method,
        path,
        headers: { ...(anonymous === true ? {} : { authorization: AUTHORIZATION }), ...lengths, ...headers },
        agent: false,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => resolve(answerOf(incoming.statusCode ?? 0, incoming.headers, Buffer.concat(chunks))));
      },
    );
    outgoing.on('error', reject);
    // Two writes, so that a chunked body really comes in chunks.
    if (bytes !== undefined && chunked === true) outgoing.write(bytes.subarray(0, bytes.length >> 1));
    outgoing.end(bytes === undefined ? undefined : chunked === true ? bytes.subarray(bytes.length >> 1) : bytes);
  });
}

function answerOf(status: number, headers: IncomingHttpHeaders, bytes: Buffer): Answer {
  const text = bytes.toString();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status, headers, bytes, text, json };
}

/** The codes of an error answer, in order. */
export function codesOf(answer: Answer): string[] {
  const { json } = answer;
  if (typeof json !== 'object' || json === null || !('errors' in json) || !Array.isArray(json.errors)) return [];
  return json.errors.map((error: { code: string }) => error.code);
}
