import type { Digest } from '#oci/digest.ts';
import type { Exchange } from './exchange.ts';

/** The addresses this registry gives out. */
export interface Urls {
  /** A path, behind `http.publicUrl` where that is set; a client resolves a bare path against where it asked. */
  absolute(path: string): string;
  /** Scheme and host that a client can come back to: `http.publicUrl`, or else whatever it called us. */
  reached(exchange: Exchange): string;
  blob(repository: string, digest: Digest): string;
  manifest(repository: string, digest: Digest): string;
  upload(repository: string, id: string): string;
}

// What may stand in a quoted header value and lead to a host: RFC 3986, section 3.2, without user names.
const AUTHORITY = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/;

export function openUrls(publicUrl: string | undefined): Urls {
  const absolute = (path: string): string => `${publicUrl ?? ''}${path}`;
  return {
    absolute,
    reached(exchange) {
      if (publicUrl !== undefined) return publicUrl;
      const { host } = exchange;
      return `${exchange.protocol}://${AUTHORITY.test(host) ? host : 'localhost'}`;
    },
    blob: (repository, digest) => absolute(`/v2/${repository}/blobs/${digest}`),
    manifest: (repository, digest) => absolute(`/v2/${repository}/manifests/${digest}`),
    upload: (repository, id) => absolute(`/v2/${repository}/blobs/uploads/${id}`),
  };
}
