import type { z } from 'zod';

/** One thing that is wrong with a configuration, and what to do about it. */
export interface ConfigProblem {
  /** Dotted path of the key, or where in the file. */
  readonly path: string;
  readonly problem: string;
  readonly remedy: string;
}

/** Everything that is wrong with a configuration, at once. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(source: string, problems: readonly ConfigProblem[], options?: ErrorOptions) {
    const lines = problems.map(({ path, problem, remedy }) => `  ${path}: ${problem}\n    → ${remedy}`);
    super([`${source}: ${counted(problems.length)}`, ...lines].join('\n'), options);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** A node of the JSON Schema, as far as remedies read it. */
export interface SchemaNode {
  readonly default?: unknown;
  readonly description?: unknown;
  readonly properties?: Readonly<Record<string, unknown>>;
  /** Keys that have no default. */
  readonly required?: readonly string[];
  /** What every item of a list is. */
  readonly items?: unknown;
  /** What every value is where keys are free. */
  readonly additionalProperties?: unknown;
}

type Path = readonly PropertyKey[];

/** Says what is wrong in one of zod's issues and what to do; an unknown key each gets a problem of its own. */
export function problemsOf(issue: z.core.$ZodIssue, schema: SchemaNode): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(issue.path, key, schema));
  return [{ path: pathText(issue.path), problem: problemText(issue), remedy: remedyOf(issue, schema) }];
}

/** A path as it is written in sentences. */
export function pathText(path: Path): string {
  return path.length === 0 ? '(the file)' : path.map(String).join('.');
}

/** A value as it is shown in sentences. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function counted(count: number): string {
  return count === 1 ? '1 problem' : `${count} problems`;
}

function unknownKey(path: Path, key: string, schema: SchemaNode): ConfigProblem {
  const known = Object.keys(nodeAt(schema, path)?.properties ?? {});
  const near = nearest(key, known);
  return {
    path: pathText([...path, key]),
    problem: 'unknown key',
    remedy:
      near === undefined
        ? `remove it${known.length === 0 ? '' : `; the keys here are ${known.join(', ')}`}`
        : `did you mean ${near}?`,
  };
}

function problemText(issue: z.core.$ZodIssue): string {
  // Where an option has words of its own, they say more than these.
  if (!/^(Invalid|Too small)/.test(issue.message)) return issue.message;
  if (issue.code === 'invalid_type') return `expected ${kindText(issue.expected)}, found ${shown(issue.input)}`;
  if (issue.code === 'invalid_value') return `expected ${issue.values.join(' or ')}, found ${shown(issue.input)}`;
  if (issue.code === 'too_small' && issue.origin === 'string') return `expected some text, found ${shown(issue.input)}`;
  return issue.message;
}

function kindText(kind: string): string {
  if (kind === 'object' || kind === 'record') return 'keys of its own';
  return kind === 'string' ? 'text' : kind === 'array' ? 'a list' : `a ${kind}`;
}

function remedyOf(issue: z.core.$ZodIssue, schema: SchemaNode): string {
  const stated = issue.code === 'custom' ? issue.params?.['remedy'] : undefined;
  if (typeof stated === 'string') return stated;
  const node = nodeAt(schema, issue.path);
  if (node?.properties !== undefined) return `the keys here are ${Object.keys(node.properties).join(', ')}`;
  if (nodeAt(schema, issue.path.slice(0, -1))?.required?.includes(String(issue.path.at(-1)))) {
    const description = node?.description;
    return issue.input === undefined && typeof description === 'string' ? `add it: ${description}` : 'correct it';
  }
  const fallback = node?.default === undefined ? '' : ` to get the default, ${bare(node.default)}`;
  return `correct it, or remove the line${fallback}`;
}

/** As YAML would have it: texts without quotes. */
function bare(value: unknown): string {
  return typeof value === 'string' ? value : shown(value);
}

function nodeAt(schema: SchemaNode, path: Path): SchemaNode | undefined {
  let node: SchemaNode | undefined = schema;
  for (const key of path) {
    const next: unknown =
      typeof key === 'number' ? node?.items : (node?.properties?.[String(key)] ?? node?.additionalProperties);
    node = typeof next === 'object' && next !== null ? next : undefined;
  }
  return node;
}

function nearest(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((name) => ({ name, distance: editDistance(word.toLowerCase(), name.toLowerCase()) }))
    .toSorted((one, other) => one.distance - other.distance);
  const [best] = ranked;
  // A third of the letters wrong is a slip; more is another word.
  return best !== undefined && best.distance <= Math.max(1, Math.floor(word.length / 3)) ? best.name : undefined;
}

/** Letters to insert, drop, replace or swap with their neighbour. */
function editDistance(from: string, to: string): number {
  const at = (rows: readonly number[][], row: number, column: number): number => rows[row]?.[column] ?? Infinity;
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= from.length; row += 1) {
    const line = [row];
    rows.push(line);
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = at(rows, row - 1, column - 1) + (from[row - 1] === to[column - 1] ? 0 : 1);
      const isSwap = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      const swapped = isSwap ? at(rows, row - 2, column - 2) + 1 : Infinity;
      line.push(Math.min(replaced, swapped, at(rows, row - 1, column) + 1, at(rows, row, column - 1) + 1));
    }
  }
  return at(rows, from.length, to.length);
}
