/*
 * DER as far as certificates, lists and time stamps need it, X.690 (02/2021). Nothing is copied and nothing is read before
 * somebody asks for it: a list of 8 MiB is read in a tenth of a second. (asn1js makes a tree of everything: 10 seconds and
 * 660 MB for a list of 4 MiB.) There is no recursion, so there is no depth at which it breaks.
 */

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

// Such tags go on in the next octet. No format that is read here has any.
const LONG_TAG = 0x1f;
const CONSTRUCTED = 0x20;
// The longest identifier in use has 20.
const OID_OCTETS_MAX = 64;

/** One value. */
export class Element {
  /** The first octet: class, constructed or not, number. */
  readonly tag: number;
  /** With its header. */
  readonly bytes: Uint8Array;
  /** Without. */
  readonly content: Uint8Array;

  /** @param start - where in the bytes it begins. @throws {DerError} it is no DER, or ends after the bytes */
  constructor(bytes: Uint8Array, start: number) {
    const tag = bytes[start];
    if (tag === undefined) throw new DerError('expected DER, found the end');
    if ((tag & LONG_TAG) === LONG_TAG) throw new DerError(`expected DER, found tag ${hex(tag)}`);
    const { length, from } = lengthAt(bytes, start + 1);
    if (from + length > bytes.length) throw new DerError('expected DER, found a value that ends too late');
    this.tag = tag;
    this.bytes = bytes.subarray(start, from + length);
    this.content = bytes.subarray(from, from + length);
  }

  /** Of a constructed one; none of any other. @throws {DerError} while they are gone through */
  *children(): Generator<Element, void> {
    if ((this.tag & CONSTRUCTED) === 0) return;
    for (let at = 0; at < this.content.length; ) {
      const child = new Element(this.content, at);
      at += child.bytes.length;
      yield child;
    }
  }
}

/**
 * Reads one value that fills the bytes.
 *
 * @throws {DerError} it is no DER, or something follows
 */
export function readDer(bytes: Uint8Array): Element {
  const element = new Element(bytes, 0);
  const left = bytes.length - element.bytes.length;
  if (left > 0) throw new DerError(`expected one value of DER, found ${left} bytes more`);
  return element;
}

/** In the shortest form there is, which is the only one of DER. */
function lengthAt(bytes: Uint8Array, at: number): { readonly length: number; readonly from: number } {
  const first = bytes[at];
  if (first === undefined) throw new DerError('expected DER, found the end');
  if (first < 0x80) return { length: first, from: at + 1 };
  const octets = bytes.subarray(at + 1, at + 1 + (first & 0x7f));
  const length = octets.reduce((value, octet) => value * 256 + octet, 0);
  if (octets.length < 1 || octets.length > 4 || octets.length < (first & 0x7f) || octets[0] === 0 || length < 0x80) {
    throw new DerError('expected DER, found a length that is written otherwise');
  }
  return { length, from: at + 1 + octets.length };
}

/** Dotted. @throws {DerError} it is no object identifier, or an absurdly long one */
export function oidOf({ tag, content }: Element): string {
  const isWhole = ((content.at(-1) ?? 0x80) & 0x80) === 0;
  if (tag !== TAG.oid || content.length > OID_OCTETS_MAX || !isWhole)
    throw new DerError('expected an object identifier');
  const arcs: bigint[] = [];
  let arc = 0n;
  for (const octet of content) {
    arc = arc * 128n + BigInt(octet & 0x7f);
    if ((octet & 0x80) !== 0) continue;
    arcs.push(arc);
    arc = 0n;
  }
  // The first two share one number: X.690, section 8.19.4.
  const [both = 0n, ...rest] = arcs;
  const top = both < 80n ? both / 40n : 2n;
  return [top, both - top * 40n, ...rest].join('.');
}

/** Takes the children of a value one after the other. */
export class Fields {
  readonly #children: Generator<Element, void>;
  #next: Element | undefined;

  /** @throws {DerError} it has another tag */
  constructor(of: Element, tag: number = TAG.sequence) {
    if (of.tag !== tag) throw new DerError(`expected tag ${hex(tag)}, found ${hex(of.tag)}`);
    this.#children = of.children();
    this.#advance();
  }

  /** @throws {DerError} there is none, or another tag */
  next(tag?: number): Element {
    const element = this.#next;
    if (element === undefined) throw new DerError('expected a value more');
    if (tag !== undefined && element.tag !== tag) {
      throw new DerError(`expected tag ${hex(tag)}, found ${hex(element.tag)}`);
    }
    this.#advance();
    return element;
  }

  /** The next one if it has one of these tags. */
  optional(...tags: readonly number[]): Element | undefined {
    const tag = this.#next?.tag;
    return tag !== undefined && tags.includes(tag) ? this.next() : undefined;
  }

  /** @throws {DerError} it is no object identifier */
  oid(): string {
    return oidOf(this.next());
  }

  /** @throws {DerError} something is left */
  end(): void {
    if (this.#next !== undefined) throw new DerError('expected nothing more');
  }

  #advance(): void {
    this.#next = this.#children.next().value ?? undefined;
  }
}

/** The only child of a value, as explicit tags have it. @throws {DerError} */
export function only(element: Element): Element {
  const children = element.children();
  const { value: first } = children.next();
  if (first === undefined) throw new DerError('expected one value, found none');
  if (children.next().value !== undefined) throw new DerError('expected one value, found more');
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
