import type { Options } from './options.ts';
import type { Registry } from './registries.ts';
import type { Goal, Report } from './report.ts';
/** All that a measure is given. */
export interface Bench {
  readonly options: Options;
  /** Temporary folder; each measure works in its own part of it. */
  readonly folder: string;
  /** The registry under test, then its peers that are here. */
  readonly ours: Registry;
  readonly peers: readonly Registry[];
  readonly report: Report;
}

/** Samples by what was measured, one for each round. */
export type Samples<Subject extends { readonly name: string }> = ReadonlyMap<Subject, readonly number[]>;

/** Measures registries in turns, A B A B …, so that a slow minute of the machine falls on all of them. */
export async function interleave<Subject extends { readonly name: string }>(
  rounds: number,
  subjects: readonly Subject[],
  measure: (subject: Subject) => Promise<number>,
): Promise<Samples<Subject>> {
  const samples = new Map<Subject, number[]>(subjects.map((subject) => [subject, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [subject, values] of samples) values.push(await measure(subject));
  }
  return samples;
}

/** What the rows of one comparison share. */
export interface Naming {
  readonly measure: string;
  readonly unit: string;
  /** Goals by the peer's name. */
  readonly goals?: Readonly<Record<string, Goal>>;
  /** Notes by the peer's name. */
  readonly notes?: Readonly<Record<string, string>>;
}

/** Adds one row for each peer; the first registry is ours. */
export function compare(bench: Bench, samples: Samples<{ readonly name: string }>, naming: Naming): void {
  const [ours, ...peers] = samples.entries();
  if (ours === undefined) throw new Error('expected samples of ours, found none');
  for (const [peer, theirs] of peers) {
    const goal = naming.goals?.[peer.name];
    const note = naming.notes?.[peer.name];
    const optional = { ...(goal && { goal }), ...(note !== undefined && { note }) };
    bench.report.add({
      measure: naming.measure,
      unit: naming.unit,
      against: peer.name,
      ours: ours[1],
      theirs,
      ...optional,
    });
  }
  if (peers.length === 0) {
    bench.report.add({
      measure: naming.measure,
      unit: naming.unit,
      against: 'no peer here',
      ours: ours[1],
      theirs: undefined,
    });
  }
}

/** A goal on the ratio. */
export function atLeast(value: number): Goal {
  return { on: 'ratio', bound: 'at least', value };
}
