import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { type CryptoKey, type JWK, SignJWT, exportJWK, generateKeyPair } from 'jose';

export const AUDIENCE = 'https://gatehouse.test';

/** A key that an issuer signs with. */
export interface SigningKey {
  readonly kid: string;
  readonly algorithm: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

/** How the issuer answers a path; what it does not say is the issuer's own way. */
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Answers once this is settled. */
  readonly after?: Promise<void>;
}

/** An OpenID Connect issuer as far as a registry sees it, over HTTP on a free port of this machine. */
export interface Issuer extends AsyncDisposable {
  readonly url: string;
  /** How often each path was asked for. */
  readonly requests: { discovery: number; keys: number };
  /** The keys it publishes; the first one signs. */
  readonly keys: SigningKey[];
  /** What it answers instead, but to addresses that end in `?own`. */
  readonly answers: { discovery?: Answer | undefined; keys?: Answer | undefined };
  /** A token for {@link AUDIENCE} of five minutes, but for what the claims say; undefined takes a claim out. */
  token(claims?: Readonly<Record<string, unknown>>, key?: SigningKey): Promise<string>;
  /** A new key in the place of all others. */
  rotate(): Promise<SigningKey>;
  stop(): Promise<void>;
  /** After a stop, at the same address. */
  restart(): Promise<void>;
}

export const DISCOVERY_PATH = '/.well-known/openid-configuration';
export const KEYS_PATH = '/keys';

let keyCount = 0;

/** Makes a key that no issuer publishes yet. */
export async function makeKey(algorithm = 'ES256', kid?: string): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  keyCount += 1;
  const name = kid ?? `key-${keyCount}`;
  const jwk = { ...(await exportJWK(publicKey)), kid: name, alg: algorithm, use: 'sig' };
  return { kid: name, algorithm, privateKey, jwk };
}

/** Starts an issuer whose tokens are valid from the moment the clock shows, in milliseconds. */
export async function startIssuer({ clock }: { clock: () => number }): Promise<Issuer> {
  const keys = [await makeKey()];
  const requests = { discovery: 0, keys: 0 };
  const answers: Issuer['answers'] = {};
  const server = createServer((request, response) => {
    void respond(request, response);
  });
  let port = await listenOn(server, 0);
  const url = `http://127.0.0.1:${port}`;

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [path, query] = (request.url ?? '').split('?');
    const kind = path === DISCOVERY_PATH ? 'discovery' : path === KEYS_PATH ? 'keys' : undefined;
    if (kind !== undefined) requests[kind] += 1;
    const documents = { discovery: { issuer: url, jwks_uri: `${url}${KEYS_PATH}` }, keys: { keys: jwksOf(keys) } };
    const own = kind === undefined ? undefined : JSON.stringify(documents[kind]);
    const {
      status,
      headers,
      body = own,
      after,
    } = (kind === undefined || query === 'own' ? undefined : answers[kind]) ?? {};
    await after;
    response.writeHead(status ?? (own === undefined ? 404 : 200), { 'content-type': 'application/json', ...headers });
    response.end(body);
  };

  return {
    url,
    requests,
    keys,
    answers,
    async token(claims = {}, key = keys[0]) {
      if (key === undefined) throw new Error('expected a key to sign with, found none');
      const now = Math.floor(clock() / 1000);
      const standard = { iss: url, aud: AUDIENCE, sub: 'someone', iat: now, nbf: now, exp: now + 300 };
      return await new SignJWT(JSON.parse(JSON.stringify({ ...standard, ...claims })))
        .setProtectedHeader({ alg: key.algorithm, kid: key.kid })
        .sign(key.privateKey);
    },
    async rotate() {
      const key = await makeKey();
      keys.splice(0, keys.length, key);
      return key;
    },
    stop: () => close(server),
    async restart() {
      port = await listenOn(server, port);
    },
    [Symbol.asyncDispose]: () => close(server),
  };
}

function jwksOf(keys: readonly SigningKey[]): JWK[] {
  return keys.map(({ jwk }) => jwk);
}

async function listenOn(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a port, found none');
  return address.port;
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
    server.closeAllConnections();
  });
}
