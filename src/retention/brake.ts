import { formatShare } from '#base/share.ts';
import { type PendingTags, countTags, pendingTags } from '#metadata/prune-plans.ts';
import type { Sql } from '#metadata/sql.ts';

/** Why a run stops: what it would take is too much to take unasked. */
export interface BrakeStop {
  /** Null: of the registry as a whole. */
  readonly repository: string | null;
  readonly tags: number;
  readonly deletedTags: number;
  /** In words. */
  readonly reason: string;
}

/** What a plan would still take, measured against the tags there are now. Cosign's tags do not count. */
export async function brakeStops(metadata: Sql, plan: string, maxShare: number): Promise<BrakeStop[]> {
  const repositories = await pendingTags(metadata, plan);
  return stopsOf(repositories, await countTags(metadata), maxShare);
}

/** @param tags those of all repositories, of those that lose none too */
function stopsOf(repositories: readonly PendingTags[], tags: number, maxShare: number): BrakeStop[] {
  const stops: BrakeStop[] = [];
  let pending = 0;
  for (const one of repositories) {
    pending += one.pending;
    const reason = reasonFor(one.pending, one.tags, maxShare);
    if (reason !== undefined) {
      const { repository } = one;
      stops.push({ repository, tags: one.tags, deletedTags: one.pending, reason: `${reason} of ${repository}` });
    }
  }
  const reason = reasonFor(pending, tags, maxShare);
  if (reason !== undefined) {
    stops.push({ repository: null, tags, deletedTags: pending, reason: `${reason} of the registry` });
  }
  return stops;
}

function reasonFor(pending: number, tags: number, maxShare: number): string | undefined {
  if (pending === 0) return undefined;
  if (pending >= tags) return `it would take every one of the ${tags} tags`;
  const part = pending / tags;
  if (part <= maxShare) return undefined;
  return `it would take ${pending} of ${tags} tags, ${formatShare(part)}, more than ${formatShare(maxShare)},`;
}
