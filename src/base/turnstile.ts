/** Nobody is let in: as many as may wait are waiting already. */
export class TurnstileFull extends Error {
  constructor(waiting: number) {
    super(`expected a place in the line, found ${waiting} waiting already`);
    this.name = 'TurnstileFull';
  }
}

/** Lets a fixed number in at a time, in the order they asked. */
export class Turnstile {
  readonly #waiting: (() => void)[] = [];
  readonly #waitingMax: number;
  #free: number;

  constructor(places: number, { waitingMax = Infinity }: { waitingMax?: number } = {}) {
    this.#free = places;
    this.#waitingMax = waitingMax;
  }

  /**
   * Runs the work as soon as there is a place for it.
   *
   * @throws {TurnstileFull} without running it: `waitingMax` are waiting already
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn();
    try {
      return await work();
    } finally {
      // The place goes straight to the next in line, so nobody who comes now can slip in between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#waitingMax) throw new TurnstileFull(this.#waiting.length);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
