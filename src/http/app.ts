import { randomBytes } from 'node:crypto';
import type { RequestListener } from 'node:http';
import Router from '@koa/router';
import Koa from 'koa';
import type { Authenticator } from '#access/identity.ts';
import type { Log } from '#observe/log.ts';
import { RegistryError } from '#oci/errors.ts';
import { CLIENT_GONE, RETRY_AFTER_SECONDS, wire, wireError } from './errors.ts';
import type { Exchange, State } from './exchange.ts';
import { isFromHere } from './loopback.ts';
import { isPattern, matchPattern } from './patterns.ts';
import { type Entry, type Route, type RouteSurroundings, routes } from './routes.ts';

/** 16 KiB: room for a hundred tag parameters; the parser's own limit on all headers stands behind it. */
const URI_MAX_LENGTH = 16 * 1024;

export interface HttpSurroundings extends RouteSurroundings {
  readonly log: Log;
  readonly authenticate: Authenticator;
}

/** Everything between a request and the registry: limits, identity, routes, errors, the log. */
export function httpListener(surroundings: HttpSurroundings): RequestListener {
  const app = new Koa<State>();
  const table = routes(surroundings);
  const answer = answering(surroundings);
  // Nothing reaches Koa's own reporting but a connection cut in the middle of a body.
  app.silent = true;
  app.use(observing(surroundings));
  app.use(admitting(surroundings));
  app.use(patterns(table, answer));
  app.use(fixedPaths(table, answer).routes());
  app.use(refusing);
  const listener = app.callback();
  return (request, response) => void listener(request, response);
}

/** Names the request, answers what was thrown, and writes the line in the log. */
function observing({ log, metrics }: HttpSurroundings): Koa.Middleware<State> {
  const boot = randomBytes(4).toString('hex');
  let count = 0;
  return async (exchange, next) => {
    const started = performance.now();
    const { req, state, method } = exchange;
    const receivedBefore = req.socket.bytesRead;
    count += 1;
    state.requestId = `${boot}-${count.toString(36)}`;
    state.route = 'none';
    metrics.inFlight(1);
    try {
      await next();
    } catch (error) {
      answerError(exchange, error, log);
    }
    const gone = req.socket.destroyed && !exchange.res.writableFinished;
    const status = gone ? CLIENT_GONE : exchange.status;
    const durationMs = performance.now() - started;
    metrics.inFlight(-1);
    metrics.request({ method, route: state.route, status }, durationMs / 1000);
    if (method === 'GET') metrics.transferred('out', exchange.length ?? 0);
    else if (method !== 'HEAD') metrics.transferred('in', Math.max(req.socket.bytesRead - receivedBefore, 0));
    log.request({
      requestId: state.requestId,
      method,
      path: exchange.path,
      route: state.route,
      status,
      durationMs,
      actor: state.actor?.name,
      address: req.socket.remoteAddress,
      agent: req.headers['user-agent'],
    });
  };
}

function answerError(exchange: Exchange, error: unknown, log: Log): void {
  const { requestId, route } = exchange.state;
  const { status, body } = wireError(error, requestId);
  if (status >= 500) log.error('a request failed', error, { requestId, route });
  // Half a blob is out already: cutting the connection is the only way to say that the rest will not come.
  if (exchange.res.headersSent || status === CLIENT_GONE) {
    exchange.respond = false;
    exchange.res.destroy();
    return;
  }
  // What was said of the content that could not be sent does not hold for the error.
  for (const name of ['ETag', 'Docker-Content-Digest', 'Accept-Ranges', 'Content-Length']) exchange.remove(name);
  exchange.respond = true;
  exchange.status = status;
  if (status === 503) exchange.set('Retry-After', RETRY_AFTER_SECONDS);
  exchange.set('X-Request-Id', requestId);
  exchange.type = 'application/json';
  exchange.body = body;
}

/** Limits first, then who it is: nothing of the registry is asked before both are settled. */
function admitting({ authenticate, health }: HttpSurroundings): Koa.Middleware<State> {
  return async (exchange, next) => {
    if (exchange.url.length > URI_MAX_LENGTH) {
      throw new RegistryError('UNSUPPORTED', `expected a URI of at most ${URI_MAX_LENGTH} characters`, {
        reason: 'uri-too-long',
      });
    }
    if (exchange.path.startsWith('/v2')) {
      exchange.set('Docker-Distribution-API-Version', 'registry/2.0');
      if (health.isDraining()) {
        refuseDraining(exchange);
        return;
      }
      await requireUser(exchange, authenticate);
    }
    await next();
  };
}

function refuseDraining(exchange: Exchange): void {
  exchange.status = 503;
  exchange.set('Retry-After', RETRY_AFTER_SECONDS);
  exchange.set('Connection', 'close');
  exchange.type = 'application/json';
  exchange.body = wire(503, [{ code: 'UNAVAILABLE', message: 'the registry is shutting down' }]).body;
}

async function requireUser(exchange: Exchange, authenticate: Authenticator): Promise<void> {
  const actor = await authenticate(exchange.req.headers.authorization);
  if (actor === undefined) {
    exchange.set('WWW-Authenticate', 'Basic realm="Gatehouse", charset="UTF-8"');
    throw new RegistryError('UNAUTHORIZED', 'expected the name and password of a user');
  }
  exchange.state.actor = actor;
}

type Answer = (route: Route, exchange: Exchange) => Promise<void>;

function answering(surroundings: HttpSurroundings): Answer {
  return async (route, exchange) => {
    exchange.state.route = route.name;
    await requireEntry(route, exchange, surroundings);
    await route.handler(exchange);
  };
}

/** Routes with a repository's name in their path. */
function patterns(table: readonly Route[], answer: Answer): Koa.Middleware<State> {
  const routesByPattern = table.filter(isPattern);
  return async (exchange, next) => {
    const match = matchPattern(routesByPattern, exchange.method, exchange.path);
    if (match.route === undefined) {
      exchange.state.allowed = match.allowed;
      await next();
      return;
    }
    exchange.params = match.params;
    await answer(match.route, exchange);
  };
}

/** Routes whose path is one fixed text. */
function fixedPaths(table: readonly Route[], answer: Answer): Router<State> {
  const router = new Router<State>();
  for (const route of table) {
    if (typeof route.path !== 'string') continue;
    router.register(route.path, route.method === 'GET' ? ['HEAD', 'GET'] : [route.method], (exchange) =>
      answer(route, exchange),
    );
  }
  return router;
}

async function requireEntry(route: Route, exchange: Exchange, surroundings: HttpSurroundings): Promise<void> {
  switch (entryOf(route, surroundings)) {
    case 'anyone':
      return;
    case 'user':
      if (exchange.state.actor === undefined) await requireUser(exchange, surroundings.authenticate);
      return;
    case 'operator':
      if (isFromHere(exchange.req)) return;
      throw new RegistryError('DENIED', 'metrics are given to this machine alone; see http.metrics.access');
  }
}

function entryOf(route: Route, { options }: HttpSurroundings): Entry {
  if (route.entry !== 'operator') return route.entry;
  const { access } = options.metrics;
  return access === 'authenticated' ? 'user' : access === 'anyone' ? 'anyone' : 'operator';
}

/** What no route took: another verb where there is something, nothing where there is not. */
const refusing: Koa.Middleware<State> = async (exchange) => {
  const matched: readonly { readonly methods: readonly string[] }[] = exchange.matched ?? [];
  const methods = [...(exchange.state.allowed ?? []), ...matched.flatMap((layer) => layer.methods)];
  // Whatever answers GET answers HEAD.
  const allowed = [...new Set(methods.flatMap((method) => (method === 'GET' ? ['HEAD', 'GET'] : [method])))];
  if (allowed.length === 0) {
    throw new RegistryError('UNSUPPORTED', 'nothing answers at this address', {
      reason: 'no-route',
      detail: { path: exchange.path.slice(0, 256) },
    });
  }
  exchange.set('Allow', allowed.join(', '));
  throw new RegistryError('UNSUPPORTED', 'this address does not answer to that method', {
    reason: 'no-method',
    detail: { method: exchange.method, allowed },
  });
};
