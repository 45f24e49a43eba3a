import { type Glob, compileGlob } from '#base/glob.ts';
import { type PullRow, recordPull } from '#metadata/pulls.ts';
import type { Sql } from '#metadata/sql.ts';
import type { Digest } from '#oci/digest.ts';
import { subjectOfTag } from '#oci/referrer-tag.ts';
import { PULL_COARSENESS_MS } from './facts.ts';

/** A manifest that was sent to somebody. */
export interface Pull {
  readonly repository: string;
  /** What it was asked for by; undefined when that was its digest. */
  readonly tag?: string | undefined;
  readonly digest: Digest;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Who pulls. */
export interface Puller {
  readonly name: string;
  readonly mayAttach: boolean;
  readonly mayPush: boolean;
}

/** When things were last pulled, remembered and written down in bulk. */
export interface Pulls {
  /**
   * Whether a pull says that somebody needs the image. Those of signers, who read what they sign, do not; nor do those of
   * whom the options name, or of signatures. HEAD is no pull: do not ask.
   */
  countsAsPull(puller: Puller, pull: Pick<Pull, 'tag'>): boolean;
  /** Remembers a pull; costs no write now, and none at all when the hour has one already. */
  note(pull: Pull): void;
  /** Writes down what is remembered. */
  flush(): Promise<void>;
  /** Writes down what is remembered, for the last time. */
  close(): Promise<void>;
}

export interface PullsContext {
  readonly metadata: Sql;
  /** Patterns of names whose pulls do not count. */
  readonly ignore: readonly string[];
  /** Told when pulls could not be written; they stay remembered. */
  readonly onError: (error: unknown) => void;
}

const FLUSH_EVERY_MS = 30_000;
// Some 30 MB at most; past that pulls are written down anew, which costs writes and loses nothing.
const REMEMBERED_MAX = 100_000;
// A push waits milliseconds for its turn to write.
const BATCH = 200;

export function openPulls(context: PullsContext): Pulls {
  return new PullBook(context);
}

class PullBook implements Pulls {
  readonly #metadata: Sql;
  readonly #ignore: readonly Glob[];
  readonly #onError: (error: unknown) => void;
  /** The hour in which each was noted last. */
  readonly #hours = new Map<string, number>();
  #unwritten = new Map<string, PullRow>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor({ metadata, ignore, onError }: PullsContext) {
    this.#metadata = metadata;
    this.#ignore = ignore.map(compileGlob);
    this.#onError = onError;
  }

  countsAsPull({ name, mayAttach, mayPush }: Puller, { tag }: Pick<Pull, 'tag'>): boolean {
    if (mayAttach && !mayPush) return false;
    if (tag !== undefined && subjectOfTag(tag) !== undefined) return false;
    return !this.#ignore.some((glob) => glob.matches(name));
  }

  note({ repository, tag = '', digest, at }: Pull): void {
    const key = `${repository} ${tag} ${digest}`;
    const hour = Math.floor(at / PULL_COARSENESS_MS);
    if (this.#hours.get(key) === hour) return;
    if (this.#hours.size >= REMEMBERED_MAX) this.#hours.clear();
    this.#hours.set(key, hour);
    this.#unwritten.set(key, { repository, tag, digest, lastAt: at });
    this.#arm();
  }

  async flush(): Promise<void> {
    // One after the other: what a failed write gives back must not come after what was noted since.
    const writing = this.#writing.catch(() => undefined).then(() => this.#write());
    this.#writing = writing;
    await writing;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.flush();
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.flush().catch((error: unknown) => {
        this.#onError(error);
        this.#arm();
      });
    }, FLUSH_EVERY_MS).unref();
  }

  async #write(): Promise<void> {
    const rows = [...this.#unwritten];
    this.#unwritten = new Map();
    for (let start = 0; start < rows.length; start += BATCH) {
      const batch = rows.slice(start, start + BATCH);
      try {
        await this.#metadata.transaction(async (inside) => {
          for (const [, row] of batch) await recordPull(inside, row);
        });
      } catch (error) {
        this.#giveBack(rows.slice(start));
        throw error;
      }
    }
  }

  #giveBack(rows: readonly [string, PullRow][]): void {
    for (const [key, row] of rows) if (!this.#unwritten.has(key)) this.#unwritten.set(key, row);
  }
}
