import { createHmac } from 'node:crypto';

/** A secret that can sign and cannot be read. */
export interface SigningKey {
  /** HMAC-SHA256 of the text in UTF-8, in base64. */
  sign(content: string): string;
}

// Standard Webhooks 1.0.0, "Signature scheme": at least 24 bytes.
const KEY_MIN_BYTES = 24;
const SERIALIZED = /^whsec_(?<key>[A-Za-z0-9+/]+={0,2})$/;

/**
 * Makes a key of a secret: `whsec_` and base64, which is how Standard Webhooks 1.0.0 writes one, or any other text, whose
 * bytes are the key. Undefined for a secret that is too short or that is no base64 after `whsec_`.
 */
export function signingKey(secret: string): SigningKey | undefined {
  const serialized = SERIALIZED.exec(secret)?.groups?.['key'];
  if (serialized === undefined && secret.startsWith('whsec_')) return undefined;
  const key = serialized === undefined ? Buffer.from(secret) : Buffer.from(serialized, 'base64');
  if (key.length < KEY_MIN_BYTES) return undefined;
  return { sign: (content) => createHmac('sha256', key).update(content).digest('base64') };
}

/** The headers that let a receiver check who sent a body and when. Standard Webhooks 1.0.0, "Webhook headers". */
export function signatureHeaders(
  key: SigningKey,
  message: { readonly id: string; readonly body: string },
  now: number,
): Record<string, string> {
  const { id, body } = message;
  const timestamp = String(Math.floor(now / 1000));
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${key.sign(`${id}.${timestamp}.${body}`)}`,
  };
}
