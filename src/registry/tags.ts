/*
 * The one place where tags move. Whatever makes a tag point at something, or at nothing, comes through here: it asks the
 * gate, and writes the tag, its history and the event, in the transaction it is given.
 */
import { type EventKind, type Origin, recordEvent } from '#metadata/events.ts';
import { type HeldTag, dropHeldTag, holdTag } from '#metadata/held-tags.ts';
import type { Sql } from '#metadata/sql.ts';
import { type EndReason, endRevision, pushRevision } from '#metadata/tag-revisions.ts';
import { deleteTag, findTag, setTag } from '#metadata/tags.ts';
import { reviewVerdict, voidVerdict } from '#metadata/verdicts.ts';
import type { Digest } from '#oci/digest.ts';
import { subjectOfTag } from '#oci/referrer-tag.ts';
import type { Gate, Hold, TagMove } from './gate.ts';

/** Who moves it, and when. */
export interface Act {
  readonly origin: Origin;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** An act that a gate has to let pass. */
export interface GatedAct extends Act {
  readonly gate: Gate;
}

/**
 * Points a tag at a manifest, or holds it until somebody vouches for that; what was held of it before is forgotten: the
 * newest intention counts.
 *
 * @returns the hold, undefined when the tag moved
 * @throws {RegistryError} DENIED by the gate
 */
export async function moveTag(metadata: Sql, move: TagMove, act: GatedAct): Promise<Hold | undefined> {
  const { gate, origin, now } = act;
  const { repository, name, digest, why } = move;
  const ruling = await gate.rule(metadata, move, now);
  if (ruling !== 'pass') {
    const { hold } = ruling;
    const by = origin.actor;
    await holdTag(metadata, { repository, name, digest, since: now, by, why, lapsesAt: hold.lapsesAt });
    const event = { kind: 'tag.hold', repository, reference: name, digest, reason: hold.why } as const;
    await recordEvent(metadata, origin, event, now);
    return hold;
  }
  // Also where nothing is held any more: another process may not know that yet.
  await dropHeldTag(metadata, repository, name);
  await place(metadata, { ...move, by: origin.actor }, act);
  return undefined;
}

/**
 * Lets a held tag move, as whoever pushed it wanted.
 *
 * @param reason who vouches, or who let it pass
 */
export async function publishTag(metadata: Sql, held: HeldTag, reason: string, act: Act): Promise<void> {
  const { repository, name, digest } = held;
  await dropHeldTag(metadata, repository, name);
  await place(metadata, held, act);
  const event = { kind: 'tag.publish', repository, reference: name, digest, reason } as const;
  await recordEvent(metadata, act.origin, event, act.now);
}

/** Pointing a tag where it points already makes it young again, and no history. */
async function place(
  metadata: Sql,
  { repository, name, digest, why, by }: TagMove & { readonly by: string },
  { origin, now }: Act,
): Promise<void> {
  const previous = await findTag(metadata, repository, name);
  await setTag(metadata, { repository, name, digest, by }, now);
  if (previous === digest) return;
  await reviewSubjectOf(metadata, { repository, name, isMore: previous === undefined }, now);
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

/**
 * Takes a tag away; its history stays, and what is held of it. Returns what it pointed at, undefined when there was no such
 * tag.
 */
export async function endTag(metadata: Sql, end: TagEnd, { origin, now }: Act): Promise<Digest | undefined> {
  const { repository, name, why } = end;
  const digest = await findTag(metadata, repository, name);
  if (digest === undefined || !(await deleteTag(metadata, repository, name))) return undefined;
  await reviewSubjectOf(metadata, { repository, name, isMore: false }, now);
  await endRevision(metadata, { repository, name, by: origin.actor, why }, now);
  const kind: EventKind = 'tag.delete';
  await recordEvent(metadata, origin, { kind, repository, reference: name, digest, detail: { why } }, now);
  return digest;
}

/** Takes a tag away with what is held of it. Returns false when there was neither. */
export async function withdrawTag(
  metadata: Sql,
  { repository, name }: { repository: string; name: string },
  act: Act,
): Promise<boolean> {
  const { origin, now } = act;
  const held = await dropHeldTag(metadata, repository, name);
  if (held !== undefined) {
    const detail = { why: 'deleted', held: true };
    await recordEvent(metadata, origin, { kind: 'tag.delete', repository, reference: name, digest: held, detail }, now);
  }
  return (await endTag(metadata, { repository, name, why: 'deleted' }, act)) !== undefined || held !== undefined;
}

/** What signatures lie under one of cosign's tags has changed. Unless there are only more, what was found no longer holds. */
async function reviewSubjectOf(
  metadata: Sql,
  { repository, name, isMore }: { repository: string; name: string; isMore: boolean },
  now: number,
): Promise<void> {
  const subject = subjectOfTag(name);
  if (subject === undefined) return;
  await (isMore ? reviewVerdict : voidVerdict)(metadata, repository, subject, now);
}
