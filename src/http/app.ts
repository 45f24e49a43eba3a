import { randomBytes } from 'node:crypto';
import type { RequestListener } from 'node:http';
import Router from '@koa/router';
import Koa from 'koa';
import type { Log } from '#observe/log.ts';
import { RegistryError } from '#oci/errors.ts';
import { openChallenges } from './challenge.ts';
import { type Clients, openClients } from './client-address.ts';
import { type Entrance, openEntrance } from './entrance.ts';
import { CLIENT_GONE, RETRY_AFTER_SECONDS, wire, wireError } from './errors.ts';
import type { Exchange, State } from './exchange.ts';
import { forbidGuessing, secure } from './headers.ts';
import { isPattern, matchPattern } from './patterns.ts';
import { type RateCheck, openRateLimiter } from './rate-limit.ts';
import { type Route, type RouteSurroundings, routes } from './routes.ts';
import { SUPPORTS_SIGNATURES } from './signatures.ts';
import { openUrls } from './urls.ts';

/** 16 KiB: room for a hundred tag parameters; the parser's own limit on all headers stands behind it. */
const URI_MAX_LENGTH = 16 * 1024;

export interface HttpSurroundings extends RouteSurroundings {
  readonly log: Log;
}

/** Everything between a request and the registry: limits, identity, routes, errors, the log. */
export function httpListener(surroundings: HttpSurroundings): RequestListener {
  const { publicUrl, trustedProxies } = surroundings.options;
  const challenges = openChallenges(openUrls(publicUrl, openClients(trustedProxies)), surroundings.service);
  return listenerBehind(openEntrance({ ...surroundings, challenges }), surroundings);
}

/** The same behind another entrance: `test/bench` measures what ours costs. */
export function listenerBehind(entrance: Entrance, surroundings: HttpSurroundings): RequestListener {
  const app = new Koa<State>();
  const clients = openClients(surroundings.options.trustedProxies);
  const table = routes(surroundings, openUrls(surroundings.options.publicUrl, clients));
  const rates = openRateLimiter(surroundings.options.rateLimit, { clients, clock: () => performance.now() });
  const answer = answering(entrance, rates.byIdentity);
  // Nothing reaches Koa's own reporting but a connection cut in the middle of a body.
  app.silent = true;
  app.use(observing(surroundings, clients));
  if (rates.byAddress !== undefined) app.use(checking(rates.byAddress));
  app.use(admitting(surroundings));
  app.use(patterns(table, answer));
  app.use(fixedPaths(table, answer).routes());
  app.use(refusing(entrance));
  const listener = app.callback();
  return (request, response) => void listener(request, response);
}

/** Names the request, answers what was thrown, and writes the line in the log. */
function observing({ log, metrics }: HttpSurroundings, clients: Clients): Koa.Middleware<State> {
  const boot = randomBytes(4).toString('hex');
  let count = 0;
  return async (exchange, next) => {
    const started = performance.now();
    const { req, state, method } = exchange;
    forbidGuessing(exchange.res);
    const receivedBefore = req.socket.bytesRead;
    count += 1;
    state.requestId = `${boot}-${count.toString(36)}`;
    state.route = 'none';
    state.address = clients.addressOf(req);
    metrics.inFlight(1);
    try {
      await next();
    } catch (error) {
      answerError(exchange, error, log);
    }
    if (!isContent(exchange)) secure(exchange.res, clients.schemeOf(req), exchange.path);
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
      actor: state.session?.principal.name,
      address: state.address,
      agent: req.headers['user-agent'],
    });
  };
}

/** A manifest or a blob, or what of it did not change: see {@link secure}. Whatever is on its way cannot be added to. */
function isContent({ state, status, res }: Exchange): boolean {
  return res.headersSent || ((state.route === 'end-2' || state.route === 'end-3') && status < 400);
}

function answerError(exchange: Exchange, error: unknown, log: Log): void {
  const { requestId, route } = exchange.state;
  const { status, body, retryAfterSeconds } = wireError(error, requestId);
  if (status >= 500) log.error('a request failed', error, { requestId, route });
  // Half a blob is out already: cutting the connection is the only way to say that the rest will not come.
  if (exchange.res.headersSent || status === CLIENT_GONE) {
    exchange.respond = false;
    exchange.res.destroy();
    return;
  }
  // What was said of the content that could not be sent does not hold for the error.
  for (const name of ['ETag', 'Docker-Content-Digest', 'Accept-Ranges', 'Content-Length', 'Warning'])
    exchange.remove(name);
  exchange.respond = true;
  exchange.status = status;
  if (retryAfterSeconds !== undefined) exchange.set('Retry-After', String(retryAfterSeconds));
  else if (status === 503) exchange.set('Retry-After', RETRY_AFTER_SECONDS);
  exchange.set('X-Request-Id', requestId);
  exchange.type = 'application/json';
  exchange.body = body;
}

/** What holds for every request, whatever it asks for. */
function admitting({ health, simpleSigning }: HttpSurroundings): Koa.Middleware<State> {
  return async (exchange, next) => {
    if (exchange.url.length > URI_MAX_LENGTH) {
      throw new RegistryError('UNSUPPORTED', `expected a URI of at most ${URI_MAX_LENGTH} characters`, {
        reason: 'uri-too-long',
      });
    }
    if (exchange.path.startsWith('/v2')) exchange.set('Docker-Distribution-API-Version', 'registry/2.0');
    // Also where a login is asked for: that is what clients see first, and where they look.
    if (simpleSigning.extension && /^\/v2\/?$/.test(exchange.path)) exchange.set(...SUPPORTS_SIGNATURES);
    if (/^\/(?:v2|api|token|extensions|lookaside)(?:\/|$)/.test(exchange.path)) {
      if (health.isDraining()) {
        refuseDraining(exchange);
        return;
      }
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

function checking(check: RateCheck): Koa.Middleware<State> {
  return async (exchange, next) => {
    check(exchange);
    await next();
  };
}

type Answer = (route: Route, exchange: Exchange) => Promise<void>;

/** Who it is first, and whether they may: nothing of the registry is asked before that is settled. */
function answering(entrance: Entrance, byIdentity: RateCheck | undefined): Answer {
  return async (route, exchange) => {
    exchange.state.route = route.name;
    const entered = entrance(exchange, route.requires);
    const admission = typeof entered === 'string' ? entered : await entered;
    byIdentity?.(exchange);
    await (admission === 'unseen' && route.unseen !== undefined ? route.unseen : route.handler)(exchange);
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

/** What no route took: another verb where there is something, nothing where there is not. */
function refusing(entrance: Entrance): Koa.Middleware<State> {
  return async (exchange) => {
    // Strangers are not told which addresses there are.
    if (/^\/(?:v2|api)(?:\/|$)/.test(exchange.path)) await entrance(exchange, 'visitor');
    throw refusalOf(exchange);
  };
}

function refusalOf(exchange: Exchange): RegistryError {
  const matched: readonly { readonly methods: readonly string[] }[] = exchange.matched ?? [];
  const methods = [...(exchange.state.allowed ?? []), ...matched.flatMap((layer) => layer.methods)];
  // Whatever answers GET answers HEAD.
  const allowed = [...new Set(methods.flatMap((method) => (method === 'GET' ? ['HEAD', 'GET'] : [method])))];
  if (allowed.length === 0) {
    return new RegistryError('UNSUPPORTED', 'nothing answers at this address', {
      reason: 'no-route',
      detail: { path: exchange.path.slice(0, 256) },
    });
  }
  exchange.set('Allow', allowed.join(', '));
  return new RegistryError('UNSUPPORTED', 'this address does not answer to that method', {
    reason: 'no-method',
    detail: { method: exchange.method, allowed },
  });
}
