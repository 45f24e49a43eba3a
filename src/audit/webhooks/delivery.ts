import { type EventRow, type Origin, eventsAfter, newestEventId, recordEvent } from '#metadata/events.ts';
import type { Sql } from '#metadata/sql.ts';
import { type WebhookCursor, findWebhookCursor, saveWebhookCursor } from '#metadata/webhooks.ts';
import type { WebhookOptions } from '../options.ts';
import { auditEvent } from '../query.ts';
import type { Body } from './body.ts';
import { cloudEvent } from './cloudevents.ts';
import { cursorAfterFailure, cursorAt } from './cursor.ts';
import { type EnvelopeSource, dockerEnvelope } from './docker-envelope.ts';
import { kindMatcher, repositoryMatcher } from './pattern.ts';
import { post } from './post.ts';

/** What a delivery works with. */
export interface DeliverySurroundings {
  readonly metadata: Sql;
  readonly clock: () => number;
  readonly source: EnvelopeSource;
}

// What a crash repeats at most.
const UNSAVED_MAX = 20;
const UNSAVED_MS = 1000;
const PAGE = 100;

const ITSELF: Origin = { actor: 'system:webhooks', address: '', requestId: '' };

/**
 * Delivers what has happened since, in order and one at a time, until nothing is left, one fails or the signal says so.
 * A webhook that was never seen begins with what happens from now on.
 *
 * @returns what was done, in words
 */
export async function deliver(
  webhook: WebhookOptions,
  surroundings: DeliverySurroundings,
  signal: AbortSignal,
): Promise<string> {
  const { metadata } = surroundings;
  const known = await findWebhookCursor(metadata, webhook.name);
  const delivery = new Delivery(webhook, surroundings, known ?? cursorAt(await newestEventId(metadata)));
  if (known === undefined) await delivery.save();
  try {
    await delivery.run(signal);
  } finally {
    await delivery.saveMoves();
  }
  return delivery.outcome;
}

class Delivery {
  readonly #webhook: WebhookOptions;
  readonly #surroundings: DeliverySurroundings;
  readonly #isKindWanted: (kind: string) => boolean;
  readonly #isRepositoryWanted: (name: string) => boolean;
  #cursor: WebhookCursor;
  /** Moves that are not in the metadata yet. */
  #unsaved = 0;
  #savedAt: number;
  #delivered = 0;
  #failure: string | undefined;

  constructor(webhook: WebhookOptions, surroundings: DeliverySurroundings, cursor: WebhookCursor) {
    this.#webhook = webhook;
    this.#surroundings = surroundings;
    this.#isKindWanted = kindMatcher(webhook.events);
    this.#isRepositoryWanted = repositoryMatcher(webhook.repositories);
    this.#cursor = cursor;
    this.#savedAt = surroundings.clock();
  }

  get outcome(): string {
    const done = `${this.#delivered} events delivered`;
    return this.#failure === undefined ? done : `${done}, then ${this.#failure}`;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { metadata, clock } = this.#surroundings;
    while (!signal.aborted && this.#cursor.nextAttemptAt <= clock()) {
      const rows = await eventsAfter(metadata, this.#cursor.lastEvent, PAGE);
      if (rows.length === 0) return;
      for (const row of rows) {
        if (signal.aborted || !(await this.#pass(row, signal))) return;
      }
    }
  }

  async save(): Promise<void> {
    const { metadata, clock } = this.#surroundings;
    await metadata.transaction((inside) => saveWebhookCursor(inside, this.#webhook.name, this.#cursor));
    this.#unsaved = 0;
    this.#savedAt = clock();
  }

  async saveMoves(): Promise<void> {
    if (this.#unsaved > 0) await this.save();
  }

  /** Returns whether the webhook is through with the event. */
  async #pass(row: EventRow, signal: AbortSignal): Promise<boolean> {
    const body = this.#isWanted(row) ? await this.#bodyOf(row) : undefined;
    if (body !== undefined) {
      const now = this.#surroundings.clock();
      const error = await post(this.#webhook, { id: String(row.id), body, now, signal });
      // Whoever stops in the middle of an attempt knows nothing of the receiver.
      if (error !== undefined && signal.aborted) return false;
      if (error !== undefined) return await this.#fail(row, error);
      this.#delivered += 1;
    }
    await this.#move(row.id);
    return true;
  }

  #isWanted({ kind, repository, reference }: EventRow): boolean {
    // To tell a receiver that it could not be told would only be one more thing to give up.
    if (kind === 'webhook.give-up' && reference === this.#webhook.name) return false;
    return this.#isKindWanted(kind) && this.#isRepositoryWanted(repository ?? '');
  }

  async #bodyOf(row: EventRow): Promise<Body | undefined> {
    const { metadata, source } = this.#surroundings;
    switch (this.#webhook.format) {
      case 'cloudevents':
        return cloudEvent(auditEvent(row), source.publicUrl);
      case 'docker':
        return await dockerEnvelope(metadata, row, source);
    }
  }

  async #move(lastEvent: number): Promise<void> {
    this.#cursor = cursorAt(lastEvent);
    this.#unsaved += 1;
    const isDue = this.#unsaved >= UNSAVED_MAX || this.#surroundings.clock() - this.#savedAt >= UNSAVED_MS;
    if (isDue) await this.save();
  }

  async #fail(row: EventRow, error: string): Promise<boolean> {
    const now = this.#surroundings.clock();
    const after = cursorAfterFailure(this.#cursor, { error, now }, this.#webhook.giveUpAfter);
    if (after === undefined) {
      await this.#giveUp(row, error);
      return true;
    }
    this.#cursor = after;
    this.#failure = `event ${row.id} failed: ${error}`;
    await this.save();
    return false;
  }

  async #giveUp(row: EventRow, error: string): Promise<void> {
    const { metadata, clock } = this.#surroundings;
    const { name } = this.#webhook;
    const attempts = this.#cursor.attempts + 1;
    const event = {
      kind: 'webhook.give-up',
      reference: name,
      reason: `event ${row.id} could not be delivered in ${attempts} attempts, the last of which ended with ${error}`,
      detail: { event: row.id, kind: row.kind, repository: row.repository, attempts, error },
    } as const;
    this.#cursor = cursorAt(row.id);
    await metadata.transaction(async (inside) => {
      // Two receivers that are both gone would otherwise report each other's reports for ever.
      if (row.kind !== 'webhook.give-up') await recordEvent(inside, ITSELF, event, clock());
      await saveWebhookCursor(inside, name, this.#cursor);
    });
    this.#failure = `event ${row.id} was given up: ${error}`;
  }
}
