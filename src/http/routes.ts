import type { AdministrationRoom } from '#access/administration.ts';
import type { Metrics } from '#observe/metrics.ts';
import type { Registry } from '#registry/open.ts';
import type { Pulls } from '#retention/pulls.ts';
import type { TrustOptions } from '#trust/options.ts';
import { apiRoutes } from './api.ts';
import { blobHandlers } from './blobs.ts';
import { openChallenges } from './challenge.ts';
import type { RepositoryRequirement, Requirement } from './entrance.ts';
import { type Handler, callerOf } from './exchange.ts';
import { listingHandlers } from './listings.ts';
import { manifestHandlers } from './manifests.ts';
import type { Health } from './operations.ts';
import { operationHandlers } from './operations.ts';
import type { HttpOptions } from './options.ts';
import { signatureHandlers } from './signatures.ts';
import { type TokenSurroundings, tokenHandlers } from './token.ts';
import { uploadHandlers } from './uploads.ts';
import type { Urls } from './urls.ts';

export type Method = 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';

/** One thing the server answers to. A GET answers HEAD too. */
export interface Route {
  /** As logs and metrics show it; the specification's own names where it has them. */
  readonly name: string;
  readonly method: Method;
  /** A fixed text, with or without a slash at its end; or a pattern, whose named groups become `params`. */
  readonly path: string | RegExp;
  readonly requires: Requirement;
  readonly handler: Handler;
  /** Answers whoever may not see the repository, as if it were not there. */
  readonly unseen?: Handler;
}

export interface RouteSurroundings extends TokenSurroundings {
  readonly administration: AdministrationRoom;
  readonly registry: Registry;
  /** A registry that has nothing: what there is for those who may not see what there is. */
  readonly emptyRegistry: Registry;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly options: HttpOptions;
  readonly manifestMaxBytes: number;
  /** Whether pulls are written down there. */
  readonly notesPulls: boolean;
  /** Remembers when things were last pulled. */
  readonly pulls: Pulls;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Whether OpenPGP signatures are taken and given out, and how. */
  readonly simpleSigning: TrustOptions['simpleSigning'];
  /** The certificate of the private authority, PEM; undefined without one. */
  readonly authorityCertificate: () => string | undefined;
}

const MANIFEST = /^\/v2\/(?<name>.+)\/manifests\/(?<reference>[^/]+)$/;
const UPLOADS = /^\/v2\/(?<name>.+)\/blobs\/uploads\/?$/;
const UPLOAD = /^\/v2\/(?<name>.+)\/blobs\/uploads\/(?<id>[^/]+)$/;
const BLOB = /^\/v2\/(?<name>.+)\/blobs\/(?!uploads\/?$)(?<digest>[^/]+)$/;
const TAGS = /^\/v2\/(?<name>.+)\/tags\/list$/;
const REFERRERS = /^\/v2\/(?<name>.+)\/referrers\/(?<digest>[^/]+)$/;
const SIGNATURES = /^\/extensions\/v2\/(?<name>.+)\/signatures\/(?<digest>[^/]+)$/;
const LOOKASIDE = /^\/lookaside\/(?<name>.+)@(?<algorithm>[^/=]+)=(?<hex>[^/]+)\/signature-(?<number>[^/]+)$/;

const READ: RepositoryRequirement = { repository: 'pull', unseen: 'nothing' };
// Whoever may push may attach. What more a manifest asks for depends on what it is: the registry looks.
const BEGIN: RepositoryRequirement = { repository: 'attach', unseen: 'denied' };
const GO_ON: RepositoryRequirement = { repository: 'attach', unseen: 'nothing' };
const LOOK: RepositoryRequirement = { ...READ, challenge: 'never' };
const DELETE: RepositoryRequirement = { repository: 'delete', unseen: 'nothing' };
const DELETE_MANIFEST: RepositoryRequirement = {
  repository: { tag: 'untag', digest: 'delete' },
  unseen: 'nothing',
};

/**
 * Every route there is. A name may hold slashes, so the patterns take as much as they can and the last fixed word
 * decides; what a name may look like is for the handlers to say, with an error that names it.
 */
export function routes(surroundings: RouteSurroundings, urls: Urls): readonly Route[] {
  const { administration } = surroundings;
  return [
    ...repositoryRoutes(surroundings, urls),
    ...otherRoutes(surroundings, urls),
    ...apiRoutes({ administration, callerOf }),
  ];
}

function repositoryRoutes(surroundings: RouteSurroundings, urls: Urls): Route[] {
  const here = repositoryHandlers(surroundings, surroundings.registry, urls);
  const nowhere = repositoryHandlers(surroundings, surroundings.emptyRegistry, urls);
  const route = (
    name: string,
    method: Method,
    path: RegExp,
    requires: RepositoryRequirement,
    handler: (handlers: RepositoryHandlers) => Handler,
  ): Route => ({ name, method, path, requires, handler: handler(here), unseen: handler(nowhere) });
  const { extension, lookaside } = surroundings.simpleSigning;
  return [
    route('end-3', 'GET', MANIFEST, READ, ({ manifests }) => manifests.get),
    route('end-2', 'GET', BLOB, READ, ({ blobs }) => blobs.get),
    route('end-4', 'POST', UPLOADS, BEGIN, ({ uploads }) => uploads.start),
    route('end-5', 'PATCH', UPLOAD, GO_ON, ({ uploads }) => uploads.append),
    route('end-6', 'PUT', UPLOAD, GO_ON, ({ uploads }) => uploads.finish),
    route('end-13', 'GET', UPLOAD, GO_ON, ({ uploads }) => uploads.status),
    route('end-14', 'DELETE', UPLOAD, GO_ON, ({ uploads }) => uploads.cancel),
    route('end-7', 'PUT', MANIFEST, BEGIN, ({ manifests }) => manifests.put),
    route('end-9', 'DELETE', MANIFEST, DELETE_MANIFEST, ({ manifests }) => manifests.remove),
    route('end-10', 'DELETE', BLOB, DELETE, ({ blobs }) => blobs.remove),
    route('end-8', 'GET', TAGS, READ, ({ listings }) => listings.tags),
    route('end-12', 'GET', REFERRERS, READ, ({ listings }) => listings.referrers),
    ...(extension
      ? [
          route('signatures', 'GET', SIGNATURES, READ, ({ signatures }) => signatures.list),
          route('signatures', 'PUT', SIGNATURES, BEGIN, ({ signatures }) => signatures.add),
        ]
      : []),
    ...(lookaside ? [route('lookaside', 'GET', LOOKASIDE, LOOK, ({ signatures }) => signatures.lookaside)] : []),
  ];
}

type RepositoryHandlers = ReturnType<typeof repositoryHandlers>;

function repositoryHandlers(surroundings: RouteSurroundings, registry: Registry, urls: Urls) {
  const { manifestMaxBytes: maxBytes, note, notesPulls, pulls, clock, service } = surroundings;
  const onPull = notesPulls ? note : undefined;
  return {
    blobs: blobHandlers(registry),
    manifests: manifestHandlers(registry, urls, { maxBytes, onPull, pulls, clock }),
    uploads: uploadHandlers(registry, urls, openChallenges(urls, service)),
    listings: listingHandlers(registry, urls),
    signatures: signatureHandlers(registry),
  };
}

function otherRoutes(surroundings: RouteSurroundings, urls: Urls): Route[] {
  const { registry, options } = surroundings;
  const operations = operationHandlers(surroundings);
  const token = tokenHandlers(surroundings);
  const { catalog } = listingHandlers(registry, urls);
  const metricsFor = { loopback: 'operator', authenticated: 'user', anyone: 'anyone' } as const;
  return [
    { name: 'end-1', method: 'GET', path: /^\/v2\/?$/, requires: 'visitor', handler: operations.ping },
    { name: 'catalog', method: 'GET', path: '/v2/_catalog', requires: 'catalog', handler: catalog },
    { name: 'token', method: 'GET', path: '/token', requires: 'anyone', handler: token.get },
    { name: 'token', method: 'POST', path: '/token', requires: 'anyone', handler: token.post },
    {
      name: 'authority',
      method: 'GET',
      path: '/.well-known/gatehouse/ca.pem',
      requires: 'anyone',
      handler: operations.authority,
    },
    { name: 'jwks', method: 'GET', path: '/.well-known/jwks.json', requires: 'anyone', handler: token.jwks },
    { name: 'healthz', method: 'GET', path: '/healthz', requires: 'anyone', handler: operations.healthz },
    { name: 'readyz', method: 'GET', path: '/readyz', requires: 'anyone', handler: operations.readyz },
    {
      name: 'metrics',
      method: 'GET',
      path: '/metrics',
      requires: metricsFor[options.metrics.access],
      handler: operations.metrics,
    },
  ];
}
