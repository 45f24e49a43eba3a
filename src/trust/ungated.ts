import { findManifest } from '#metadata/manifests.ts';
import type { Sql } from '#metadata/sql.ts';
import { findTag } from '#metadata/tags.ts';
import type { TrustEngine } from './engine.ts';
import { type TrustOptions, trustOptions } from './options.ts';

/** A registry of which nothing is asked: everything that is there is seen. */
export function ungated(metadata: Sql): TrustEngine {
  const options: TrustOptions = trustOptions.parse({});
  return {
    options: () => options,
    async explain({ repository, reference }) {
      const digest = reference.digest ?? (await findTag(metadata, repository, reference.tag));
      if (digest === undefined || (await findManifest(metadata, repository, digest)) === undefined) return undefined;
      return {
        digest,
        pointsAt: reference.tag === undefined ? undefined : digest,
        isVisible: true,
        isWithheld: false,
        policy: undefined,
        verdict: undefined,
        held: [],
        signatures: [],
        release: undefined,
        missing: [],
      };
    },
    verify: async () => undefined,
    held: async () => [],
    release: async () => [],
    async *preview() {
      // Nothing is asked of anything.
    },
  };
}
