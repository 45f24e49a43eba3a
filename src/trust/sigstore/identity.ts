import type { ASN1Obj } from '@sigstore/core';
import { VerificationError } from '../testimony.ts';
import type { Certificate } from './certificate.ts';

const ALTERNATIVE_NAMES = '2.5.29.17';
/** Fulcio, docs/oid-info.md, as of 2026. */
const USERNAME = '1.3.6.1.4.1.57264.1.7';
const ISSUER = '1.3.6.1.4.1.57264.1.8';
const ISSUER_V1 = '1.3.6.1.4.1.57264.1.1';

const UTF8_STRING = 0x0c;
/** Several times what workflows of deeply nested repositories come to. */
const MAX_LENGTH = 2048;

/** Visible ASCII: an issuer with a space in it could take words from the identity that stands behind it. */
const VISIBLE = /^[\x21-\x7e]+$/;
const SCHEME = /^[a-z][a-z0-9+.-]*:/i;

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
export function identityOf(certificate: Certificate): FulcioIdentity {
  try {
    return { identity: readIdentity(certificate), issuer: readIssuer(certificate) };
  } catch (error) {
    if (error instanceof VerificationError) throw error;
    throw new VerificationError('authenticity', 'the identity in the certificate cannot be read', { cause: error });
  }
}

function readIdentity({ parsed }: Certificate): string {
  const names = parsed.extension(ALTERNATIVE_NAMES)?.valueObj.subs[0]?.subs ?? [];
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

/** RFC 5280, section 4.2.1.6: rfc822Name is [1], uniformResourceIdentifier [6], otherName [0]. */
function nameOf(name: ASN1Obj): string | undefined {
  if (name.tag.isContextSpecific(0x01)) return soundly(textOf(name.value), /^[^@:]+@[^@:]+$/);
  if (name.tag.isContextSpecific(0x06)) return soundly(textOf(name.value), SCHEME);
  if (!name.tag.isContextSpecific(0x00) || name.subs[0]?.toOID() !== USERNAME) return undefined;
  const value = name.subs[1]?.subs[0];
  // Fulcio writes user!domain, and no user may be called like an address.
  return value !== undefined && isUtf8String(value) ? soundly(textOf(value.value), /^[^@!:]+![^@!:]+$/) : undefined;
}

function readIssuer({ parsed }: Certificate): string {
  const current = parsed.extension(ISSUER);
  const legacy = parsed.extension(ISSUER_V1);
  let issuer: string | undefined;
  if (current !== undefined) {
    const [value, ...more] = current.valueObj.subs;
    if (value !== undefined && more.length === 0 && isUtf8String(value)) issuer = soundly(textOf(value.value), VISIBLE);
  } else if (legacy !== undefined) {
    issuer = soundly(textOf(legacy.value), VISIBLE);
  }
  if (issuer === undefined)
    throw new VerificationError('authenticity', 'the certificate does not say who issued the identity');
  return issuer;
}

function isUtf8String({ tag }: ASN1Obj): boolean {
  return tag.isUniversal() && tag.number === UTF8_STRING;
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

function soundly(text: string, shape: RegExp): string | undefined {
  return text.length <= MAX_LENGTH && VISIBLE.test(text) && shape.test(text) ? text : undefined;
}
