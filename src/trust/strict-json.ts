import { VerificationError } from './testimony.ts';

/** Deep enough for the nested components of real bills of materials; no reader of ours recurses further. */
const MAX_DEPTH = 128;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/**
 * Reads signed JSON so that no two readers can see two documents in it: UTF-8 without a mark, no member twice, at most 128
 * deep. RFC 8259, section 4, leaves open what a repeated member means; a signature must not.
 *
 * @throws {VerificationError} integrity: it is anything else, or longer than `maxBytes`
 */
export function parseStrictJson(bytes: Uint8Array, { maxBytes }: { readonly maxBytes: number }): unknown {
  if (bytes.length > maxBytes) {
    throw new VerificationError('integrity', `expected at most ${maxBytes} bytes of JSON, found ${bytes.length}`);
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    // Before the parser, which would build a million levels as told.
    refuseRepeats(text);
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof VerificationError) throw error;
    throw new VerificationError('integrity', 'expected a JSON document in UTF-8', { cause: error });
  }
}

/** Walks strings, braces and brackets only: whether the rest is JSON is for the parser, which sees the same text. */
function refuseRepeats(text: string): void {
  // The members seen of each object around here; undefined for an array.
  const around: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfString(text, at);
      if (isMember(text, end)) note(around.at(-1), text.slice(at, end));
      at = end - 1;
    } else if (code === 0x7b || code === 0x5b) {
      if (around.length === MAX_DEPTH) throw new VerificationError('integrity', `JSON is over ${MAX_DEPTH} deep`);
      around.push(code === 0x7b ? new Set() : undefined);
    } else if (code === 0x7d || code === 0x5d) {
      around.pop();
    }
  }
}

/** One past the closing quote: most of a bundle is one long string, which is not walked letter by letter. */
function endOfString(text: string, start: number): number {
  let at = text.indexOf('"', start + 1);
  while (at !== -1 && isEscaped(text, at)) at = text.indexOf('"', at + 1);
  return at === -1 ? text.length : at + 1;
}

function isEscaped(text: string, quote: number): boolean {
  let at = quote;
  while (text.charCodeAt(at - 1) === BACKSLASH) at -= 1;
  return (quote - at) % 2 === 1;
}

function isMember(text: string, end: number): boolean {
  let at = end;
  while (at < text.length && ' \t\n\r'.includes(text.charAt(at))) at += 1;
  return text.charCodeAt(at) === COLON;
}

function note(members: Set<string> | undefined, quoted: string): void {
  // Parsed where it may be spelt in several ways, so that "a" and "\u0061" are one.
  const name = quoted.includes('\\') ? String(JSON.parse(quoted)) : quoted.slice(1, -1);
  if (members?.has(name) === true) {
    throw new VerificationError('integrity', `JSON has a member twice: ${JSON.stringify(name.slice(0, 64))}`);
  }
  members?.add(name);
}
