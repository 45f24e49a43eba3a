import { parseDigest } from '#oci/digest.ts';
import { IMAGE_INDEX } from '#oci/media-type.ts';
import { parseName } from '#oci/name.ts';
import type { Registry } from '#registry/open.ts';
import { type Handler, eyesOf, parameter, sessionOf } from './exchange.ts';
import { linkToNext, windowOf } from './paging.ts';
import type { Urls } from './urls.ts';

/** end-8, end-12, and the catalog of Docker's Registry HTTP API V2. */
export interface ListingHandlers {
  readonly tags: Handler;
  readonly referrers: Handler;
  readonly catalog: Handler;
}

export function listingHandlers({ listings }: Registry, urls: Urls): ListingHandlers {
  const itself = (entry: string): string => entry;
  return {
    async tags(exchange) {
      const name = parseName(exchange.params.name);
      const page = await listings.tags(name, windowOf(exchange), eyesOf(exchange, name));
      linkToNext(exchange, urls, page, itself);
      exchange.body = { name, tags: page.entries };
    },

    async referrers(exchange) {
      const repository = parseName(exchange.params.name);
      const subject = parseDigest(exchange.params.digest);
      const artifactType = parameter(exchange, 'artifactType');
      const of = { repository, subject, artifactType };
      const page = await listings.referrers(of, windowOf(exchange), eyesOf(exchange, repository));
      linkToNext(exchange, urls, page, (referrer) => referrer.digest);
      if (artifactType !== undefined) exchange.set('OCI-Filters-Applied', 'artifactType');
      exchange.body = JSON.stringify({ schemaVersion: 2, mediaType: IMAGE_INDEX, manifests: page.entries });
      exchange.set('Content-Type', IMAGE_INDEX);
    },

    async catalog(exchange) {
      const page = await listings.repositories(windowOf(exchange), sessionOf(exchange).visible());
      linkToNext(exchange, urls, page, itself);
      exchange.body = { repositories: page.entries };
    },
  };
}
