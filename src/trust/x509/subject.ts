import type { X509Certificate } from 'node:crypto';
import { fieldsOf } from './certificate.ts';
import { type Element, Fields } from './der.ts';

/** A type, as its short name or dotted, and its value. */
interface Attribute {
  readonly type: string;
  readonly value: string;
}

// RFC 4514, section 3, and what certificates of code signers have besides.
const SHORT_NAMES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.4': 'SN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'street',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.12': 'title',
  '2.5.4.42': 'GN',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
  '1.2.840.113549.1.9.1': 'emailAddress',
};

// How people write them; S is what Notary and Windows say for ST. X.520 types compare without case.
const TYPES: ReadonlyMap<string, string> = new Map([
  ...Object.values(SHORT_NAMES).map((name) => [name.toLowerCase(), name] as const),
  ['s', 'ST'],
  ['e', 'emailAddress'],
  ['email', 'emailAddress'],
  ['streetaddress', 'street'],
  ...Object.entries(SHORT_NAMES),
]);

const WANTED_LENGTH_MAX = 4096;

/** The subject of a certificate in the order and with the escapes of RFC 4514: `CN=ci,O=acme,C=US`. @throws {DerError} */
export function subjectText(certificate: X509Certificate): string {
  return namesOf(fieldsOf(certificate).subject)
    .toReversed()
    .map((attributes) => attributes.map(({ type, value }) => `${type}=${escaped(value)}`).join('+'))
    .join(',');
}

/**
 * Whether every attribute of a name such as `C=US, ST=WA, O=acme, CN=ci` is in the subject, each as often and with
 * exactly that value, in whatever order. False for a name with a {@link subjectProblem}. @throws {DerError}
 */
export function subjectContains(certificate: X509Certificate, wanted: string): boolean {
  const attributes = attributesOf(wanted);
  if (typeof attributes === 'string') return false;
  const left = namesOf(fieldsOf(certificate).subject).flat();
  return attributes.every(({ type, value }) => {
    const index = left.findIndex((one) => one.type === type && one.value === value);
    // Taken once: `OU=a, OU=a` wants two.
    if (index !== -1) left.splice(index, 1);
    return index !== -1;
  });
}

/** Why a name cannot be looked for in subjects; undefined when it can. */
export function subjectProblem(wanted: string): string | undefined {
  const attributes = attributesOf(wanted);
  return typeof attributes === 'string' ? attributes : undefined;
}

/** As they stand, from the root of the tree down; attributes of one level together. */
function namesOf(name: Element): Attribute[][] {
  return Array.from(name.children(), (level) =>
    Array.from(level.children(), (element) => {
      const fields = new Fields(element);
      const oid = fields.oid();
      return { type: SHORT_NAMES[oid] ?? oid, value: valueOf(fields.next()) };
    }),
  );
}

/** Strings in their characters; anything else as RFC 4514, section 2.4 writes it. */
function valueOf({ tag, content, bytes }: Element): string {
  const buffer = Buffer.from(content);
  switch (tag) {
    case 0x0c:
      return buffer.toString('utf8');
    case 0x13:
    case 0x14:
    case 0x16:
      return buffer.toString('latin1');
    case 0x1e:
      return content.length % 2 === 0 ? buffer.swap16().toString('utf16le') : hexOf(bytes);
    default:
      return hexOf(bytes);
  }
}

function hexOf(bytes: Uint8Array): string {
  return `#${Buffer.from(bytes).toString('hex')}`;
}

/** RFC 4514, section 2.4; line ends and other controls in hex, for a name is printed on a line. */
function escaped(value: string): string {
  return value
    .replaceAll(/[\\"+,;<>]/g, (character) => `\\${character}`)
    .replace(/^[ #]/, (character) => `\\${character}`)
    .replace(/ $/, '\\ ')
    .replaceAll(/\p{Cc}/gu, (character) =>
      Array.from(Buffer.from(character), (octet) => `\\${octet.toString(16).padStart(2, '0').toUpperCase()}`).join(''),
    );
}

/** What a written name consists of, or what is wrong with it. */
function attributesOf(wanted: string): Attribute[] | string {
  if (wanted.length > WANTED_LENGTH_MAX) return `expected a name of at most ${WANTED_LENGTH_MAX} characters`;
  const attributes: Attribute[] = [];
  // Between attributes stands a comma or a plus that is not escaped.
  for (const part of wanted.split(/(?<=(?<!\\)(?:\\\\)*)[,+]/)) {
    const [, written = '', text] = /^\s*([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)\s*=([\s\S]*)$/.exec(part) ?? [];
    const type = TYPES.get(written.toLowerCase()) ?? (/^\d/.test(written) ? written : undefined);
    if (text === undefined) return `expected attributes such as CN=alice, found ${JSON.stringify(part.trim())}`;
    if (type === undefined) return `expected a type such as CN or O, found ${JSON.stringify(written)}`;
    const value = unescaped(text);
    if (value === undefined || value === '') return `expected a value for ${written}, found ${JSON.stringify(text)}`;
    attributes.push({ type, value });
  }
  return attributes;
}

/** RFC 4514, section 3; undefined when an escape is none, or a character needs one. */
function unescaped(text: string): string | undefined {
  // A blank at the end counts when it is escaped.
  const trimmed = text.trimStart().replace(/(?<!\\)((?:\\\\)*)\s+$/, '$1');
  const tokens = trimmed.match(/\\[0-9A-Fa-f]{2}|\\[\\"+,;<>=# ]|[^\\"+,;<>\p{Cc}]/gu) ?? [];
  if (tokens.join('') !== trimmed) return undefined;
  const octets = tokens.map((token) => {
    if (!token.startsWith('\\')) return Buffer.from(token);
    return token.length === 3 ? Buffer.from(token.slice(1), 'hex') : Buffer.from(token.slice(1));
  });
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(octets));
  } catch {
    return undefined;
  }
}
