/** A command of a document, as it is typed, and what the document says that it answers. */
export interface Exchange {
  readonly command: string;
  readonly answer: string;
}

/** Every command of a document's `console` blocks: `$ ` begins one, `> ` carries it on, and the rest is its answer. */
export function exchangesIn(document: string): Exchange[] {
  const exchanges: { command: string; answer: string }[] = [];
  for (const [, block = ''] of document.matchAll(/^```console\n(.*?)^```$/gms)) {
    for (const line of block.split('\n').slice(0, -1)) {
      const last = exchanges.at(-1);
      if (line.startsWith('$ ')) exchanges.push({ command: line.slice(2), answer: '' });
      else if (last === undefined) throw new Error(`expected a command first, found ${line}`);
      else if (line.startsWith('> ') && last.answer === '') last.command += `\n${line.slice(2)}`;
      else last.answer += `${line}\n`;
    }
  }
  return exchanges;
}

/**
 * What an answer has to fit: the words of a document, in which `…` stands for anything, on a line of its own for any number
 * of lines. Digests, moments, ids of plans and the width of columns may differ.
 */
export function patternOf(answer: string): RegExp {
  const lines = settled(answer).split('\n').slice(0, -1);
  const patterns = lines.map((line) =>
    line === '…' ? '(?:.*\\n)*?' : `${line.split('…').map(escaped).join('.*')}\\n`,
  );
  return new RegExp(`^${patterns.join('')}$`);
}

/** An answer without what differs from run to run. */
export function settled(answer: string): string {
  return answer
    .replace(/sha256:[0-9a-f]{64}/g, 'DIGEST')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?Z/g, 'MOMENT')
    .replace(/(plan |--confirm )[\w-]{10}\b/g, '$1PLAN')
    .replace(/ {2,}/g, ' ');
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
