import { formatDuration } from '#base/duration.ts';
import type { InUseFact } from './facts.ts';

/** What becomes of something, and the one reason for it. */
export interface Verdict {
  readonly fate: 'keep' | 'delete';
  readonly reason: string;
}

export function keep(reason: string): Verdict {
  return { fate: 'keep', reason };
}

/** A moment in reasons: UTC, to the minute. */
export function dateText(moment: number): string {
  return `${new Date(moment).toISOString().slice(0, 16)}Z`;
}

/** A span in reasons. */
export function spanText(milliseconds: number): string {
  return formatDuration(milliseconds);
}

export function inUseText({ tag, digest, source, expiresAt }: InUseFact): string {
  return `in use: ${source} names ${digest === '' ? tag : digest}, until ${dateText(expiresAt)}`;
}
