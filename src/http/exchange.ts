import type { Context, ParameterizedContext } from 'koa';
import type { Caller, Session } from '#access/session.ts';
import { ANONYMOUS } from '#access/subject.ts';
import type { Origin } from '#metadata/events.ts';
import type { Eyes } from '#registry/sight.ts';

/** What the middleware leaves for the handlers. */
export interface State {
  requestId: string;
  /** Where the request comes from; proxies that may be believed are looked through. */
  address: string;
  /** The name of the route, as logs and metrics show it. */
  route: string;
  /** Who asks; absent until the route's requirement made us look. */
  session?: Session | undefined;
  /** Methods that the path does answer, when it does not answer this one. */
  allowed?: readonly string[];
}

/** One request and its answer. */
export type Exchange = ParameterizedContext<State>;

/** Takes a Koa context for what the middleware has made of it. */
export type Handler = (exchange: Exchange) => Promise<void>;

/** The first value of a query parameter; undefined when it is absent. */
export function parameter(exchange: Pick<Context, 'query'>, name: string): string | undefined {
  const value = exchange.query[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Every value of a query parameter, in order. */
export function parameters(exchange: Pick<Context, 'query'>, name: string): string[] {
  const value = exchange.query[name];
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

/** Answers with a status and no body. Koa would otherwise write the status out in words. */
export function answerEmpty(exchange: Exchange, status: 201 | 202 | 204): void {
  exchange.body = null;
  exchange.status = status;
}

/** @throws {Error} the route's requirement did not make us look who asks: a fault of ours, and nobody gets in by it */
export function sessionOf({ state }: Exchange): Session {
  if (state.session === undefined) throw new Error(`the route ${state.route} does not say who may come in`);
  return state.session;
}

/**
 * With whose eyes the caller looks at a repository: by what they were granted. What their token is for says nothing of
 * that, since whoever signs may ask for one to pull; nor does what their client calls itself.
 */
export function eyesOf(exchange: Exchange, repository: string): Eyes {
  return sessionOf(exchange).holds('attach', repository) ? 'insider' : 'outsider';
}

/** What the audit trail says of the cause of an act. */
export function originOf({ state }: Exchange): Origin {
  return {
    actor: state.session?.principal.name ?? ANONYMOUS,
    address: state.address,
    requestId: state.requestId,
  };
}

/** Who asks, with what the audit trail says of them. @throws {Error} as {@link sessionOf} does */
export function callerOf(exchange: Exchange): Caller {
  return { session: sessionOf(exchange), origin: originOf(exchange) };
}
