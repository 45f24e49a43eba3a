import { type DecodeOptions, Tag, decode, encode } from 'cbor2';
import { type Envelope, type ProtectedHeader, TIME_STAMP, malformed, readChain } from './envelope.ts';

/** COSE_Sign1, COSE_Sign1_Tagged. RFC 9052, section 4.2. */
const SIGN1 = 18;
/** A point in time, seconds since the epoch. RFC 8949, section 3.4.2. */
const EPOCH = 1;
/** Labels of RFC 9052, section 3.1, and RFC 9360, section 2. */
const LABELS = { algorithm: 1, critical: 2, contentType: 3, chain: 33 } as const;

/** Numbers of RFC 9053, sections 2.1 and RFC 8230, section 2, by the names JWS has for the same. */
const ALGORITHMS: ReadonlyMap<unknown, string> = new Map([
  [-37, 'PS256'],
  [-38, 'PS384'],
  [-39, 'PS512'],
  [-7, 'ES256'],
  [-35, 'ES384'],
  [-36, 'ES512'],
]);

/**
 * A chain and a time stamp are 16 KiB; each byte may be a value of its own, and a mebibyte of them keeps a processor busy
 * for half a second.
 */
const MAX_CBOR_BYTES = 128 * 1024;

/** The end of the year 9999, seconds: what RFC 3339 can still write. */
const MAX_SECONDS = 253_402_300_799;

/** No tag is turned into anything, and no key is there twice, in whatever spelling: keys are compared as they are spelt. */
const STRICT: DecodeOptions = {
  ignoreGlobalTags: true,
  tags: new Map(),
  preferMap: true,
  rejectDuplicateKeys: true,
  requirePreferred: true,
  rejectFloats: true,
  rejectStreaming: true,
  // cbor2 counts an array twice. Tag, array, map, array of certificates; attributes of others may hold a little more.
  maxDepth: 16,
};

/**
 * Reads a signature in CBOR. signature-envelope-cose.md v1.1.0, RFC 9052, section 4.2.
 *
 * @throws {VerificationError} integrity: it is not one, or could be read in two ways
 */
export function readCose(bytes: Uint8Array): Envelope {
  if (bytes.length > MAX_CBOR_BYTES) {
    throw malformed(`expected at most ${MAX_CBOR_BYTES} bytes of CBOR, found ${bytes.length}`);
  }
  const tagged = read(bytes, 'the envelope');
  if (!(tagged instanceof Tag) || Number(tagged.tag) !== SIGN1) throw malformed(`expected tag ${SIGN1} of COSE_Sign1`);
  const parts: unknown = tagged.contents;
  if (!Array.isArray(parts) || parts.length !== 4) throw malformed('expected the four parts of COSE_Sign1');
  const [covered, beside, payload, signature] = parts.map((part: unknown) => part);
  const protectedBytes = bytesOf(covered, 'the protected header');
  const header = read(protectedBytes, 'the protected header');
  if (!(header instanceof Map) || !(beside instanceof Map)) throw malformed('expected headers that are maps');
  // RFC 9052, section 3: else two readers could take two values.
  if ([...beside.keys()].some((label) => header.has(label))) throw malformed('a header is protected and unprotected');
  const content = bytesOf(payload, 'the payload');
  const stamp: unknown = beside.get(TIME_STAMP);
  return {
    header: protectedHeader(header),
    payload: content,
    // RFC 9052, section 4.4, over the header's bytes as they came.
    signed: encode(['Signature1', protectedBytes, new Uint8Array(), content]),
    signature: bytesOf(signature, 'the signature'),
    ...readChain(certificatesIn(beside.get(LABELS.chain))),
    timeStamp: stamp === undefined ? undefined : bytesOf(stamp, 'the time stamp'),
  };
}

/** RFC 9360, section 2: one certificate is a byte string, several are an array of them. */
function certificatesIn(chain: unknown): Uint8Array[] {
  const found: readonly unknown[] = Array.isArray(chain) ? chain : [chain];
  return found.map((one) => bytesOf(one, 'a certificate'));
}

function protectedHeader(header: ReadonlyMap<unknown, unknown>): ProtectedHeader {
  const named: ReadonlySet<unknown> = new Set([LABELS.algorithm, LABELS.critical, LABELS.contentType]);
  const algorithm = header.get(LABELS.algorithm);
  return {
    algorithm: ALGORITHMS.get(algorithm) ?? `COSE ${typeof algorithm === 'number' ? algorithm : 'without a number'}`,
    contentType: header.get(LABELS.contentType),
    critical: header.get(LABELS.critical),
    attributes: new Map([...header].filter(([label]) => !named.has(label))),
    time: (value) => {
      const seconds: unknown = value instanceof Tag && Number(value.tag) === EPOCH ? value.contents : undefined;
      if (typeof seconds !== 'number' || !Number.isInteger(seconds) || seconds < 0) return undefined;
      return seconds > MAX_SECONDS ? undefined : seconds * 1000;
    },
  };
}

function read(bytes: Uint8Array, what: string): unknown {
  try {
    // A copy that is no Buffer: else its parts are, and those are written as maps.
    return decode(new Uint8Array(bytes), STRICT);
  } catch (error) {
    throw malformed(`${what} is not CBOR as it should be`, error);
  }
}

function bytesOf(part: unknown, what: string): Uint8Array {
  if (part instanceof Uint8Array) return part;
  throw malformed(`expected ${what} in bytes`);
}
