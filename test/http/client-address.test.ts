import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { networkOf } from '#base/network.ts';
import { openClients, readNetwork } from '#http/client-address.ts';

const clients = openClients(['127.0.0.0/8', '::1', '10.0.0.0/8', 'fd00::/8']);

/** A request as the server would hand it over, on a connection from that address. */
function aRequest(remoteAddress: string, headers: Record<string, string> = {}, secure = false): IncomingMessage {
  const bare = new Socket();
  const socket = secure ? new TLSSocket(bare) : bare;
  Object.defineProperty(socket, 'remoteAddress', { value: remoteAddress });
  const request = new IncomingMessage(socket);
  Object.assign(request.headers, headers);
  return request;
}

describe('the address of a client', () => {
  it.each([
    ['is that of the connection', '192.0.2.1', {}, '192.0.2.1'],
    ['is IPv4 where the system writes it as IPv6', '::ffff:192.0.2.1', {}, '192.0.2.1'],
    ['is that of a proxy that says nothing', '127.0.0.1', {}, '127.0.0.1'],
    ['is not what a stranger says', '192.0.2.1', { 'x-forwarded-for': '198.51.100.1' }, '192.0.2.1'],
    ['is not what a stranger forwards', '192.0.2.1', { forwarded: 'for=198.51.100.1' }, '192.0.2.1'],
    ['is what a proxy says', '127.0.0.1', { 'x-forwarded-for': '198.51.100.1' }, '198.51.100.1'],
    ['is what a proxy over IPv6 says', '::1', { 'x-forwarded-for': '198.51.100.1' }, '198.51.100.1'],
    ['is what a mapped proxy says', '::ffff:127.0.0.1', { 'x-forwarded-for': '198.51.100.1' }, '198.51.100.1'],
    ['stands last, whatever is invented', '127.0.0.1', { 'x-forwarded-for': '1.2.3.4, 198.51.100.1' }, '198.51.100.1'],
    ['stands behind nonsense too', '127.0.0.1', { 'x-forwarded-for': 'nonsense,198.51.100.1' }, '198.51.100.1'],
    [
      'stands before the proxies that passed it on',
      '127.0.0.1',
      { 'x-forwarded-for': '1.2.3.4, 198.51.100.1, 10.1.1.1, fd00::5' },
      '198.51.100.1',
    ],
    ['is a machine behind the proxies', '127.0.0.1', { 'x-forwarded-for': '10.2.2.2, 10.1.1.1' }, '10.2.2.2'],
    ['may bring its port', '127.0.0.1', { 'x-forwarded-for': '198.51.100.1:5432' }, '198.51.100.1'],
    ['may be IPv6', '127.0.0.1', { 'x-forwarded-for': '2001:DB8:0:0::1' }, '2001:db8::1'],
    ['may be IPv6 in brackets', '127.0.0.1', { 'x-forwarded-for': '[2001:db8::1]:443' }, '2001:db8::1'],
    ['may be mapped', '127.0.0.1', { 'x-forwarded-for': '::ffff:c633:6401' }, '198.51.100.1'],
    ['is the proxy when it names nobody', '127.0.0.1', { 'x-forwarded-for': 'unknown' }, '127.0.0.1'],
    ['is the proxy when it says nothing', '127.0.0.1', { 'x-forwarded-for': '' }, '127.0.0.1'],
    ['is the proxy when its word is malformed', '127.0.0.1', { 'x-forwarded-for': '1.2.3.4, 300.1.1.1' }, '127.0.0.1'],
    ['has no zone', '127.0.0.1', { 'x-forwarded-for': 'fe80::1%eth0' }, '127.0.0.1'],
    ['is forwarded', '127.0.0.1', { forwarded: 'proto=https; For="[2001:db8::1]:4711";host=x' }, '2001:db8::1'],
    ['is forwarded last', '127.0.0.1', { forwarded: 'for=1.2.3.4, for=198.51.100.1' }, '198.51.100.1'],
    ['is the proxy when it hides it', '127.0.0.1', { forwarded: 'for=_hidden' }, '127.0.0.1'],
    ['is the proxy when it forwards no address', '127.0.0.1', { forwarded: 'proto=https' }, '127.0.0.1'],
    [
      'is in X-Forwarded-For where both are there',
      '127.0.0.1',
      { 'x-forwarded-for': '198.51.100.1', forwarded: 'for=1.2.3.4' },
      '198.51.100.1',
    ],
    ['is unknown once the connection is gone', '', {}, ''],
  ])('%s', (_, remote, headers, want) => {
    expect(clients.addressOf(aRequest(remote, headers))).toBe(want);
  });

  it('is believed from nobody when no proxy is trusted', () => {
    const wary = openClients([]);
    expect(wary.addressOf(aRequest('127.0.0.1', { 'x-forwarded-for': '198.51.100.1' }))).toBe('127.0.0.1');
  });
});

describe('the scheme of a client', () => {
  it.each([
    ['http', '192.0.2.1', {}, false, 'http'],
    ['https over TLS', '192.0.2.1', {}, true, 'https'],
    ['http, whatever a stranger says', '192.0.2.1', { 'x-forwarded-proto': 'https' }, false, 'http'],
    ['https when a proxy says so', '127.0.0.1', { 'x-forwarded-proto': 'HTTPS' }, false, 'https'],
    ['what the first of several proxies saw', '127.0.0.1', { 'x-forwarded-proto': 'https, http' }, false, 'https'],
    ['https when a proxy forwards it', '127.0.0.1', { forwarded: 'for=1.2.3.4;proto="https"' }, false, 'https'],
    ['http when a proxy says something else', '127.0.0.1', { 'x-forwarded-proto': 'httpss' }, false, 'http'],
  ])('is %s', (_, remote, headers, secure, want) => {
    expect(clients.schemeOf(aRequest(remote, headers, secure))).toBe(want);
  });
});

describe('the authority a client asked for', () => {
  it.each([
    ['192.0.2.1', { host: 'registry.example:5000' }, 'registry.example:5000'],
    ['192.0.2.1', { host: '[2001:db8::1]:443' }, '[2001:db8::1]:443'],
    ['192.0.2.1', { host: 'registry.example', 'x-forwarded-host': 'evil.example' }, 'registry.example'],
    ['127.0.0.1', { host: 'inside', 'x-forwarded-host': 'registry.example' }, 'registry.example'],
    ['127.0.0.1', { host: 'inside', 'x-forwarded-host': 'registry.example, middle' }, 'registry.example'],
    ['127.0.0.1', { host: 'inside', forwarded: 'for=1.2.3.4;host="registry.example:8443"' }, 'registry.example:8443'],
    ['127.0.0.1', { host: 'inside', forwarded: 'for=1.2.3.4' }, 'inside'],
    ['127.0.0.1', { host: 'inside', 'x-forwarded-host': 'a"b' }, undefined],
    ['192.0.2.1', {}, undefined],
    ['192.0.2.1', { host: 'a/b' }, undefined],
    ['192.0.2.1', { host: 'user@host' }, undefined],
    ['192.0.2.1', { host: 'x", error="' }, undefined],
    ['192.0.2.1', { host: `${'a'.repeat(251)}:443` }, `${'a'.repeat(251)}:443`],
    ['192.0.2.1', { host: `${'a'.repeat(252)}:443` }, undefined],
  ])('from %s with %j', (remote, headers, want) => {
    expect(clients.authorityOf(aRequest(remote, headers))).toBe(want);
  });
});

it.each([
  ['10.0.0.0/8', { address: '10.0.0.0', prefix: 8 }],
  ['192.0.2.7', { address: '192.0.2.7', prefix: 32 }],
  ['::1', { address: '::1', prefix: 128 }],
  ['fd00::/8', { address: 'fd00::', prefix: 8 }],
  ['10.0.0.0/33', undefined],
  ['10.0.0/8', undefined],
  ['::1/129', undefined],
  ['localhost', undefined],
  ['10.0.0.0/', undefined],
  ['', undefined],
])('the network %j', (text, want) => {
  expect(readNetwork(text)).toEqual(want);
});

it.each([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::9', '2001:db8:0:0::/64'],
  ['2001:db8:1::', '2001:db8:1:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
])('%s counts as %s', (address, want) => {
  expect(networkOf(address)).toBe(want);
});
