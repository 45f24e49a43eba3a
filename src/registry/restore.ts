import type { Origin } from '#metadata/events.ts';
import { recordEvent } from '#metadata/events.ts';
import { findTagWithHeld } from '#metadata/held-tags.ts';
import { findManifest, findSubjectOf } from '#metadata/manifests.ts';
import { findRemoved, putBack, removedReferrers, removedTargets } from '#metadata/removed.ts';
import type { Sql } from '#metadata/sql.ts';
import {
  type RevisionPage,
  type TagRevision,
  findRevision,
  revisionsOf,
  tagsEndedAt,
} from '#metadata/tag-revisions.ts';
import { findTag } from '#metadata/tags.ts';
import type { Digest } from '#oci/digest.ts';
import { RegistryError } from '#oci/errors.ts';
import type { Reference } from '#oci/reference.ts';
import { referrerTagsOf } from '#oci/referrer-tag.ts';
import type { Context } from './context.ts';
import type { TagMove } from './gate.ts';
import { type GatedAct, moveTag } from './tags.ts';

/** What came back. */
export interface Restored {
  readonly digest: Digest;
  readonly manifests: readonly Digest[];
  readonly tags: readonly string[];
  /** Tags that would point at the digest if somebody vouched for it. */
  readonly held: readonly string[];
}

/** What was, and bringing it back. */
export interface History {
  /**
   * What a tag pointed at, the newest first; also of a tag that is gone. All of it, unless a page is asked for.
   *
   * @throws {RegistryError} MANIFEST_UNKNOWN: there never was such a tag
   */
  of(repository: string, tag: string, page?: RevisionPage): Promise<TagRevision[]>;
  /**
   * Points a tag at what it pointed at in an earlier revision, brought back if it was removed.
   *
   * @throws {RegistryError} MANIFEST_UNKNOWN: no such revision, or what it pointed at is gone for good
   */
  rollBack(tag: { repository: string; name: string; revision: number }, origin: Origin): Promise<Restored>;
  /**
   * Brings back a tag that is gone, or a manifest with the tags it went with; with its children, and with everything
   * that has any of them as its subject.
   *
   * @throws {RegistryError} MANIFEST_UNKNOWN: nothing of that name was removed, or it is gone for good
   * @throws {RegistryError} UNSUPPORTED (conflict) there is one of that name now
   */
  restore(repository: string, reference: Reference, origin: Origin): Promise<Restored>;
}

export function openHistory({ metadata, clock, gate }: Pick<Context, 'metadata' | 'clock' | 'gate'>): History {
  const within = async (
    repository: string,
    origin: Origin,
    work: (inside: Sql, act: GatedAct) => Promise<Restored>,
  ): Promise<Restored> => {
    const restored = await metadata.transaction((inside) => work(inside, { origin, now: clock(), gate }));
    gate.wake(repository, [restored.digest, ...restored.manifests]);
    return restored;
  };
  return {
    async of(repository, tag, page) {
      const revisions = await revisionsOf(metadata, repository, tag, page);
      if (revisions.length === 0 && page?.before === undefined) throw unknown({ tag });
      return revisions;
    },

    rollBack: ({ repository, name, revision }, origin) =>
      within(repository, origin, async (inside, act) => {
        const found = await findRevision(inside, repository, name, revision);
        if (found === undefined) throw unknown({ tag: name, revision });
        const { digest } = found;
        const manifests = await bringBack(inside, repository, digest, act);
        if ((await findManifest(inside, repository, digest)) === undefined) throw gone({ tag: name, revision, digest });
        const tags = await moveTags(inside, { repository, digest, why: 'rollback' }, [name], act);
        return { digest, manifests, ...tags };
      }),

    restore: (repository, reference, origin) =>
      within(repository, origin, (inside, act) =>
        reference.tag === undefined
          ? restoreManifest(inside, repository, reference.digest, act)
          : restoreTag(inside, repository, reference.tag, act),
      ),
  };
}

async function restoreTag(metadata: Sql, repository: string, name: string, act: GatedAct): Promise<Restored> {
  if ((await findTag(metadata, repository, name)) !== undefined) throw there({ tag: name });
  const [last] = await revisionsOf(metadata, repository, name, { limit: 1 });
  if (last === undefined) throw unknown({ tag: name });
  const { digest } = last;
  const manifests = await bringBack(metadata, repository, digest, act);
  if ((await findManifest(metadata, repository, digest)) === undefined) throw gone({ tag: name, digest });
  const tags = await moveTags(metadata, { repository, digest, why: 'restore' }, [name], act);
  return { digest, manifests, ...tags };
}

async function restoreManifest(metadata: Sql, repository: string, digest: Digest, act: GatedAct): Promise<Restored> {
  if ((await findManifest(metadata, repository, digest)) !== undefined) throw there({ digest });
  const removed = await findRemoved(metadata, repository, digest);
  if (removed === undefined) throw gone({ digest });
  const manifests = await bringBack(metadata, repository, digest, act);
  const names: string[] = [];
  for (const name of await tagsEndedAt(metadata, repository, digest, removed.removedAt)) {
    // A tag that points elsewhere by now has been given a new meaning since.
    if ((await findTagWithHeld(metadata, repository, name)) === undefined) names.push(name);
  }
  return { digest, manifests, ...(await moveTags(metadata, { repository, digest, why: 'restore' }, names, act)) };
}

async function moveTags(
  metadata: Sql,
  move: Omit<TagMove, 'name'>,
  names: readonly string[],
  act: GatedAct,
): Promise<Pick<Restored, 'tags' | 'held'>> {
  const tags: string[] = [];
  const held: string[] = [];
  for (const name of names) {
    const hold = await moveTag(metadata, { ...move, name }, act);
    (hold === undefined ? tags : held).push(name);
  }
  return { tags, held };
}

/** Puts back a manifest, what it names, and what has it as its subject, as far as they were removed. */
async function bringBack(metadata: Sql, repository: string, root: Digest, act: GatedAct): Promise<Digest[]> {
  const back: Digest[] = [];
  const waiting = [root];
  for (let digest = waiting.pop(); digest !== undefined; digest = waiting.pop()) {
    const children = await removedTargets(metadata, repository, digest, 'manifest');
    if (await comeBack(metadata, repository, digest, act)) back.push(digest);
    waiting.push(...children, ...(await removedReferrers(metadata, repository, digest)));
    const signatures = await restoreCosignTags(metadata, repository, digest, act);
    back.push(...signatures.filter(({ wasGone }) => wasGone).map((one) => one.digest));
    waiting.push(...signatures.map((one) => one.digest));
  }
  return back;
}

/** Puts back one manifest, and tells whoever has to know; returns false when it was not removed. */
async function comeBack(metadata: Sql, repository: string, digest: Digest, act: GatedAct): Promise<boolean> {
  if (!(await putBack(metadata, repository, digest, act.now))) return false;
  const subject = await findSubjectOf(metadata, repository, digest);
  const subjects = subject === null || subject === undefined ? [] : [subject];
  await act.gate.arrived(metadata, { repository, digest, wasHere: false, subjects }, act.now);
  await recordEvent(metadata, act.origin, { kind: 'manifest.restore', repository, digest }, act.now);
  return true;
}

/** Signatures under cosign's tags that are gone; returns the manifests they are to point at. */
async function restoreCosignTags(
  metadata: Sql,
  repository: string,
  subject: Digest,
  act: GatedAct,
): Promise<{ digest: Digest; wasGone: boolean }[]> {
  const restored: { digest: Digest; wasGone: boolean }[] = [];
  for (const name of referrerTagsOf(subject)) {
    if ((await findTag(metadata, repository, name)) !== undefined) continue;
    const [last] = await revisionsOf(metadata, repository, name, { limit: 1 });
    if (last === undefined) continue;
    const wasGone = await comeBack(metadata, repository, last.digest, act);
    if ((await findManifest(metadata, repository, last.digest)) === undefined) continue;
    await moveTag(metadata, { repository, name, digest: last.digest, why: 'restore' }, act);
    restored.push({ digest: last.digest, wasGone });
  }
  return restored;
}

function unknown(detail: object): RegistryError {
  return new RegistryError('MANIFEST_UNKNOWN', 'there never was such a tag or revision here', { detail });
}

function gone(detail: object): RegistryError {
  return new RegistryError('MANIFEST_UNKNOWN', 'it is not here any more, and cannot be brought back', { detail });
}

function there(detail: object): RegistryError {
  return new RegistryError('UNSUPPORTED', 'it is here: there is nothing to restore', { reason: 'conflict', detail });
}
