import { z } from 'zod';
import { parseStrictJson } from '../strict-json.ts';
import {
  type Envelope,
  MAX_ENVELOPE_BYTES,
  type ProtectedHeader,
  TIME_STAMP,
  firstIssue,
  malformed,
  readChain,
} from './envelope.ts';

const text = z.string();

const envelope = z.strictObject({ payload: text, protected: text, header: z.looseObject({}), signature: text });
const unprotected = z.looseObject({ x5c: z.array(text), [TIME_STAMP]: text.optional() });
const header = z.looseObject({ alg: text.max(20), cty: z.unknown().optional(), crit: z.unknown().optional() });

const instant = z.iso.datetime({ offset: true });

/**
 * Reads a signature in JSON, flattened. signature-envelope-jws.md v1.1.0, RFC 7515, section 7.2.2.
 *
 * @throws {VerificationError} integrity: it is not one, or could be read in two ways
 */
export function readJws(bytes: Uint8Array): Envelope {
  const found = shaped(envelope, parseStrictJson(bytes, { maxBytes: MAX_ENVELOPE_BYTES }), 'the envelope');
  const beside = shaped(unprotected, found.header, 'the unprotected header');
  const covered = fromBase64(found.protected, 'base64url', 'the protected header');
  const document = shaped(header, parseStrictJson(covered, { maxBytes: MAX_ENVELOPE_BYTES }), 'the protected header');
  // RFC 7515, section 7.2.1: else two readers could take two values.
  const twice = Object.keys(found.header).find((name) => Object.hasOwn(document, name));
  if (twice !== undefined)
    throw malformed(`the header ${JSON.stringify(twice.slice(0, 100))} is protected and unprotected`);
  const stamp = beside[TIME_STAMP];
  return {
    header: protectedHeader(document),
    payload: fromBase64(found.payload, 'base64url', 'the payload'),
    signed: Buffer.from(`${found.protected}.${found.payload}`, 'ascii'),
    signature: fromBase64(found.signature, 'base64url', 'the signature'),
    ...readChain(beside.x5c.map((one) => fromBase64(one, 'base64', 'a certificate'))),
    timeStamp: stamp === undefined ? undefined : fromBase64(stamp, 'base64', 'the time stamp'),
  };
}

function protectedHeader({ alg, cty, crit, ...others }: z.infer<typeof header>): ProtectedHeader {
  return {
    algorithm: alg,
    contentType: cty,
    critical: crit,
    attributes: new Map(Object.entries(others)),
    time: (value) => {
      const { success, data } = instant.safeParse(value);
      return success ? Date.parse(data) : undefined;
    },
  };
}

function shaped<T>(schema: z.ZodType<T>, document: unknown, what: string): T {
  const { success, data, error } = schema.safeParse(document);
  if (success) return data;
  throw malformed(`${what} is malformed: ${firstIssue(error)}`);
}

/** Only the one spelling that encoding gives: node skips what it does not know, so that many texts would be one. */
function fromBase64(encoded: string, encoding: 'base64' | 'base64url', what: string): Buffer {
  const bytes = Buffer.from(encoded, encoding);
  if (bytes.toString(encoding) !== encoded) throw malformed(`expected ${what} in ${encoding}, as it is encoded`);
  return bytes;
}
