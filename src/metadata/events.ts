import type { Digest } from '#oci/digest.ts';
import { type Query, type Sql, sql } from './sql.ts';

/** Who acts, from where, in which request: what every event says of its cause. */
export interface Origin {
  /** Name of the user, robot or workload; `system:anonymous` for nobody, `system:local` for the command line on the server. */
  readonly actor: string;
  /** Address of the client; empty on the command line. */
  readonly address: string;
  readonly requestId: string;
}

/** Everything there can be an event of. The part before the first dot is what it is about. */
export const EVENT_KINDS = [
  'login',
  'token.issue',
  'manifest.push',
  'manifest.pull',
  'manifest.delete',
  'manifest.restore',
  'tag.set',
  'tag.delete',
  'tag.hold',
  'tag.publish',
  'tag.lapse',
  'tag.release',
  'image.block',
  'signature.add',
  'blob.delete',
  'grant.add',
  'grant.remove',
  'user.create',
  'user.password',
  'user.delete',
  'group.create',
  'group.delete',
  'group.member.add',
  'group.member.remove',
  'robot.create',
  'robot.rotate',
  'robot.disable',
  'robot.enable',
  'robot.delete',
  'key.rotate',
  'access.refuse',
  'prune.done',
  'prune.stopped',
  'in-use.replace',
  'webhook.give-up',
] as const;

/** One of {@link EVENT_KINDS}. */
export type EventKind = (typeof EVENT_KINDS)[number];

/** Something that happened, or was refused. */
export interface NewEvent {
  readonly kind: EventKind;
  readonly repository?: string | undefined;
  /** The tag, or the name of the user, group, robot or key. */
  readonly reference?: string | undefined;
  readonly digest?: Digest | undefined;
  /** `done` unless given. */
  readonly outcome?: 'done' | 'refused' | undefined;
  /** Why, in words for people. */
  readonly reason?: string | undefined;
  /** Whatever else is worth knowing; must be JSON, and never a secret. */
  readonly detail?: Readonly<Record<string, unknown>> | undefined;
  /** How often it happened, where alike events are written as one; 1 unless given. */
  readonly count?: number | undefined;
}

/** An event as it was written. */
export interface EventRow extends Origin {
  /** Rises with every commit. */
  readonly id: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly kind: EventKind;
  readonly repository: string | null;
  readonly reference: string | null;
  readonly digest: Digest | null;
  readonly outcome: 'done' | 'refused';
  readonly reason: string | null;
  /** JSON. */
  readonly detail: string | null;
  readonly count: number;
}

/** Writes an event. Call it inside the transaction of the change it reports: one cannot be there without the other. */
export async function recordEvent(database: Sql, origin: Origin, event: NewEvent, now: number): Promise<void> {
  const { kind, outcome = 'done', count = 1 } = event;
  const detail = event.detail === undefined ? null : JSON.stringify(event.detail);
  await database.all(sql`
    insert into events
      (id, at, kind, actor, address, request_id, repository, reference, digest, outcome, reason, detail, count)
    values ((select coalesce(max(id), 0) + 1 from events), ${now}, ${kind}, ${origin.actor}, ${origin.address},
      ${origin.requestId}, ${event.repository ?? null}, ${event.reference ?? null}, ${event.digest ?? null}, ${outcome},
      ${event.reason ?? null}, ${detail}, ${count})`);
}

/** What to look for; whatever is left out does not matter. Times are milliseconds since the epoch. */
export interface EventFilter {
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  readonly actor?: string | undefined;
  readonly repository?: string | undefined;
  readonly kind?: string | undefined;
  readonly outcome?: 'done' | 'refused' | undefined;
}

/** Events that fit, the newest first, with ids below the given one. */
export async function eventsBefore(
  database: Sql,
  filter: EventFilter,
  before: number,
  limit: number,
): Promise<EventRow[]> {
  const rows = await eventsOf(database, await database.all<{ id: number }>(idsQuery(filter, before, limit)));
  return rows.toReversed();
}

function idsQuery(filter: EventFilter, before: number, limit: number): Query {
  const { since = 0, until = Number.MAX_SAFE_INTEGER, actor, repository, kind, outcome } = filter;
  // One text for the two that have an index of their own; the rest is compared row by row.
  if (repository !== undefined) {
    return sql`
      select id as "id" from events
      where repository = ${repository} and id < ${before} and at >= ${since} and at < ${until}
        and actor = coalesce(${actor ?? null}, actor) and kind = coalesce(${kind ?? null}, kind)
        and outcome = coalesce(${outcome ?? null}, outcome)
      order by id desc limit ${limit}`;
  }
  if (actor !== undefined) {
    return sql`
      select id as "id" from events
      where actor = ${actor} and id < ${before} and at >= ${since} and at < ${until}
        and kind = coalesce(${kind ?? null}, kind) and outcome = coalesce(${outcome ?? null}, outcome)
      order by id desc limit ${limit}`;
  }
  return sql`
    select id as "id" from events
    where id < ${before} and at >= ${since} and at < ${until}
      and kind = coalesce(${kind ?? null}, kind) and outcome = coalesce(${outcome ?? null}, outcome)
    order by id desc limit ${limit}`;
}

/** Events after the given one, oldest first. */
export async function eventsAfter(database: Sql, after: number, limit: number): Promise<EventRow[]> {
  const query = sql`select id as "id" from events where id > ${after} order by id limit ${limit}`;
  return await eventsOf(database, await database.all<{ id: number }>(query));
}

/** The events of those ids, oldest first. */
async function eventsOf(database: Sql, found: readonly { readonly id: number }[]): Promise<EventRow[]> {
  const rows: EventRow[] = [];
  // Databases bound the values of one statement.
  for (const ids of pages(found.map(({ id }) => id).toSorted((one, other) => one - other))) {
    const page = await database.all<EventRow>(sql`
      select id as "id", at as "at", kind as "kind", actor as "actor", address as "address", request_id as "requestId",
        repository as "repository", reference as "reference", digest as "digest", outcome as "outcome",
        reason as "reason", detail as "detail", count as "count"
      from events where id in ${ids} order by id`);
    rows.push(...page);
  }
  return rows;
}

function* pages(ids: readonly number[]): Generator<readonly number[]> {
  for (let start = 0; start < ids.length; start += 500) yield ids.slice(start, start + 500);
}

/** The id of the newest event; 0 when there is none. */
export async function newestEventId(database: Sql): Promise<number> {
  const [row] = await database.all<{ id: number }>(sql`select coalesce(max(id), 0) as "id" from events`);
  return row?.id ?? 0;
}

/** Forgets events from before a moment, at most so many; the newest stays, since ids go on from it. Returns how many. */
export async function deleteEventsBefore(database: Sql, moment: number, limit: number): Promise<number> {
  const rows = await database.all(sql`
    delete from events where id in (
      select id from events where at < ${moment} and id < (select max(id) from events) order by id limit ${limit}
    ) returning id`);
  return rows.length;
}
