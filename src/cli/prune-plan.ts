import type { Administration } from '#api/operations.ts';
import type { PruneItem, PrunePlan } from '#api/prune.ts';
import { momentText, tableText } from './output.ts';

// As many as a server gives at a time.
const PAGE_MAX = 1000;

/** A plan with those of its items that were asked for. */
export interface ShownPlan extends PrunePlan {
  readonly items: readonly PruneItem[];
}

/** Items of a plan that fit, all pages of them. */
export async function itemsOf(
  administration: Administration,
  plan: string,
  filter: { readonly repository?: string | undefined; readonly fate?: 'keep' | 'delete' | undefined },
): Promise<PruneItem[]> {
  const items: PruneItem[] = [];
  let after: number | undefined;
  do {
    const page = await administration.showPlan({ plan, ...filter, after, limit: PAGE_MAX });
    items.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return items;
}

/** What an item is, for people. */
export function itemText({ item, repository, tag, revision, digest }: PruneItem): string {
  switch (item) {
    case 'tag':
      return `${repository}:${tag}`;
    case 'revision':
      return `${repository}:${tag} revision ${revision}`;
    case 'manifest':
      return `${repository}@${digest}`;
  }
}

/** A plan for people: its items under their headings, then its numbers. */
export function planText(plan: ShownPlan): string {
  const isDone = plan.items.some(({ outcome }) => outcome !== null);
  const rows = plan.items.map((item) => [
    item.fate,
    itemText(item),
    ...(isDone ? [item.outcome ?? ''] : []),
    item.reason,
  ]);
  const table = tableText(['FATE', 'WHAT', ...(isDone ? ['OUTCOME'] : []), 'REASON'], rows);
  return [
    ...(rows.length === 0 ? [] : [table, '']),
    ...plan.warnings.map((warning) => `warning: ${warning}`),
    // Of one that was carried out they say nothing any more.
    ...(plan.status === 'done' ? [] : plan.stops.map(({ reason }) => `the brake will stop it: ${reason}`)),
    `plan ${plan.id}, made ${momentText(plan.madeAt)} by ${plan.madeBy}${statusText(plan)}: ${countsText(plan)}`,
  ].join('\n');
}

function statusText({ status, confirmedAt, confirmedBy }: PrunePlan): string {
  switch (status) {
    case 'making':
      return ', not complete';
    case 'planned':
      return '';
    case 'stopped':
      return `, stopped by the brake ${momentText(confirmedAt)}`;
    case 'done':
      return `, carried out ${momentText(confirmedAt)} by ${confirmedBy}`;
  }
}

function countsText({ repositories, planned, tags, revisions, manifests }: PrunePlan): string {
  const limit = repositories === null ? '' : ` that fit ${repositories.join(' or ')}`;
  const goes = `${tags.delete} tags, ${revisions.delete} revisions and ${manifests.delete} manifests go`;
  const stays = `${tags.keep}, ${revisions.keep} and ${manifests.keep} stay`;
  return `${goes}, ${stays}, in ${planned} repositories${limit}`;
}
