import type { Digest } from '#oci/digest.ts';
import type { Clients } from './client-address.ts';
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

export function openUrls(publicUrl: string | undefined, clients: Clients): Urls {
  const absolute = (path: string): string => `${publicUrl ?? ''}${path}`;
  return {
    absolute,
    reached(exchange) {
      if (publicUrl !== undefined) return publicUrl;
      return `${clients.schemeOf(exchange.req)}://${clients.authorityOf(exchange.req) ?? 'localhost'}`;
    },
    blob: (repository, digest) => absolute(`/v2/${repository}/blobs/${digest}`),
    manifest: (repository, digest) => absolute(`/v2/${repository}/manifests/${digest}`),
    upload: (repository, id) => absolute(`/v2/${repository}/blobs/uploads/${id}`),
  };
}
