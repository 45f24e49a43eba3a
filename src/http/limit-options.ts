import { z } from 'zod';
import { durationBetween } from '#base/duration.ts';
import { rate } from '#base/rate.ts';
import { sizeBetween } from '#base/size.ts';
import { readNetwork } from './client-address.ts';

const network = z
  .string({ error: ({ input }) => badNetwork(input) })
  .refine((text) => readNetwork(text) !== undefined, { error: ({ input }) => badNetwork(input) });

/** Which proxies are believed when they say for whom they ask. */
export const trustedProxies = z
  .array(network)
  .prefault(['127.0.0.0/8', '::1'])
  .describe('addresses and networks of proxies whose X-Forwarded-For, -Proto and -Host count');

/** What one client may take of the server, whoever it is. */
export const limitOptions = z
  .strictObject({
    // A cluster of a hundred nodes behind one address, each with ten connections, still fits.
    connectionsPerAddress: z
      .int({ error: ({ input }) => badCount(input) })
      .min(1, { error: ({ input }) => badCount(input) })
      .max(1_000_000, { error: ({ input }) => badCount(input) })
      .prefault(1000)
      .describe('connections of one address at a time; trusted proxies may have any number'),
    slowBody: z
      .strictObject({
        // Slower than any modem: below it only somebody who wants to hold a connection.
        bytesPerSecond: sizeBetween('0B', '1GiB').prefault(256).describe('how fast a body must arrive; 0 for no limit'),
        grace: durationBetween('1s', '24h').prefault('30s').describe('how long it may be slower'),
      })
      .prefault({})
      .describe('bodies that arrive too slowly'),
  })
  .prefault({})
  .describe('what one client may take of the server');

/** How often somebody may ask; nothing is limited unless said. */
export const rateLimitOptions = z
  .strictObject({
    perAddress: rate.optional().describe('requests of one address, before it is known who asks'),
    perIdentity: rate.optional().describe('requests of one user or robot, wherever they come from'),
  })
  .prefault({})
  .describe('how often somebody may ask');

/** What {@link limitOptions} parses to. */
export type LimitOptions = z.infer<typeof limitOptions>;

/** What {@link rateLimitOptions} parses to. */
export type RateLimitOptions = z.infer<typeof rateLimitOptions>;

function badNetwork(input: unknown): string {
  return `expected an address or a network such as 192.0.2.7, 10.0.0.0/8 or fd00::/8, found ${JSON.stringify(input)}`;
}

function badCount(input: unknown): string {
  return `expected a whole number from 1 to 1000000, found ${JSON.stringify(input)}`;
}
