import 'reflect-metadata';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type RequestListener, type Server, createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Extension } from '@peculiar/x509';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { fetchRevocationList } from '#trust/x509/revocation-lists.ts';
import { aRevocationList, anAuthority } from './authority.ts';

const authority = await anAuthority();
const list = await aRevocationList(authority);
const pem = `-----BEGIN X509 CRL-----\n${list.toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END X509 CRL-----\n`;
let folder: string;
const servers: Server[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-lists-'));
});
afterAll(async () => rm(folder, { recursive: true }));
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** The address of a server that answers so. */
async function serving(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

async function written(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

describe('a revocation list', () => {
  test.each([
    ['DER', list],
    ['PEM', pem],
  ])('comes from a file in %s', async (name, content) => {
    const path = await written(name, content);
    expect(await fetchRevocationList(path)).toEqual({ bytes: list, source: path });
  });

  test.each([
    ['DER', list],
    ['PEM', pem],
  ])('comes from an address in %s, which is told nothing', async (_, content) => {
    let headers: Record<string, unknown> = {};
    const origin = await serving((request, response) => {
      headers = request.headers;
      response.end(content);
    });
    expect(await fetchRevocationList(`${origin}/a.crl?token=secret`)).toEqual({
      bytes: list,
      source: `${origin}/a.crl`,
    });
    expect(headers).not.toHaveProperty('authorization');
    expect(headers).not.toHaveProperty('cookie');
  });

  test('does not come from where it is redirected to', async () => {
    let asked = 0;
    const elsewhere = await serving((_, response) => {
      asked += 1;
      response.end(list);
    });
    const origin = await serving((_, response) => {
      response.writeHead(302, { location: elsewhere }).end();
    });
    await expect(fetchRevocationList(`${origin}/a.crl`)).rejects.toThrow('expected status 200, found 302');
    expect(asked).toBe(0);
  });

  test('does not come when it is too large, however little is said of its size', async () => {
    const chunk = Buffer.alloc(1024 * 1024);
    const origin = await serving((_, response) => {
      const more = () => {
        while (response.write(chunk)) if (response.destroyed) return;
      };
      response.on('drain', more);
      more();
    });
    await expect(fetchRevocationList(`${origin}/a.crl`)).rejects.toThrow('it has more than 8388608 bytes');
    const large = await written('large', Buffer.alloc(8 * 1024 * 1024 + 1));
    await expect(fetchRevocationList(large)).rejects.toThrow('it has more than 8388608 bytes');
  });

  test.each<[string, RequestListener]>([
    ['nothing', () => undefined],
    ['half', (_, response) => response.writeHead(200, { 'content-length': list.length }).write(list.subarray(0, 10))],
  ])('does not come from who sends %s and then waits', async (_, listener) => {
    const origin = await serving(listener);
    await expect(fetchRevocationList(`${origin}/a.crl`, { timeoutMs: 50 })).rejects.toThrow('it did not come in time');
  });

  test.each<[string, string | Buffer, string]>([
    ['text', 'a list', 'it is neither DER nor PEM'],
    ['certificates', authority.certificate.toString(), 'it is neither DER nor PEM'],
    ['two lists', pem + pem, 'it holds more than one list'],
    ['half a list', pem.slice(0, -30), 'it ends early'],
    ['a certificate', authority.certificate.raw, 'expected'],
    ['nothing', '', 'it is neither DER nor PEM'],
  ])('is not in a file of %s', async (name, content, want) => {
    const path = await written(name.replaceAll(' ', '-'), content);
    await expect(fetchRevocationList(path)).rejects.toThrow(want);
  });

  test('is refused at once when it is a delta', async () => {
    const extensions = [new Extension('2.5.29.27', true, Buffer.from('020101', 'hex'))];
    const path = await written('delta', await aRevocationList(authority, { extensions }));
    await expect(fetchRevocationList(path)).rejects.toThrow('it is a delta list');
  });

  test.each([
    ['/nowhere/a.crl', 'ENOENT'],
    ['/', 'it is no file'],
    ['http://127.0.0.1:1/a.crl', 'expected a revocation list from http://127.0.0.1:1/a.crl: '],
    ['http://user:word@127.0.0.1/a.crl', 'expected a revocation list from http://127.0.0.1/a.crl: '],
    ['http://', 'expected a revocation list from an address that is none: '],
  ])('does not come from %s', async (location, want) => {
    await expect(fetchRevocationList(location)).rejects.toThrow(want);
    await expect(fetchRevocationList(location)).rejects.not.toThrow('word');
  });
});
