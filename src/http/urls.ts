import type { Digest } from '#oci/digest.ts';

/** The addresses this registry gives out. */
export interface Urls {
  /** A path, behind `http.publicUrl` where that is set; a client resolves a bare path against where it asked. */
  absolute(path: string): string;
  blob(repository: string, digest: Digest): string;
  manifest(repository: string, digest: Digest): string;
  upload(repository: string, id: string): string;
}

export function openUrls(publicUrl: string | undefined): Urls {
  const absolute = (path: string): string => `${publicUrl ?? ''}${path}`;
  return {
    absolute,
    blob: (repository, digest) => absolute(`/v2/${repository}/blobs/${digest}`),
    manifest: (repository, digest) => absolute(`/v2/${repository}/manifests/${digest}`),
    upload: (repository, id) => absolute(`/v2/${repository}/blobs/uploads/${id}`),
  };
}
