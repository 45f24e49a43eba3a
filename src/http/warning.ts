import type { Exchange } from './exchange.ts';

/** Distribution Spec v1.1.1, "Warnings": all of the header's values together. */
const WARNING_MAX_BYTES = 4096;
const CUT = '...';

/** Says something of what was asked for, to people. Distribution Spec v1.1.1, "Warnings"; does nothing without a text. */
export function warn(exchange: Exchange, text: string | undefined): void {
  if (text !== undefined) exchange.set('Warning', warningOf(text));
}

/**
 * The value of a `Warning` header, as RFC 7234, section 5.5 writes it. What is not printable ASCII becomes a question mark:
 * clients show the text in terminals, and the text may quote what strangers wrote.
 */
export function warningOf(text: string): string {
  const quoted = Array.from(text.slice(0, WARNING_MAX_BYTES), quote);
  const [before, after] = ['299 - "', '"'];
  const room = WARNING_MAX_BYTES - before.length - after.length;
  if (text.length <= WARNING_MAX_BYTES && lengthOf(quoted) <= room) return before + quoted.join('') + after;
  let length = CUT.length;
  const end = quoted.findIndex((piece) => {
    length += piece.length;
    return length > room;
  });
  return before + quoted.slice(0, end === -1 ? quoted.length : end).join('') + CUT + after;
}

function quote(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  return /^[\x20-\x7e]$/.test(character) ? character : '?';
}

function lengthOf(pieces: readonly string[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}
