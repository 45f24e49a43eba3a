import type { X509Certificate } from 'node:crypto';
import { VerificationError } from '../testimony.ts';
import { fieldsOf } from '../x509/certificate.ts';
import { type Element, Fields, only, readDer } from '../x509/der.ts';

const ALTERNATIVE_NAMES = '2.5.29.17';
/** Fulcio, docs/oid-info.md, as of 2026. */
const USERNAME = '1.3.6.1.4.1.57264.1.7';
const ISSUER = '1.3.6.1.4.1.57264.1.8';
const ISSUER_V1 = '1.3.6.1.4.1.57264.1.1';

const UTF8_STRING = 0x0c;
/** RFC 5280, section 4.2.1.6: otherName is [0], rfc822Name [1], uniformResourceIdentifier [6]. */
const NAME = { other: 0xa0, address: 0x81, uri: 0x86 } as const;

/** Several times what workflows of deeply nested repositories come to. */
const MAX_LENGTH = 2048;

/** Visible ASCII: an issuer with a space in it could take words from the identity that stands behind it. */
const VISIBLE = /^[\x21-\x7e]+$/;
const ADDRESS = /^[^@:]+@[^@:]+$/;
const URI = /^[a-z][a-z0-9+.-]*:/i;
/** Fulcio writes user!domain, and no user may be called like an address. */
const USER = /^[^@!:]+![^@!:]+$/;

/** Who a Fulcio certificate is for, and who said so. */
export interface FulcioIdentity {
  readonly identity: string;
  readonly issuer: string;
}

/**
 * Who a Fulcio certificate is for: its one alternative name, an e-mail address, a URI or a user name. Policies compare text
 * alone, so a name has to look like its type: an address that reads like a URI is nobody.
 *
 * @throws {VerificationError} authenticity: it does not say so, or in more ways than one
 */
export function identityOf(certificate: X509Certificate): FulcioIdentity {
  try {
    return { identity: readIdentity(certificate), issuer: readIssuer(certificate) };
  } catch (error) {
    if (error instanceof VerificationError) throw error;
    throw new VerificationError('authenticity', 'the identity in the certificate cannot be read', { cause: error });
  }
}

function readIdentity(certificate: X509Certificate): string {
  const extension = fieldsOf(certificate).extensions.get(ALTERNATIVE_NAMES);
  const names = extension === undefined ? [] : [...readDer(extension.value).children()];
  const [name] = names;
  if (name === undefined || names.length !== 1) {
    throw new VerificationError('authenticity', `expected one identity in the certificate, found ${names.length}`);
  }
  const identity = nameOf(name);
  if (identity === undefined) {
    throw new VerificationError('authenticity', 'the certificate names neither an address, nor a URI, nor a user');
  }
  return identity;
}

function nameOf(name: Element): string | undefined {
  if (name.tag === NAME.address) return textOf(name.content, ADDRESS);
  if (name.tag === NAME.uri) return textOf(name.content, URI);
  if (name.tag !== NAME.other) return undefined;
  const fields = new Fields(name, NAME.other);
  return fields.oid() === USERNAME ? utf8Of(only(fields.next(NAME.other)), USER) : undefined;
}

function readIssuer(certificate: X509Certificate): string {
  const { extensions } = fieldsOf(certificate);
  const [current, legacy] = [extensions.get(ISSUER), extensions.get(ISSUER_V1)];
  const issuer =
    current === undefined
      ? textOf(legacy?.value ?? new Uint8Array(), VISIBLE)
      : utf8Of(readDer(current.value), VISIBLE);
  if (issuer !== undefined) return issuer;
  throw new VerificationError('authenticity', 'the certificate does not say who issued the identity');
}

function utf8Of({ tag, content }: Element, shape: RegExp): string | undefined {
  return tag === UTF8_STRING ? textOf(content, shape) : undefined;
}

/** Undefined for what is no sound text of that shape. */
function textOf(bytes: Uint8Array, shape: RegExp): string | undefined {
  const text = bytes.length <= MAX_LENGTH ? Buffer.from(bytes).toString('latin1') : '';
  return VISIBLE.test(text) && shape.test(text) ? text : undefined;
}
