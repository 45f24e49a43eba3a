import { isIP, isIPv6 } from 'node:net';

/** By what this server may be called, as far as it knows itself. */
export interface OwnNames {
  /** Host of `http.listen`; an IPv6 host without its brackets. */
  readonly listenHost: string;
  readonly publicUrl: string | undefined;
  /** What the machine calls itself. */
  readonly hostname: string;
}

// RFC 1123, section 2.1; a leading label may be the wildcard of RFC 6125, section 6.4.3.
const DNS_NAME = /^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

/** Whether a text can stand in a server certificate: a DNS name, perhaps with a wildcard in front, or an IP address. */
export function isServerName(text: string): boolean {
  if (isIP(text) !== 0) return true;
  // 1.2.3 or 256.0.0.1: nothing but a mistyped address consists of digits and dots.
  return text.length <= 253 && DNS_NAME.test(text) && !/^[\d.]+$/.test(text);
}

/** The names of a server certificate, each once, in the form in which they compare: the configured ones or all own. */
export function serverNames(configured: readonly string[] | undefined, own: OwnNames): string[] {
  return canonicalNames(configured ?? namesOf(own));
}

/** Names in the one form and order in which equal sets are equal. */
export function canonicalNames(names: readonly string[]): string[] {
  return [...new Set(names.map(canonical))].toSorted();
}

function namesOf({ listenHost, publicUrl, hostname }: OwnNames): string[] {
  const names = ['localhost', '127.0.0.1', '::1', listenHost, hostname];
  if (publicUrl !== undefined) names.push(new URL(publicUrl).hostname.replace(/^\[(.*)\]$/, '$1'));
  // A wildcard is where one listens, not what one is called; a machine's name may hold what no certificate can.
  return names.filter((name) => !['0.0.0.0', '::'].includes(canonical(name)) && isServerName(name));
}

function canonical(name: string): string {
  // A URL writes an IPv6 address in its one shortest form. RFC 5952.
  return isIPv6(name) ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name.toLowerCase();
}
