import type { IncomingMessage } from 'node:http';
import { BlockList, type Socket, SocketAddress, isIP, isIPv4, isIPv6 } from 'node:net';
import { TLSSocket } from 'node:tls';

/** Who asks, and for whom: what the proxies in front of us say, where they may be believed. */
export interface Clients {
  /** The address a request comes from, IPv4 always written as IPv4; empty once the connection is gone. */
  addressOf(request: IncomingMessage): string;
  /** How the client itself speaks to us or to the proxy in front. */
  schemeOf(request: IncomingMessage): 'http' | 'https';
  /** The host, with its port if one was given, that the client asked for; undefined when it is none. */
  authorityOf(request: IncomingMessage): string | undefined;
  /** Who is at the other end of a connection. */
  peerOf(socket: Socket): Peer;
}

/** The other end of a connection. */
export interface Peer {
  readonly address: string;
  /** Whether it is a proxy whose word counts. */
  readonly isProxy: boolean;
}

// More proxies than anyone chains; whoever sends more addresses wants us to be busy.
const HOPS_MAX = 32;
// What DNS allows for a name is 253; this leaves out nothing that can be reached.
const AUTHORITY_MAX_LENGTH = 255;
const AUTHORITY = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/;
// 192.0.2.1, 192.0.2.1:443, 2001:db8::1, [2001:db8::1], [2001:db8::1]:443: proxies write all of them.
const HOP = /^(?:\[(?<bracketed>[^\]]+)\](?::\d+)?|(?<ipv4>[\d.]+)(?::\d+)?|(?<bare>[0-9A-Fa-f:.]+))$/;

/** @param trustedProxies addresses and networks such as `10.0.0.0/8`, which {@link readNetwork} takes */
export function openClients(trustedProxies: readonly string[]): Clients {
  const isProxy = membership(trustedProxies);
  const peerOf = openPeers(isProxy);
  return {
    peerOf,
    addressOf({ socket, headers }) {
      const peer = peerOf(socket);
      if (!peer.isProxy) return peer.address;
      const hops = hopsOf(headers);
      return hops === undefined ? peer.address : (originOf(hops, isProxy) ?? peer.address);
    },
    schemeOf({ socket, headers }) {
      if (socket instanceof TLSSocket) return 'https';
      if (!peerOf(socket).isProxy) return 'http';
      return saidFirst(headers, 'x-forwarded-proto', 'proto')?.toLowerCase() === 'https' ? 'https' : 'http';
    },
    authorityOf({ socket, headers }) {
      const passedOn = peerOf(socket).isProxy ? saidFirst(headers, 'x-forwarded-host', 'host') : undefined;
      const authority = passedOn ?? headers.host ?? '';
      return authority.length <= AUTHORITY_MAX_LENGTH && AUTHORITY.test(authority) ? authority : undefined;
    },
  };
}

function membership(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const text of networks) {
    const network = readNetwork(text);
    if (network !== undefined) list.addSubnet(network.address, network.prefix, familyOf(network.address));
  }
  return (address) => isIP(address) !== 0 && list.check(address, familyOf(address));
}

/** A connection carries thousands of requests, and its other end never changes: it is looked at once. */
function openPeers(isProxy: (address: string) => boolean): Clients['peerOf'] {
  const peers = new WeakMap<Socket, Peer>();
  return (socket) => {
    const known = peers.get(socket);
    if (known !== undefined) return known;
    const address = plainAddress(socket.remoteAddress ?? '');
    const peer = { address, isProxy: isProxy(address) };
    peers.set(socket, peer);
    return peer;
  };
}

/** An address or a network in CIDR notation; undefined when the text is neither. */
export function readNetwork(text: string): { address: string; prefix: number } | undefined {
  const { address, prefix } = /^(?<address>[0-9A-Fa-f:.]+)(?:\/(?<prefix>\d{1,3}))?$/.exec(text)?.groups ?? {};
  if (address === undefined || isIP(address) === 0) return undefined;
  const most = isIPv4(address) ? 32 : 128;
  const length = Number(prefix ?? most);
  return length > most ? undefined : { address, prefix: length };
}

/** The addresses a request came past, nearest last. `X-Forwarded-For` is what nearly all proxies write; it comes first. */
function hopsOf(headers: IncomingMessage['headers']): string[] | undefined {
  const listed = headers['x-forwarded-for'];
  if (listed !== undefined) return String(listed).split(',');
  return headers.forwarded === undefined ? undefined : forwardedValues(headers.forwarded, 'for');
}

/** The nearest address that is no proxy of ours: what stands before it is the client's own invention. */
function originOf(hops: readonly string[], isProxy: (address: string) => boolean): string | undefined {
  let farthest: string | undefined;
  for (const hop of hops.slice(-HOPS_MAX).reverse()) {
    const address = readHop(hop.trim());
    if (address === undefined) return undefined;
    if (!isProxy(address)) return address;
    farthest = address;
  }
  // Proxies all the way: the request was made on one of their machines.
  return farthest;
}

function readHop(text: string): string | undefined {
  const { bracketed, ipv4, bare } = HOP.exec(text)?.groups ?? {};
  const address = bracketed ?? ipv4 ?? bare ?? '';
  return isIP(address) === 0 || address.includes('%') ? undefined : plainAddress(address);
}

/** One spelling for each address: lower case, shortened, IPv4 written as IPv4. */
function plainAddress(address: string): string {
  if (!address.includes(':') || !isIPv6(address)) return address;
  const canonical = address.includes('%') ? address : new SocketAddress({ address, family: 'ipv6' }).address;
  return canonical.startsWith('::ffff:') && canonical.includes('.') ? canonical.slice('::ffff:'.length) : canonical;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}

/** What the farthest proxy said of the client, by either header. */
function saidFirst(headers: IncomingMessage['headers'], name: string, parameter: string): string | undefined {
  const listed = headers[name];
  const [first] = listed === undefined ? forwardedValues(headers.forwarded, parameter) : String(listed).split(',');
  return first?.trim() || undefined;
}

/** The values of one parameter of `Forwarded`, RFC 7239, in order; an element without it gives an empty one. */
function forwardedValues(header: string | undefined, name: string): string[] {
  if (header === undefined) return [];
  return header.split(',').map((element) => {
    const pairs = element.split(';').map((pair) => pair.split('='));
    const [, value = ''] = pairs.find(([key]) => key?.trim().toLowerCase() === name) ?? [];
    return value.trim().replace(/^"(.*)"$/, '$1');
  });
}
