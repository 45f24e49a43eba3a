import { loadRoots } from './load-roots.ts';
import type { TrustOptions } from './options.ts';
import { type Policies, compilePolicies } from './policies.ts';
import { canonical } from './policy.ts';
import { type ListSource, rememberLists } from './remembered-lists.ts';
import type { Root } from './root.ts';

/** Where to say what nobody waits to hear. */
export interface Report {
  info(words: string, detail?: Readonly<Record<string, unknown>>): void;
  error(words: string, error: unknown): void;
}

/** What policies in force work with. */
export interface LiveSurroundings {
  /** What was read at the start, with absolute paths. */
  readonly options: TrustOptions;
  /**
   * Reads the configuration again; left out: only the files of roots are looked at.
   *
   * @throws {Error} what is wrong with it, in words
   */
  readonly read?: (() => Promise<TrustOptions>) | undefined;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly report: Report;
  /** Brings a revocation list; left out: from files and by HTTP. */
  readonly revocationList?: ListSource | undefined;
}

/** Policies that follow the configuration and the files it names. */
export interface LivePolicies {
  current(): Policies;
  /** The options that {@link LivePolicies.current} was made of. */
  options(): TrustOptions;
  /** Looks at everything again. True when the version changed: verdicts then have to be looked at again. Never throws. */
  reload(): Promise<boolean>;
  /** How often to do so, milliseconds. */
  readonly checkEveryMs: number;
}

// Contents are compared, not names or times: Kubernetes exchanges a symbolic link two folders up.
const CHECK_MS = 5_000;

/**
 * Reads all roots and follows them from there on. What cannot be read at one look may be half written; from the second
 * look on a configuration that is wrong is reported and the one in force kept, and a root that cannot be used vouches
 * for nobody any more.
 *
 * @throws {Error} which root cannot be used, why, and what to do, in words
 */
export async function openLivePolicies(surroundings: LiveSurroundings): Promise<LivePolicies> {
  const live = new Live(surroundings);
  await live.start();
  let underWay: Promise<boolean> | undefined;
  return {
    current: () => live.current(),
    options: () => live.options(),
    checkEveryMs: CHECK_MS,
    reload() {
      // Two looks at the same moment would be one look counted twice.
      underWay ??= live.look().finally(() => {
        underWay = undefined;
      });
      return underWay;
    },
  };
}

class Live {
  readonly #surroundings: LiveSurroundings;
  readonly #lists: ListSource;
  #options: TrustOptions;
  #policies: Policies;
  /** How often in a row the configuration could not be read. */
  #badLooks = 0;
  /** Roots that had a problem at the last look. */
  #suspects: ReadonlySet<string> = new Set();

  constructor(surroundings: LiveSurroundings) {
    this.#surroundings = surroundings;
    this.#lists = rememberLists(surroundings);
    this.#options = surroundings.options;
    this.#policies = compilePolicies(surroundings.options, new Map());
  }

  current(): Policies {
    return this.#policies;
  }

  options(): TrustOptions {
    return this.#options;
  }

  async start(): Promise<void> {
    const roots = await loadRoots(this.#options, { revocationList: this.#lists });
    const faults = [...roots.values()].filter(({ problem }) => problem !== undefined);
    if (faults.length > 0) {
      const words = faults.map(({ name, problem }) => `trust.roots.${name}: ${problem ?? ''}`);
      throw new Error(`cannot tell whose signatures count: ${words.join('; ')}; correct the files or the roots`);
    }
    this.#policies = compilePolicies(this.#options, roots);
  }

  async look(): Promise<boolean> {
    const options = await this.#readOptions();
    const before = this.#policies.roots;
    const found = await loadRoots(options, { before, revocationList: this.#lists });
    const roots = this.#withoutSlips(found, options);
    const policies = compilePolicies(options, roots);
    this.#options = options;
    if (policies.version === this.#policies.version) return false;
    this.#policies = policies;
    this.#tell(before);
    return true;
  }

  async #readOptions(): Promise<TrustOptions> {
    const { read, report } = this.#surroundings;
    if (read === undefined) return this.#options;
    try {
      const options = await read();
      this.#badLooks = 0;
      return options;
    } catch (error) {
      this.#badLooks += 1;
      if (this.#badLooks === 2) report.error('refused a new configuration of trust and kept the old one', error);
      return this.#options;
    }
  }

  /** Roots as found, but those that were good until now and have a problem for the first time as they were. */
  #withoutSlips(found: ReadonlyMap<string, Root>, options: TrustOptions): Map<string, Root> {
    const bad = [...found.values()].filter(({ problem }) => problem !== undefined).map(({ name }) => name);
    const kept = bad.filter((name) => !this.#suspects.has(name) && this.#isAsBefore(name, options));
    this.#suspects = new Set(bad);
    return new Map(
      [...found].map(([name, root]) => [name, kept.includes(name) ? (this.#policies.roots.get(name) ?? root) : root]),
    );
  }

  /** Whether the configuration says the same of a root as it did: else the old one is not what is asked for now. */
  #isAsBefore(name: string, options: TrustOptions): boolean {
    const [now, before] = [options.roots[name], this.#options.roots[name]];
    return before !== undefined && JSON.stringify(canonical(now)) === JSON.stringify(canonical(before));
  }

  #tell(before: ReadonlyMap<string, Root>): void {
    const { report } = this.#surroundings;
    for (const { name, problem } of this.#policies.roots.values()) {
      if (problem === undefined || before.get(name)?.problem === problem) continue;
      report.error(`trust.roots.${name} cannot be used: its signatures no longer count`, new Error(problem));
    }
    const version = this.#policies.version.slice(0, 16);
    report.info('took new trust policies', { policies: this.#policies.all.length, version });
  }
}
