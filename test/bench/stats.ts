/** The middle of some samples and how far they strayed. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Reduces samples to median, least and greatest. @throws {Error} no samples */
export function spread(samples: readonly number[]): Spread {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = at(sorted, middle);
  const median = sorted.length % 2 === 1 ? upper : (at(sorted, middle - 1) + upper) / 2;
  return { median, min: at(sorted, 0), max: at(sorted, sorted.length - 1) };
}

/** The value below which `share` (0 to 1) of the samples lie. @throws {Error} no samples */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return at(sorted, Math.min(sorted.length - 1, Math.floor(sorted.length * share)));
}

/** Divides round by round, so that a slow minute of the machine falls on both sides of a ratio. */
export function ratios(ours: readonly number[], theirs: readonly number[]): number[] {
  if (ours.length !== theirs.length)
    throw new Error(`expected ${ours.length} rounds of the peer, found ${theirs.length}`);
  return ours.map((value, round) => value / at(theirs, round));
}

function at(values: readonly number[], index: number): number {
  const value = values[index];
  if (value === undefined) throw new Error(`expected a sample at ${index}, found ${values.length} samples`);
  return value;
}
