import { type Blobs, openBlobs } from './blobs.ts';
import type { Context } from './context.ts';
import { type Listings, openListings } from './listings.ts';
import { type Manifests, openManifests } from './manifests.ts';
import { type History, openHistory } from './restore.ts';
import { type Signatures, openSignatures } from './signatures.ts';
import { type Uploads, openUploads } from './uploads.ts';

/** The registry itself: what may be pushed and pulled, in words that know no protocol. */
export interface Registry {
  readonly blobs: Blobs;
  readonly uploads: Uploads;
  readonly manifests: Manifests;
  readonly listings: Listings;
  readonly history: History;
  readonly signatures: Signatures;
}

export function openRegistry(context: Context): Registry {
  return {
    blobs: openBlobs(context),
    uploads: openUploads(context),
    manifests: openManifests(context),
    listings: openListings(context),
    history: openHistory(context),
    signatures: openSignatures(context),
  };
}
