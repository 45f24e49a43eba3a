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

/** The subject of a certificate in the order and with the escapes of RFC 4514: `CN=ci,O=acme,C=US`. @throws {DerError} */
export function subjectText(certificate: X509Certificate): string {
  return namesOf(fieldsOf(certificate).subject)
    .toReversed()
    .map((attributes) => attributes.map(({ type, value }) => `${type}=${escaped(value)}`).join('+'))
    .join(',');
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
