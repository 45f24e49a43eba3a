import { RegistryError } from '#oci/errors.ts';
import type { Page, Window } from '#registry/page.ts';
import { type Exchange, parameter } from './exchange.ts';
import type { Urls } from './urls.ts';

/**
 * `n` and `last`. Distribution Spec v1.1.1, end-8b.
 *
 * @throws {RegistryError} UNSUPPORTED when `n` is not a whole number from 0
 */
export function windowOf(exchange: Exchange): Window {
  const n = parameter(exchange, 'n');
  if (n !== undefined && !/^\d{1,9}$/.test(n)) {
    throw new RegistryError('UNSUPPORTED', 'expected n to be a whole number from 0', { detail: { n: n.slice(0, 64) } });
  }
  return { after: parameter(exchange, 'last') ?? '', limit: n === undefined ? Number.MAX_SAFE_INTEGER : Number(n) };
}

/** Where the next page is, if there is one. RFC 8288. */
export function linkToNext<T>(exchange: Exchange, urls: Urls, page: Page<T>, last: (entry: T) => string): void {
  const end = page.entries.at(-1);
  const after = page.after ?? (end === undefined ? undefined : last(end));
  if (!page.more || after === undefined) return;
  const query = new URLSearchParams(exchange.querystring);
  query.set('last', after);
  // What a page has that ends elsewhere than at its last entry, or even nothing, says nothing of how long pages are.
  if (!query.has('n') && page.after === undefined) query.set('n', String(page.entries.length));
  exchange.set('Link', `<${urls.absolute(`${exchange.path}?${query.toString()}`)}>; rel="next"`);
}
