/*
 * Distinguished names as texts. RFC 4514, section 3: attributes joined by commas, several of one level by plus signs.
 *
 *   CN=alice+UID=7,O=Acme\, Inc.,C=DE
 */

/** One attribute: its type as it compares, and its exact value. */
interface Attribute {
  readonly type: string;
  readonly value: string;
  /** Whether the value is no text but hexadecimal BER. RFC 4514, section 2.4. */
  readonly isEncoded: boolean;
}

// A certificate's subject of more characters than this is nobody's.
const LENGTH_MAX = 4096;

// RFC 4514, section 3, and what certificates of code signers have besides.
const SHORT_NAMES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.4': 'SN',
  '2.5.4.5': 'SERIALNUMBER',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'STREET',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.12': 'TITLE',
  '2.5.4.42': 'GN',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
  '1.2.840.113549.1.9.1': 'EMAILADDRESS',
};

// S is what Notary and Windows say for ST.
const OTHER_NAMES: Readonly<Record<string, string>> = {
  S: 'ST',
  E: 'EMAILADDRESS',
  EMAIL: 'EMAILADDRESS',
  STREETADDRESS: 'STREET',
  GIVENNAME: 'GN',
};

const TYPES: ReadonlyMap<string, string> = new Map([
  ...Object.values(SHORT_NAMES).map((name) => [name, name] as const),
  ...Object.entries(SHORT_NAMES),
  ...Object.entries(OTHER_NAMES),
]);

/** What is wrong with a distinguished name that is asked for, or undefined. */
export function distinguishedNameProblem(text: string): string | undefined {
  const attributes = attributesOf(text);
  if (attributes === undefined) return 'expected attributes such as CN=alice,O=Acme, escaped as in RFC 4514';
  return attributes.some(({ isEncoded }) => isEncoded) ? 'expected values that are texts, found one in BER' : undefined;
}

/**
 * Whether a certificate's subject has the attributes of another name: of every type that is asked for exactly the values
 * asked for, and as often. In whatever order, since RFC 4514 and the tools of OpenSSL write them the other way round;
 * types that are not asked for may be there, too. False when one of the names cannot be read.
 */
export function subjectContains(subject: string, wanted: string): boolean {
  const there = attributesOf(subject);
  const asked = attributesOf(wanted);
  if (there === undefined || asked === undefined || asked.some(({ isEncoded }) => isEncoded)) return false;
  const types = new Set(asked.map(({ type }) => type));
  // CN=mallory,CN=alice is not alice.
  const compared = there.filter(({ type }) => types.has(type));
  return setOf(compared) === setOf(asked);
}

function setOf(attributes: readonly Attribute[]): string {
  return JSON.stringify(attributes.map(keyOf).toSorted());
}

function keyOf({ type, value, isEncoded }: Attribute): string {
  return JSON.stringify([type, value, isEncoded]);
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
  const [, name = '', rest] = match ?? [];
  if (rest === undefined) return undefined;
  const type = TYPES.get(name.toUpperCase()) ?? (/^\d/.test(name) ? name : undefined);
  const written = withoutSpaces(rest);
  const isEncoded = /^#(?:[0-9A-Fa-f]{2})+$/.test(written);
  const value = isEncoded ? written : unescaped(written);
  return type === undefined || value === undefined || value === '' ? undefined : { type, value, isEncoded };
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
