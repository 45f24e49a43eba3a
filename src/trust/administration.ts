import type { TrustOperations } from '#api/operations.ts';
import type { HeldTag } from '#api/trust.ts';
import type { Origin } from '#metadata/events.ts';
import { parseDigest } from '#oci/digest.ts';
import { RegistryError } from '#oci/errors.ts';
import { parseTag } from '#oci/name.ts';
import type { Reference } from '#oci/reference.ts';
import type { Explanation, HeldSummary, TrustEngine } from './engine.ts';
import { hostOf } from './hints.ts';
import { preview } from './preview.ts';
import { shownExplanation } from './shown-explanation.ts';

// A screenful or two.
const PAGE = 100;

/** What is carried out here of the administration API, and on what. */
export interface TrustContext {
  readonly engine: TrustEngine;
  /** What clients call this registry. */
  readonly publicUrl: string | undefined;
}

/** Who asks, as far as the gate cares. */
export interface Seat {
  readonly origin: Origin;
  /** Whether they see what is held in a repository, as those do who push or sign there. */
  readonly isInsider: (repository: string) => boolean;
  /** Whether they sit on the server, whose files they may have read. */
  readonly isLocal: boolean;
}

/**
 * The gate for whoever asks. Whether they may ask is not asked here: the access room does that for every operation. But
 * what is withheld from those who only pull is not there for them.
 *
 * @throws {RegistryError} MANIFEST_UNKNOWN: there is no such tag or manifest, or none that may be seen
 * @throws {InputError} invalid: from trustPreview, what is wrong with the policies
 */
export function openTrustAdministration({ engine, publicUrl }: TrustContext): (seat: Seat) => TrustOperations {
  const host = hostOf(publicUrl);
  return (seat) => {
    const { origin, isInsider, isLocal } = seat;
    const explain = async (named: Named) => {
      const insider = isInsider(named.repository);
      const found = await find(engine, named, insider);
      const { repository } = named;
      return shownExplanation(found, { repository, tag: named.tag, host, isInsider: insider });
    };
    return {
      trustExplain: explain,

      async trustVerify(named) {
        const { digest } = await find(engine, named, isInsider(named.repository));
        await engine.verify(named.repository, digest);
        return await explain(named);
      },

      async trustHeld({ repository, after, limit = PAGE }) {
        // One more than asked for says whether there is a next page.
        const found = await engine.held({ repository, after: positionOf(after) }, limit + 1);
        const held = found.slice(0, limit).map(shownHeld);
        const last = held.at(-1);
        const next = found.length > limit && last !== undefined ? { next: `${last.repository}:${last.tag}` } : {};
        return { held, ...next };
      },

      async trustRelease({ repository, tag, digest: named, reason }) {
        const { digest } = await find(engine, { repository, tag, digest: named }, true);
        return { repository, digest, tags: [...(await engine.release({ repository, digest, reason }, origin))] };
      },

      trustPreview: (input) => preview(engine, input, isLocal),
    };
  };
}

/** A tag or a digest of a repository, as operations have them. */
interface Named {
  readonly repository: string;
  readonly tag?: string | undefined;
  readonly digest?: string | undefined;
}

/** @throws {RegistryError} MANIFEST_UNKNOWN */
async function find(engine: TrustEngine, named: Named, isInsider: boolean): Promise<Explanation> {
  const reference: Reference =
    named.tag === undefined ? { digest: parseDigest(named.digest ?? '') } : { tag: parseTag(named.tag) };
  const found = await engine.explain({ repository: named.repository, reference, withHeld: isInsider });
  // In the same words as for what never was: who may not see it does not learn that it is there.
  if (found === undefined || !(isInsider || found.isVisible)) throw unknown(reference);
  return found;
}

function unknown(reference: Reference): RegistryError {
  return new RegistryError('MANIFEST_UNKNOWN', 'there is no such tag or manifest here', { detail: { ...reference } });
}

function positionOf(after: string | undefined): { repository: string; name: string } {
  const [repository = '', name = ''] = after?.split(':') ?? [];
  return { repository, name };
}

function shownHeld({ repository, name, digest, since, by, lapsesAt, summary }: HeldSummary): HeldTag {
  return {
    repository,
    tag: name,
    digest,
    since: new Date(since).toISOString(),
    by,
    lapsesAt: new Date(lapsesAt).toISOString(),
    summary,
  };
}
