/*
 * Distinguished names as texts. RFC 4514, section 3: attributes joined by commas, several of one level by plus signs.
 *
 *   CN=alice+UID=7,O=Acme\, Inc.,C=DE
 */

/** One attribute: its type in upper case and its exact value. */
interface Attribute {
  readonly type: string;
  readonly value: string;
}

// A certificate's subject of more characters than this is nobody's.
const LENGTH_MAX = 4096;

// RFC 4514, section 3, and the two that RFC 5280, appendix A, adds: what else people write for the same type.
const TYPES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  S: 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.6': 'C',
  '2.5.4.9': 'STREET',
  '0.9.2342.19200300.100.1.25': 'DC',
  '0.9.2342.19200300.100.1.1': 'UID',
  '2.5.4.5': 'SERIALNUMBER',
  '1.2.840.113549.1.9.1': 'EMAILADDRESS',
  E: 'EMAILADDRESS',
};

/** What is wrong with a distinguished name, or undefined. */
export function distinguishedNameProblem(text: string): string | undefined {
  return attributesOf(text) === undefined
    ? 'expected attributes such as CN=alice,O=Acme, escaped as in RFC 4514'
    : undefined;
}

/**
 * Whether a certificate's subject has the attributes of another name: of every type that is asked for exactly the values
 * asked for, and as often. In whatever order, since RFC 4514 and the tools of OpenSSL write them the other way round;
 * types that are not asked for may be there, too. False when one of the names cannot be read.
 */
export function subjectContains(subject: string, wanted: string): boolean {
  const there = attributesOf(subject);
  const asked = attributesOf(wanted);
  if (there === undefined || asked === undefined) return false;
  const types = new Set(asked.map(({ type }) => type));
  // CN=mallory,CN=alice is not alice.
  const compared = there.filter(({ type }) => types.has(type));
  return setOf(compared) === setOf(asked);
}

function setOf(attributes: readonly Attribute[]): string {
  return JSON.stringify(attributes.map(keyOf).toSorted());
}

function keyOf({ type, value }: Attribute): string {
  return JSON.stringify([type, value]);
}

/** Undefined when it is no name, or an empty one. */
function attributesOf(text: string): Attribute[] | undefined {
  if (text.length > LENGTH_MAX) return undefined;
  const attributes: Attribute[] = [];
  for (const part of partsOf(text)) {
    const attribute = attributeOf(part);
    if (attribute === undefined) return undefined;
    attributes.push(attribute);
  }
  return attributes;
}

/** What stands between commas and plus signs that no backslash is before. */
function partsOf(text: string): string[] {
  const parts = [''];
  for (const [token] of text.matchAll(/\\[\s\S]|[\s\S]/g)) {
    if (token === ',' || token === '+') parts.push('');
    else parts.push((parts.pop() ?? '') + token);
  }
  return parts;
}

function attributeOf(part: string): Attribute | undefined {
  const match = /^\s*([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)\s*=([\s\S]*)$/.exec(part);
  const [, type, written] = match ?? [];
  if (type === undefined || written === undefined) return undefined;
  const value = unescaped(withoutSpaces(written));
  return value === undefined || value === ''
    ? undefined
    : { type: TYPES[type.toUpperCase()] ?? type.toUpperCase(), value };
}

/** Without the spaces around it; one behind a backslash is part of the value. */
function withoutSpaces(written: string): string {
  const from = written.length - written.replace(/^ +/, '').length;
  let end = written.length;
  while (end > from && written[end - 1] === ' ') end -= 1;
  let start = end;
  while (start > from && written[start - 1] === '\\') start -= 1;
  return written.slice(from, (end - start) % 2 === 1 ? end + 1 : end);
}

/** Undefined when an escape is none, or its bytes are no UTF-8. */
function unescaped(written: string): string | undefined {
  // RFC 4514, section 2.4: a value in hexadecimal BER; nothing here needs it, and reading it wrongly would be worse.
  if (written.startsWith('#') || !/^(?:\\(?:[0-9A-Fa-f]{2}|[ "#+,;<=>\\])|[^\\";<>\0])*$/.test(written))
    return undefined;
  const bytes: Buffer[] = [];
  for (const [token, pair] of written.matchAll(/\\([0-9A-Fa-f]{2})|\\?[^\\]|\\\\/gu)) {
    if (pair !== undefined) bytes.push(Buffer.from(pair, 'hex'));
    else bytes.push(Buffer.from(token.startsWith('\\') ? token.slice(1) : token));
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(bytes));
  } catch {
    return undefined;
  }
}
