import { isIP, isIPv6 } from 'node:net';
import { z } from 'zod';
import { durationBetween } from '#base/duration.ts';
import { sizeBetween } from '#base/size.ts';
import { tlsOptions } from '#tls/options.ts';
import { limitOptions, rateLimitOptions, trustedProxies } from './limit-options.ts';
import { isLoopback } from './loopback.ts';

/** Where a server listens. An IPv6 host stands here without its brackets. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

const ADDRESS = /^(?:\[(?<ipv6>[0-9a-fA-F:.]+)\]|(?<host>[A-Za-z0-9.-]+)):(?<port>\d{1,5})$/;

const written = z
  .string({ error: ({ input }) => badAddress(input) })
  .refine((text) => readAddress(text) !== undefined, { error: ({ input }) => badAddress(input) });

const address = z.codec(written, z.custom<Address>(), {
  decode: (text) => readAddress(text) ?? { host: '', port: 0 },
  encode: ({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`,
});

const publicUrl = z.codec(
  z
    .string({ error: ({ input }) => badUrl(input) })
    .refine((text) => originOf(text) !== undefined, { error: ({ input }) => badUrl(input) }),
  z.string(),
  { decode: (text) => originOf(text) ?? text, encode: (origin) => origin },
);

/** How Gatehouse is reached. */
export const httpOptions = z
  .strictObject({
    listen: address.prefault('127.0.0.1:5000').describe('address and port; port 0 takes any free one'),
    publicUrl: publicUrl.optional().describe('what clients call this registry, e.g. https://registry.example.com'),
    plaintext: z
      .enum(['loopback', 'anywhere'])
      .prefault('loopback')
      .describe('where plain HTTP may be served: on this machine only, or anywhere'),
    tls: tlsOptions.prefault({}).describe('encrypted connections'),
    // A timer holds at most 2^31 - 1 ms, 24.8 days.
    shutdownTimeout: durationBetween('0s', '24d')
      .prefault('30s')
      .describe('how long accepted requests may take to end'),
    idleTimeout: durationBetween('1s', '24d').prefault('2m').describe('how long a connection may carry no byte'),
    // Below 8 KiB the bearer tokens of common clients no longer fit; every open connection may take this much memory.
    maxHeaderSize: sizeBetween('8KiB', '1MiB').prefault('32KiB').describe('size of all headers of a request'),
    trustedProxies,
    limits: limitOptions,
    rateLimit: rateLimitOptions,
    metrics: z
      .strictObject({
        access: z
          .enum(['loopback', 'authenticated', 'anyone'])
          .prefault('loopback')
          .describe('who may read /metrics: this machine, any user, or anyone'),
      })
      .prefault({})
      .describe('the Prometheus page'),
  })
  .refine(({ listen, plaintext, tls }) => plaintext === 'anywhere' || tls.mode !== 'off' || isLocal(listen.host), {
    path: ['listen'],
    error: 'plain HTTP would leave this machine, and passwords with it',
    params: {
      remedy:
        'set http.tls.mode: auto, put a TLS-terminating proxy in front and listen on 127.0.0.1, or set http.plaintext: anywhere if the network is trusted',
    },
    // Judged whatever else is wrong, so that all problems come out at once; but only on values that are sound.
    when: ({ value, issues }) =>
      typeof value === 'object' &&
      value !== null &&
      issues.every(
        ({ code, path }) =>
          code === 'unrecognized_keys' || !['listen', 'plaintext', 'tls'].includes(String(path?.[0] ?? 'listen')),
      ),
  });

/** What {@link httpOptions} parses to. */
export type HttpOptions = z.infer<typeof httpOptions>;

function readAddress(text: string): Address | undefined {
  const { ipv6, host, port } = ADDRESS.exec(text)?.groups ?? {};
  const name = ipv6 ?? host;
  if (name === undefined || Number(port) > 65_535) return undefined;
  if (ipv6 !== undefined && !isIPv6(ipv6)) return undefined;
  // 1.2.3 or 256.0.0.1: nothing but a mistyped address consists of digits and dots.
  if (/^[\d.]+$/.test(name) && isIP(name) === 0) return undefined;
  return { host: name, port: Number(port) };
}

function isLocal(host: string): boolean {
  return host === 'localhost' || (isIP(host) !== 0 && isLoopback(host));
}

function originOf(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return undefined;
  const bare =
    url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '' && url.password === '';
  return bare && !/[?#]/.test(text) ? url.origin : undefined;
}

function badAddress(input: unknown): string {
  return `expected an address and a port such as 127.0.0.1:5000 or [::1]:5000, found ${JSON.stringify(input)}`;
}

function badUrl(input: unknown): string {
  return `expected an http or https URL without path, such as https://registry.example.com, found ${JSON.stringify(input)}`;
}
