import type { Metrics } from '#observe/metrics.ts';
import type { Registry } from '#registry/open.ts';
import { blobHandlers } from './blobs.ts';
import type { Handler } from './exchange.ts';
import { listingHandlers } from './listings.ts';
import { manifestHandlers } from './manifests.ts';
import type { Health } from './operations.ts';
import { operationHandlers } from './operations.ts';
import type { HttpOptions } from './options.ts';
import { uploadHandlers } from './uploads.ts';
import { openUrls } from './urls.ts';

export type Method = 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';

/** Who may come in: `user`: whoever proves to be one; `operator`: as `http.metrics.access` says; `anyone`. */
export type Entry = 'user' | 'operator' | 'anyone';

/** One thing the server answers to. A GET answers HEAD too. */
export interface Route {
  /** As logs and metrics show it; the specification's own names where it has them. */
  readonly name: string;
  readonly method: Method;
  /** A fixed text, with or without a slash at its end; or a pattern, whose named groups become `params`. */
  readonly path: string | RegExp;
  readonly entry: Entry;
  readonly handler: Handler;
}

export interface RouteSurroundings {
  readonly registry: Registry;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly options: HttpOptions;
  readonly manifestMaxBytes: number;
}

/**
 * Every route there is. A name may hold slashes, so the patterns take as much as they can and the last fixed word
 * decides; what a name may look like is for the handlers to say, with an error that names it.
 */
export function routes(surroundings: RouteSurroundings): readonly Route[] {
  const { registry, options } = surroundings;
  const urls = openUrls(options.publicUrl);
  const blobs = blobHandlers(registry);
  const manifests = manifestHandlers(registry, urls, surroundings.manifestMaxBytes);
  const uploads = uploadHandlers(registry, urls);
  const listings = listingHandlers(registry, urls);
  const operations = operationHandlers(surroundings);

  const MANIFEST = /^\/v2\/(?<name>.+)\/manifests\/(?<reference>[^/]+)$/;
  const UPLOADS = /^\/v2\/(?<name>.+)\/blobs\/uploads\/?$/;
  const UPLOAD = /^\/v2\/(?<name>.+)\/blobs\/uploads\/(?<id>[^/]+)$/;
  const BLOB = /^\/v2\/(?<name>.+)\/blobs\/(?!uploads\/?$)(?<digest>[^/]+)$/;
  const user = 'user';
  return [
    { name: 'end-3', method: 'GET', path: MANIFEST, entry: user, handler: manifests.get },
    { name: 'end-2', method: 'GET', path: BLOB, entry: user, handler: blobs.get },
    { name: 'end-1', method: 'GET', path: /^\/v2\/?$/, entry: user, handler: operations.ping },
    { name: 'end-4', method: 'POST', path: UPLOADS, entry: user, handler: uploads.start },
    { name: 'end-5', method: 'PATCH', path: UPLOAD, entry: user, handler: uploads.append },
    { name: 'end-6', method: 'PUT', path: UPLOAD, entry: user, handler: uploads.finish },
    { name: 'end-13', method: 'GET', path: UPLOAD, entry: user, handler: uploads.status },
    { name: 'end-14', method: 'DELETE', path: UPLOAD, entry: user, handler: uploads.cancel },
    { name: 'end-7', method: 'PUT', path: MANIFEST, entry: user, handler: manifests.put },
    { name: 'end-9', method: 'DELETE', path: MANIFEST, entry: user, handler: manifests.remove },
    { name: 'end-10', method: 'DELETE', path: BLOB, entry: user, handler: blobs.remove },
    { name: 'end-8', method: 'GET', path: /^\/v2\/(?<name>.+)\/tags\/list$/, entry: user, handler: listings.tags },
    {
      name: 'end-12',
      method: 'GET',
      path: /^\/v2\/(?<name>.+)\/referrers\/(?<digest>[^/]+)$/,
      entry: user,
      handler: listings.referrers,
    },
    { name: 'catalog', method: 'GET', path: '/v2/_catalog', entry: user, handler: listings.catalog },
    { name: 'healthz', method: 'GET', path: '/healthz', entry: 'anyone', handler: operations.healthz },
    { name: 'readyz', method: 'GET', path: '/readyz', entry: 'anyone', handler: operations.readyz },
    { name: 'metrics', method: 'GET', path: '/metrics', entry: 'operator', handler: operations.metrics },
  ];
}
