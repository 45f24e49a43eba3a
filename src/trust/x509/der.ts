import { type AsnType, Constructed, ObjectIdentifier, fromBER } from 'asn1js';

/** One value of DER, X.690 (02/2021). */
export interface Element {
  /** The first octet: class, constructed or not, number. */
  readonly tag: number;
  /** With its header. */
  readonly bytes: Uint8Array;
  /** Without. */
  readonly content: Uint8Array;
  /** Of a constructed one. */
  readonly children: readonly Element[];
  /** Of an object identifier, dotted. */
  readonly oid: string | undefined;
}

/** What DER is not what it should be. */
export class DerError extends Error {
  constructor(message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.name = 'DerError';
  }
}

/** First octets of the universal types read here. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

// A time stamp with four certificates goes 12 deep.
const DEPTH_MAX = 32;
// The arcs of an identifier are worked out one by one; the longest in use has 20 octets.
const OID_OCTETS_MAX = 64;

/**
 * Reads one value that fills the bytes.
 *
 * @param nodesMax - how many values it may consist of
 * @throws {DerError} it is no DER, too deep, of too many values, or something follows
 */
export function readDer(bytes: Uint8Array, nodesMax = 10_000): Element {
  const { offset, result } = parsed(bytes, nodesMax);
  if (offset === -1) throw new DerError(`expected DER: ${result.error || 'it ends early'}`);
  if (offset !== bytes.length)
    throw new DerError(`expected one value of DER, found ${bytes.length - offset} bytes more`);
  return elementOf(result);
}

function parsed(bytes: Uint8Array, nodesMax: number): ReturnType<typeof fromBER> {
  try {
    return fromBER(bytes, { maxDepth: DEPTH_MAX, maxNodes: nodesMax, maxContentLength: bytes.length });
  } catch (error) {
    throw new DerError('expected DER', { cause: error });
  }
}

function elementOf(node: AsnType): Element {
  if (node.lenBlock.isIndefiniteForm) throw new DerError('expected DER, found a value of indefinite length');
  const bytes = node.valueBeforeDecodeView;
  const content = bytes.subarray(node.idBlock.blockLength + node.lenBlock.blockLength);
  const children = node instanceof Constructed ? node.valueBlock.value.map(elementOf) : [];
  const oid = node instanceof ObjectIdentifier && content.length <= OID_OCTETS_MAX ? node.getValue() : undefined;
  return { tag: bytes[0] ?? 0, bytes, content, children, oid };
}

/** Takes the children of a value one after the other. */
export class Fields {
  readonly #of: Element;
  #at = 0;

  /** @throws {DerError} it has another tag */
  constructor(of: Element, tag: number = TAG.sequence) {
    if (of.tag !== tag) throw new DerError(`expected tag ${hex(tag)}, found ${hex(of.tag)}`);
    this.#of = of;
  }

  /** @throws {DerError} there is none, or another tag */
  next(tag?: number): Element {
    const element = this.#of.children[this.#at];
    if (element === undefined) throw new DerError('expected a value more');
    if (tag !== undefined && element.tag !== tag) {
      throw new DerError(`expected tag ${hex(tag)}, found ${hex(element.tag)}`);
    }
    this.#at += 1;
    return element;
  }

  /** The next one if it has one of these tags. */
  optional(...tags: readonly number[]): Element | undefined {
    const tag = this.#of.children[this.#at]?.tag;
    return tag !== undefined && tags.includes(tag) ? this.next() : undefined;
  }

  /** @throws {DerError} it is no object identifier, or an absurdly long one */
  oid(): string {
    const { oid } = this.next(TAG.oid);
    if (oid === undefined) throw new DerError('expected an object identifier');
    return oid;
  }

  /** @throws {DerError} something is left */
  end(): void {
    if (this.#at < this.#of.children.length) throw new DerError('expected nothing more');
  }
}

/** The only child of a value, as explicit tags have it. @throws {DerError} */
export function only(element: Element): Element {
  const [first, ...more] = element.children;
  if (first === undefined || more.length > 0)
    throw new DerError(`expected one value, found ${element.children.length}`);
  return first;
}

/** A number of at most 31 bits. @throws {DerError} it is negative, larger or nothing */
export function smallNumber({ content }: Element): number {
  const [first] = content;
  if (first === undefined || first > 0x7f || content.length > 4) throw new DerError('expected a small number');
  return content.reduce((value, octet) => value * 256 + octet, 0);
}

/** Milliseconds since the epoch. RFC 5280, section 4.1.2.5, and fractions as RFC 3161, section 2.4.2. @throws {DerError} */
export function timeOf({ tag, content }: Element): number {
  const text = Buffer.from(content).toString('latin1');
  const digits = tag === TAG.utcTime ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text;
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d{1,9})?Z$/.exec(digits);
  if (parts === null || (tag !== TAG.utcTime && tag !== TAG.generalizedTime)) throw new DerError('expected a time');
  const [, year, month, day, hour, minute, second, fraction = ''] = parts;
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const time = Date.parse(`${iso}Z`);
  // Date takes 30 February for 2 March.
  if (Number.isNaN(time) || !new Date(time).toISOString().startsWith(iso)) throw new DerError('expected a time');
  return time + Math.floor(Number(`0${fraction}`) * 1000);
}

function hex(tag: number): string {
  return `0x${tag.toString(16).padStart(2, '0')}`;
}
