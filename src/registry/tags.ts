/*
 * The one place where tags move. Whatever makes a tag point at something, or at nothing, comes through here: it writes
 * the tag, its history and the event, in the transaction it is given.
 */
import { type EventKind, type Origin, recordEvent } from '#metadata/events.ts';
import type { Sql } from '#metadata/sql.ts';
import { type EndReason, type SetReason, endRevision, pushRevision } from '#metadata/tag-revisions.ts';
import { deleteTag, findTag, setTag } from '#metadata/tags.ts';
import type { Digest } from '#oci/digest.ts';

/** A tag on its way to a manifest of its repository. */
export interface TagMove {
  readonly repository: string;
  readonly name: string;
  readonly digest: Digest;
  readonly why: SetReason;
}

/** Who moves it, and when. */
export interface Act {
  readonly origin: Origin;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Points a tag at a manifest. Pointing it where it points already makes it young again, and no history. */
export async function moveTag(metadata: Sql, move: TagMove, { origin, now }: Act): Promise<void> {
  const { repository, name, digest, why } = move;
  const by = origin.actor;
  const previous = await findTag(metadata, repository, name);
  await setTag(metadata, { repository, name, digest, by }, now);
  if (previous === digest) return;
  if (previous !== undefined) await endRevision(metadata, { repository, name, by, why: 'moved' }, now);
  await pushRevision(metadata, { repository, name, digest, by, why }, now);
  const detail = { why, ...(previous === undefined ? {} : { previous }) };
  await recordEvent(metadata, origin, { kind: 'tag.set', repository, reference: name, digest, detail }, now);
}

/** A tag that is to go. */
export interface TagEnd {
  readonly repository: string;
  readonly name: string;
  readonly why: Exclude<EndReason, 'moved'>;
}

/** Takes a tag away; its history stays. Returns what it pointed at, undefined when there was no such tag. */
export async function endTag(metadata: Sql, end: TagEnd, { origin, now }: Act): Promise<Digest | undefined> {
  const { repository, name, why } = end;
  const digest = await findTag(metadata, repository, name);
  if (digest === undefined || !(await deleteTag(metadata, repository, name))) return undefined;
  await endRevision(metadata, { repository, name, by: origin.actor, why }, now);
  const kind: EventKind = 'tag.delete';
  await recordEvent(metadata, origin, { kind, repository, reference: name, digest, detail: { why } }, now);
  return digest;
}
