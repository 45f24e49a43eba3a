/** What an `Authorization` header holds. */
export type Credentials =
  | { readonly scheme: 'basic'; readonly name: string; readonly password: string }
  | { readonly scheme: 'bearer'; readonly token: string };

// Room for the tokens of CI systems, which list a dozen claims; the parser's limit on all headers stands behind it.
const HEADER_MAX_LENGTH = 16 * 1024;

/**
 * Reads an `Authorization` header; undefined when it is of no form we take. RFC 7617 (Basic, in UTF-8) and RFC 6750
 * (Bearer).
 */
export function parseCredentials(header: string): Credentials | undefined {
  if (header.length > HEADER_MAX_LENGTH) return undefined;
  const { scheme, rest } = /^(?<scheme>[A-Za-z]+) +(?<rest>[A-Za-z0-9+/._~-]+={0,2}) *$/.exec(header)?.groups ?? {};
  if (scheme === undefined || rest === undefined) return undefined;
  switch (scheme.toLowerCase()) {
    case 'basic':
      return parseBasic(rest);
    case 'bearer':
      return { scheme: 'bearer', token: rest };
    default:
      return undefined;
  }
}

function parseBasic(token: string): Credentials | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(token)) return undefined;
  const text = Buffer.from(token, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 1 ? undefined : { scheme: 'basic', name: text.slice(0, colon), password: text.slice(colon + 1) };
}
