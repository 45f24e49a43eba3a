import type { RetentionOperations } from '#api/operations.ts';
import type { PruneItem, PrunePlan } from '#api/prune.ts';
import type { Revision } from '#api/tags.ts';
import { duration } from '#base/duration.ts';
import type { Origin } from '#metadata/events.ts';
import type { PlanItemRow } from '#metadata/prune-plans.ts';
import { reviewTotals } from '#metadata/reviews.ts';
import type { Sql } from '#metadata/sql.ts';
import type { TagRevision } from '#metadata/tag-revisions.ts';
import { RegistryError } from '#oci/errors.ts';
import { parseTag } from '#oci/name.ts';
import { parseReference } from '#oci/reference.ts';
import type { Gate } from '#registry/gate.ts';
import { type History, type Restored, openHistory } from '#registry/restore.ts';
import { PLAN_LIFETIME_MS } from './apply.ts';
import { RetentionError } from './errors.ts';
import { openInUse } from './in-use.ts';
import type { Plan, Pruning } from './prune.ts';

// A screenful or two.
const PAGE = 100;
// More than are kept.
const PLANS_SHOWN = 100;
const MALFORMED_SHOWN = 100;

/** What is carried out here of the administration API, and on what. */
export interface RetentionContext {
  readonly metadata: Sql;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly pruning: Pruning;
  /** What tags have to pass that come back. */
  readonly gate: Gate;
}

/**
 * What is kept, what goes and what comes back, for whoever asks. Whether they may is not asked here: the access room
 * does that for every operation.
 *
 * @throws {RegistryError} from the operations on tags, as {@link History} says
 * @throws {RetentionError} from every operation
 */
export function openRetentionAdministration(context: RetentionContext): (origin: Origin) => RetentionOperations {
  const history = openHistory(context);
  return (origin) => ({
    ...tagAdministration(history, origin),
    ...pruneAdministration(context, origin),
    ...inUseAdministration(context, origin),
  });
}

function tagAdministration(
  history: History,
  origin: Origin,
): Pick<RetentionOperations, 'tagHistory' | 'rollBackTag' | 'restore'> {
  return {
    async tagHistory({ repository, tag, before, limit = PAGE }) {
      // One more than asked for says whether there is a next page.
      const found = await history.of(repository, parseTag(tag), { before, limit: limit + 1 });
      const revisions = found.slice(0, limit).map(shownRevision);
      const last = revisions.at(-1);
      return { revisions, ...(found.length > limit && last !== undefined ? { next: last.revision } : {}) };
    },

    async rollBackTag({ repository, tag, revision }) {
      return shownRestored(repository, await history.rollBack({ repository, name: parseTag(tag), revision }, origin));
    },

    async restore({ repository, tag, digest }) {
      try {
        const reference = tag === undefined ? parseReference(digest ?? '') : { tag: parseTag(tag) };
        return shownRestored(repository, await history.restore(repository, reference, origin));
      } catch (error) {
        if (!(error instanceof RegistryError) || error.reason !== 'conflict') throw error;
        throw new RetentionError('not-removed', error.message, { cause: error });
      }
    },
  };
}

function pruneAdministration(
  { metadata, clock, pruning }: RetentionContext,
  origin: Origin,
): Pick<RetentionOperations, 'planPruning' | 'listPlans' | 'showPlan' | 'confirmPlan' | 'collectionStatus'> {
  return {
    async planPruning({ repositories }) {
      return shownPlan(await pruning.plan({ origin, repositories }));
    },

    async listPlans() {
      return { plans: (await pruning.list(PLANS_SHOWN)).map(shownPlan) };
    },

    async showPlan({ plan: id, repository, fate, after = 0, limit = PAGE }) {
      const plan = await pruning.find(id);
      const rows = await pruning.items(id, { repository, fate, after, limit: limit + 1 });
      const items = rows.slice(0, limit).map(shownItem);
      const last = items.at(-1);
      const next = rows.length > limit && last !== undefined ? { next: last.position } : {};
      return { plan: shownPlan(plan), items, ...next };
    },

    async confirmPlan({ plan, overrideBrake = false }) {
      const { stops, ...counts } = await pruning.apply(plan, { origin, overrideBrake });
      return { ...counts, stops: stops.map((stop) => ({ ...stop })) };
    },

    async collectionStatus() {
      const { due, waiting, oldestDue } = await reviewTotals(metadata, clock());
      return { due, waiting, oldestDueSince: momentOf(oldestDue) };
    },
  };
}

function inUseAdministration(
  context: RetentionContext,
  origin: Origin,
): Pick<RetentionOperations, 'importInUse' | 'listInUse'> {
  const inUse = openInUse(context);
  return {
    async importInUse({ list, source = 'default', maxAge }) {
      const maxAgeMs = maxAge === undefined ? undefined : duration.parse(maxAge);
      const { references, malformed, expiresAt } = await inUse.importList(list, { source, maxAgeMs, origin });
      return {
        source,
        references,
        malformedLines: malformed.length,
        malformed: malformed.slice(0, MALFORMED_SHOWN).map((line) => ({ ...line })),
        expiresAt: momentOf(expiresAt),
      };
    },

    async listInUse() {
      const sources = await inUse.sources();
      return { sources: sources.map((one) => ({ ...one, expiresAt: momentOf(one.expiresAt) })) };
    },
  };
}

function shownRevision({ since, until, ...rest }: TagRevision): Revision {
  return { ...rest, since: momentOf(since), until: momentOf(until) };
}

function shownRestored(repository: string, { digest, manifests, tags, held }: Restored) {
  return { repository, digest, manifests: [...manifests], tags: [...tags], held: [...held] };
}

function shownPlan({ id, madeAt, madeBy, status, confirmedAt, confirmedBy, summary }: Plan): PrunePlan {
  const { repositories, warnings, stops, ...counts } = summary;
  return {
    id,
    madeAt: momentOf(madeAt),
    madeBy,
    status,
    goodUntil: momentOf(madeAt + PLAN_LIFETIME_MS),
    confirmedAt: momentOf(confirmedAt),
    confirmedBy,
    repositories: repositories === null ? null : [...repositories],
    ...counts,
    warnings: [...warnings],
    stops: stops.map((stop) => ({ ...stop })),
  };
}

function shownItem({ name, revision, ...rest }: PlanItemRow): PruneItem {
  const { position, repository, item, digest, fate, reason, outcome } = rest;
  return {
    position,
    repository,
    item,
    ...(name === '' ? {} : { tag: name }),
    ...(revision === 0 ? {} : { revision }),
    digest,
    fate,
    reason,
    outcome,
  };
}

/** A moment as the API writes it. */
function momentOf(milliseconds: number): string;
function momentOf(milliseconds: number | null): string | null;
function momentOf(milliseconds: number | null): string | null {
  return milliseconds === null ? null : new Date(milliseconds).toISOString();
}
