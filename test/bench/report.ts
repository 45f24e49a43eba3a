import { type Spread, ratios, spread } from './stats.ts';

/** A figure to reach: on the ratio ours/peer, or on ours alone. */
export interface Goal {
  readonly on: 'ratio' | 'ours';
  readonly bound: 'at least' | 'at most';
  readonly value: number;
}

/** Samples of one measure, round by round, of us and of one peer. */
export interface Comparison {
  readonly measure: string;
  /** The peer's name, or what of ours the measure is set against. */
  readonly against: string;
  readonly unit: string;
  readonly ours: readonly number[];
  readonly theirs: readonly number[] | undefined;
  readonly goal?: Goal;
  readonly note?: string;
}

/** A comparison with its ratio worked out and judged. */
export interface Row extends Comparison {
  readonly oursSpread: Spread;
  readonly theirsSpread: Spread | undefined;
  readonly ratio: Spread | undefined;
  readonly verdict: 'reached' | 'fell short' | 'for information';
}

/** Collects rows, skipped rows and remarks in the order they came. */
export class Report {
  readonly rows: Row[] = [];
  readonly skipped: string[] = [];
  readonly remarks: string[] = [];
  /** Measures that are void, and why. */
  readonly failures: string[] = [];

  /** Adds a row and shows it at once, so that an interrupted run still told something. */
  add(comparison: Comparison): void {
    const { ours, theirs, goal } = comparison;
    const oursSpread = spread(ours);
    // A peer may have run fewer rounds: only rounds that both ran make a ratio.
    const ratio = theirs === undefined ? undefined : spread(ratios(ours.slice(0, theirs.length), theirs));
    const theirsSpread = theirs === undefined ? undefined : spread(theirs);
    const row = { ...comparison, oursSpread, theirsSpread, ratio, verdict: judge(goal, oursSpread, ratio) };
    this.rows.push(row);
    progress(cells(row).join('  '));
  }

  /** Says that something was not measured, and what would bring it. */
  skip(reason: string): void {
    if (this.skipped.includes(reason)) return;
    this.skipped.push(reason);
    progress(`skipped: ${reason}`);
  }

  /** Says something that a reader of the figures must know. */
  remark(text: string): void {
    if (this.remarks.includes(text)) return;
    this.remarks.push(text);
    progress(`note: ${text}`);
  }

  /** Says that a measure is void; the bench then fails in the end. */
  fail(measure: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.failures.push(`${measure}: ${reason}`);
    progress(`VOID: ${measure}: ${reason}`);
  }

  /** The table for people. */
  toTable(): string {
    const lines = [
      ['measure', 'against', 'ratio ours/theirs (min … max)', 'ours', 'theirs', 'unit', 'goal', ''],
      ...this.rows.map(cells),
    ];
    const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
    const table = lines.map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
    const notes = this.rows
      .filter((row) => row.note !== undefined)
      .map((row) => `note: ${row.measure}, ${row.against}: ${row.note}`);
    const remarks = this.remarks.map((text) => `note: ${text}`);
    const skipped = this.skipped.map((text) => `skipped: ${text}`);
    const failures = this.failures.map((text) => `VOID: ${text}`);
    return [...table, '', ...new Set(notes), ...remarks, ...skipped, ...failures].join('\n');
  }
}

/** Tells whoever waits what is going on. */
export function progress(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
}

function judge(goal: Goal | undefined, ours: Spread, ratio: Spread | undefined): Row['verdict'] {
  const value = goal?.on === 'ratio' ? ratio?.median : ours.max;
  if (goal === undefined || value === undefined) return 'for information';
  const isReached = goal.bound === 'at least' ? value >= goal.value : value <= goal.value;
  return isReached ? 'reached' : 'fell short';
}

function cells(row: Row): string[] {
  const { ratio, theirsSpread, goal, unit } = row;
  const goalText =
    goal === undefined
      ? ''
      : `${goal.bound === 'at least' ? '≥' : '≤'} ${goal.value}${goal.on === 'ratio' ? '×' : ` ${unit}`}`;
  return [
    row.measure,
    row.against,
    ratio === undefined ? '–' : `${number(ratio.median)}× (${number(ratio.min)} … ${number(ratio.max)})`,
    range(row.oursSpread),
    theirsSpread === undefined ? '–' : range(theirsSpread),
    unit,
    goalText,
    row.verdict,
  ];
}

function range(value: Spread): string {
  return `${number(value.median)} (${number(value.min)} … ${number(value.max)})`;
}

function number(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value.toPrecision(3);
}
