import type { OutgoingMessage, ServerResponse } from 'node:http';

// On every answer there is; the others on nearly all.
const SNIFFING = ['X-Content-Type-Options', 'nosniff'] as const;

/** What answers say to a browser that was led here: do not guess, run, frame or tell. */
export const SECURITY_HEADERS: readonly (readonly [name: string, value: string])[] = [
  SNIFFING,
  ['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"],
  ['Referrer-Policy', 'no-referrer'],
];

// A year, as browsers advise. Not for subdomains, which are not ours to speak for.
const TRANSPORT_SECURITY = 'max-age=31536000';

/** Before anything else is said: whatever the answer will be, its type is what it says. */
export function forbidGuessing(answer: OutgoingMessage): void {
  answer.setHeader(...SNIFFING);
}

/**
 * The other security headers. Not for blobs and manifests: a client that is no browser asks for them thousands of times
 * a second, a browser that does not guess shows neither, and two more headers made a manifest a twentieth dearer.
 */
export function secure(answer: ServerResponse, scheme: 'http' | 'https', path: string): void {
  for (const [name, value] of SECURITY_HEADERS) answer.setHeader(name, value);
  // Over plain HTTP it would mean nothing: RFC 6797, section 7.2.
  if (scheme === 'https') answer.setHeader('Strict-Transport-Security', TRANSPORT_SECURITY);
  const { statusCode } = answer;
  // What stands there is a secret, or depends on who asked.
  const isPersonal = path === '/token' || path.startsWith('/api/') || statusCode === 401 || statusCode === 403;
  if (isPersonal) answer.setHeader('Cache-Control', 'no-store');
}
