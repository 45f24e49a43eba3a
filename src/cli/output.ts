/** What commands that answer something can be told. */
export interface OutputFlags {
  readonly json?: boolean;
}

/** Prints an answer: as one JSON document, or in words for people. */
export function printAnswer<T>({ json }: OutputFlags, answer: T, words: (answer: T) => string): void {
  console.log(json === true ? JSON.stringify(answer, null, 2) : words(answer));
}

/** Rows under their headings, in columns as wide as they need. The last column is never padded. */
export function tableText(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, column) =>
    rows.reduce((widest, row) => Math.max(widest, row[column]?.length ?? 0), heading.length),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [headings, ...rows].map(line).join('\n');
}

/** A moment for people: to the second. */
export function momentText(moment: string | null): string {
  return moment === null ? 'never' : moment.replace(/\.\d+/, '');
}

/** Where a role holds, for people. */
export function placeText(scope: string): string {
  return scope === '*' ? 'every repository' : scope;
}
