import type { Output } from '#api/operations.ts';
import type { PreviewedTag } from '#api/trust.ts';
import { tableText } from './output.ts';

const FATES = {
  warn: 'would be pulled with a warning',
  hold: 'would be held if it were pushed now',
  refuse: 'would be refused if it were pushed now',
  block: 'could not be pulled',
} as const satisfies Record<Exclude<PreviewedTag['fate'], 'pass'>, string>;

/** What intended policies would do, for people: the tags that would not pass, then the numbers. */
export function previewText({ repositories, tags, items, omitted }: Output<'trustPreview'>): string {
  const table = tableText(
    ['FATE', 'NOW', 'TAG', 'WHY'],
    items.map(({ fate, now, repository, tag, summary }) => [fate, now, `${repository}:${tag}`, summary]),
  );
  const fates = (['warn', 'hold', 'refuse', 'block'] as const).filter((fate) => tags[fate] > 0);
  const total = Object.values(tags).reduce((sum, count) => sum + count, 0);
  return [
    ...(items.length === 0 ? [] : [table, '']),
    ...(omitted > 0 ? [`${omitted} more do not pass: --limit shows more of them`] : []),
    ...fates.map((fate) => `${fate}: ${tags[fate]} ${FATES[fate]}`),
    `of ${total} tags in ${repositories} repositories ${tags.pass} pass, and nothing is asked of ${tags.free}`,
    'nothing was changed',
  ].join('\n');
}
