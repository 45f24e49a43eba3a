import { readdir, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Call, call, codesOf } from '#test/support/client.ts';
import { AUTHORIZATION, type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { aBlob, pushBlob } from '#test/support/images.ts';

let gatehouse: Gatehouse;
let url: string;
beforeAll(async () => {
  gatehouse = await startGatehouse();
  url = gatehouse.url;
});
afterAll(() => gatehouse.stop());

const start = async (repository: string, query = ''): Promise<string> => {
  const answer = await call(url, { method: 'POST', path: `/v2/${repository}/blobs/uploads/${query}` });
  expect(answer.status).toBe(202);
  return answer.headers.location ?? '';
};
const send = (method: string, path: string, rest: Partial<Call> = {}) => call(url, { method, path, ...rest });
const read = (repository: string, digest: string) => send('GET', `/v2/${repository}/blobs/${digest}`);
const objects = async (folder: string) => await readdir(join(gatehouse.folder, 'storage', folder)).catch(() => []);

describe('an upload', () => {
  it('tells where it is and how far', async () => {
    const answer = await send('POST', '/v2/u/start/blobs/uploads/');
    expect(answer.status).toBe(202);
    expect(answer.headers.range).toBe('0-0');
    expect([answer.headers['content-length'], answer.text]).toEqual(['0', '']);
    expect(answer.headers.location).toBe(`/v2/u/start/blobs/uploads/${String(answer.headers['docker-upload-uuid'])}`);
  });

  it('may be one POST', async () => {
    const blob = aBlob();
    const answer = await pushBlob(url, 'u/post', blob);
    expect(answer.status).toBe(201);
    expect(answer.headers).toMatchObject({
      location: `/v2/u/post/blobs/${blob.digest}`,
      'docker-content-digest': blob.digest,
    });
    expect((await read('u/post', blob.digest)).bytes.equals(blob.bytes)).toBe(true);
  });

  it.each([false, true])('may be POST and PUT (length unknown: %s)', async (chunked) => {
    const blob = aBlob();
    const location = await start('u/postput');
    const answer = await send('PUT', `${location}?digest=${blob.digest}`, { body: blob.bytes, chunked });
    expect(answer.status).toBe(201);
    expect((await read('u/postput', blob.digest)).bytes.equals(blob.bytes)).toBe(true);
  });

  it.each([
    ['streamed, as docker does', {}, true],
    ['with its length', {}, false],
    ['with its range', { 'content-range': '0-63' }, false],
    ['with its range as HTTP writes it', { 'content-range': 'bytes 0-63/*' }, false],
  ])('may be one PATCH %s', async (_, headers, chunked) => {
    const blob = aBlob();
    const location = await start('u/patch');
    const patched = await send('PATCH', location, { body: blob.bytes, chunked, headers });
    expect([patched.status, patched.headers.range]).toEqual([202, '0-63']);
    const finished = await send('PUT', `${patched.headers.location}?digest=${blob.digest}`);
    expect(finished.status).toBe(201);
    expect((await read('u/patch', blob.digest)).bytes.equals(blob.bytes)).toBe(true);
  });

  it.each(['sha256', 'sha512'] as const)('may come in chunks, the last with the PUT (%s)', async (algorithm) => {
    const blob = aBlob({ bytes: Buffer.alloc(300, 'chunks'), algorithm });
    const location = await start('u/chunks', `?digest-algorithm=${algorithm}`);
    for (const from of [0, 100]) {
      const body = blob.bytes.subarray(from, from + 100);
      const patched = await send('PATCH', location, { body, headers: { 'content-range': `${from}-${from + 99}` } });
      expect([patched.status, patched.headers.range]).toEqual([202, `0-${from + 99}`]);
      const status = await send('GET', location);
      expect([status.status, status.headers.range, status.headers.location]).toEqual([204, `0-${from + 99}`, location]);
    }
    const finished = await send('PUT', `${location}?digest=${blob.digest}`, {
      body: blob.bytes.subarray(200),
      headers: { 'content-range': '200-299' },
    });
    expect(finished.status).toBe(201);
    expect((await read('u/chunks', blob.digest)).bytes.equals(blob.bytes)).toBe(true);
  });

  it('may finish under another algorithm than it began with', async () => {
    const blob = aBlob({ algorithm: 'sha512' });
    const location = await start('u/switch');
    await send('PATCH', location, { body: blob.bytes });
    expect((await send('PUT', `${location}?digest=${blob.digest}`)).status).toBe(201);
    expect((await read('u/switch', blob.digest)).bytes.equals(blob.bytes)).toBe(true);
  });

  it('takes empty stretches', async () => {
    const blob = aBlob();
    const location = await start('u/empty');
    expect((await send('PATCH', location, { body: '' })).status).toBe(202);
    expect((await send('PATCH', location, { body: blob.bytes })).headers.range).toBe('0-63');
    expect((await send('PATCH', location, { body: '', chunked: true })).headers.range).toBe('0-63');
    expect((await send('PUT', `${location}?digest=${blob.digest}`, { body: '', chunked: true })).status).toBe(201);
  });

  it('can be cancelled, once', async () => {
    const location = await start('u/cancel');
    await send('PATCH', location, { body: 'some bytes' });
    expect((await send('DELETE', location)).status).toBe(204);
    for (const method of ['DELETE', 'GET', 'PATCH']) {
      expect(codesOf(await send(method, location, method === 'PATCH' ? { body: 'x' } : {}))).toEqual([
        'BLOB_UPLOAD_UNKNOWN',
      ]);
    }
  });

  it('is known in its own repository only', async () => {
    const location = await start('u/mine');
    const elsewhere = location.replace('/u/mine/', '/u/other/');
    for (const method of ['GET', 'DELETE', 'PATCH', 'PUT']) {
      const answer = await send(method, `${elsewhere}?digest=${aBlob().digest}`);
      expect([answer.status, codesOf(answer)]).toEqual([404, ['BLOB_UPLOAD_UNKNOWN']]);
    }
  });
});

describe('a stretch that does not fit', () => {
  it.each([
    ['leaves a gap', '20-29'],
    ['begins again', '0-9'],
  ])('is refused when it %s, and says where to go on', async (_, range) => {
    const location = await start('u/gap');
    await send('PATCH', location, { body: '0123456789', headers: { 'content-range': '0-9' } });
    for (const method of ['PATCH', 'PUT']) {
      const answer = await send(method, `${location}?digest=${aBlob().digest}`, {
        body: '0123456789',
        headers: { 'content-range': range },
      });
      expect([answer.status, codesOf(answer)]).toEqual([416, ['BLOB_UPLOAD_INVALID']]);
      expect([answer.headers.range, answer.headers.location]).toEqual(['0-9', location]);
    }
    expect((await send('GET', location)).headers.range).toBe('0-9');
  });

  it.each(['x', '10', '9-0', '-5', 'bytes', '0-9999999999999999'])('is refused with the range %s', async (range) => {
    const location = await start('u/range');
    const answer = await send('PATCH', location, { body: 'x', chunked: true, headers: { 'content-range': range } });
    expect([answer.status, codesOf(answer)]).toEqual([400, ['BLOB_UPLOAD_INVALID']]);
  });

  it.each([false, true])('is refused when it is not as long as its range (length unknown: %s)', async (chunked) => {
    const location = await start('u/length');
    const answer = await send('PATCH', location, { body: 'abc', chunked, headers: { 'content-range': '0-9' } });
    expect([answer.status, codesOf(answer)]).toEqual([400, ['SIZE_INVALID']]);
    expect((await send('GET', location)).headers.range).toBe('0-0');
  });

  it('is dropped when its client goes away', async () => {
    const blob = aBlob({ bytes: Buffer.alloc(200_000, 'a') });
    const location = await start('u/aborted');
    const { hostname, port } = new URL(url);
    await new Promise<void>((resolve) => {
      const outgoing = httpRequest({
        host: hostname,
        port,
        method: 'PATCH',
        path: location,
        headers: { authorization: AUTHORIZATION, 'content-length': blob.bytes.length },
      });
      outgoing.on('error', () => resolve());
      outgoing.write(blob.bytes.subarray(0, 100_000), () => outgoing.destroy());
    });
    await expect.poll(async () => (await objects('.tmp')).length).toBe(0);
    expect((await send('GET', location)).headers.range).toBe('0-0');
    await send('PATCH', location, { body: blob.bytes });
    expect((await send('PUT', `${location}?digest=${blob.digest}`)).status).toBe(201);
  });
});

describe('a digest that is wrong', () => {
  it.each(['md5:abc', 'sha256:abc', 'nonsense', `sha256:${'G'.repeat(64)}`])('is refused as %s', async (digest) => {
    const location = await start('u/digest');
    for (const [method, path] of [
      ['POST', `/v2/u/digest/blobs/uploads/?digest=${digest}`],
      ['PUT', `${location}?digest=${digest}`],
      ['POST', `/v2/u/digest/blobs/uploads/?mount=${digest}&from=u/other`],
    ] as const) {
      const answer = await send(method, path, { body: 'x' });
      expect([answer.status, codesOf(answer)]).toEqual([400, ['DIGEST_INVALID']]);
    }
  });

  it('is refused when the bytes are others, and nothing is kept', async () => {
    const { digest } = aBlob();
    const before = await objects('uploads');
    const posted = await send('POST', `/v2/u/other/blobs/uploads/?digest=${digest}`, { body: 'not these' });
    expect([posted.status, codesOf(posted)]).toEqual([400, ['DIGEST_INVALID']]);

    const location = await start('u/other');
    const put = await send('PUT', `${location}?digest=${digest}`, { body: 'nor these' });
    expect([put.status, codesOf(put)]).toEqual([400, ['DIGEST_INVALID']]);
    expect((await read('u/other', digest)).status).toBe(404);
    expect(await objects('uploads')).toEqual(before);
    expect(await objects('.tmp')).toEqual([]);
  });

  it('leaves the upload open for the right one', async () => {
    const blob = aBlob();
    const location = await start('u/again');
    await send('PATCH', location, { body: blob.bytes });
    expect((await send('PUT', `${location}?digest=${aBlob().digest}`)).status).toBe(400);
    expect((await send('PUT', `${location}?digest=${aBlob().digest}`, { body: 'more' })).status).toBe(400);
    expect((await send('PUT', `${location}?digest=${blob.digest}`)).status).toBe(201);
  });

  it('is asked for', async () => {
    expect(codesOf(await send('PUT', await start('u/none'), { body: 'x' }))).toEqual(['DIGEST_INVALID']);
  });

  it('names its algorithm, one of ours', async () => {
    const answer = await send('POST', '/v2/u/algorithm/blobs/uploads/?digest-algorithm=sha1');
    expect([answer.status, codesOf(answer)]).toEqual([400, ['DIGEST_INVALID']]);
  });
});

describe('a mount', () => {
  const mount = (repository: string, query: string) => send('POST', `/v2/${repository}/blobs/uploads/?${query}`);

  it.each([
    ['from the repository named', 'from=u/source'],
    ['from wherever it is', ''],
  ])('takes a blob %s', async (_, from) => {
    const blob = aBlob();
    await pushBlob(url, 'u/source', blob);
    const answer = await mount('u/target', `mount=${blob.digest}&${from}`);
    expect([answer.status, answer.headers.location]).toEqual([201, `/v2/u/target/blobs/${blob.digest}`]);
    expect((await read('u/target', blob.digest)).bytes.equals(blob.bytes)).toBe(true);
  });

  it('says what the token lacks, to whoever may read the source, there or not', async () => {
    const blob = aBlob();
    await pushBlob(url, 'u/lender', blob);
    const tokenFor = async (...scopes: string[]): Promise<string> => {
      const { json } = await send('GET', `/token?${scopes.map((scope) => `scope=${scope}`).join('&')}`);
      return `Bearer ${(json as { token: string }).token}`;
    };
    const mountWith = (authorization: string, query: string) =>
      send('POST', `/v2/u/target/blobs/uploads/?mount=${blob.digest}${query}`, { headers: { authorization } });
    const narrow = await tokenFor('repository:u/target:pull,push');
    // Which of the places they may read has it is not for a token that is for none of them.
    expect((await mountWith(narrow, '')).status).toBe(202);
    for (const source of ['u/lender', 'u/never-there']) {
      const refused = await mountWith(narrow, `&from=${source}`);
      const scope = /scope="([^"]+)"/.exec(String(refused.headers['www-authenticate']))?.[1];
      expect([refused.status, codesOf(refused), scope]).toEqual([
        401,
        ['UNAUTHORIZED'],
        `repository:u/target:pull,push repository:${source}:pull`,
      ]);
      const { status } = await mountWith(await tokenFor(encodeURIComponent(scope ?? '')), `&from=${source}`);
      expect(status).toBe(source === 'u/lender' ? 201 : 202);
    }
  });

  it('begins an upload when there is nothing to mount', async () => {
    const blob = aBlob();
    const answer = await mount('u/target', `mount=${blob.digest}&from=u/nowhere`);
    expect(answer.status).toBe(202);
    const finished = await send('PUT', `${answer.headers.location}?digest=${blob.digest}`, { body: blob.bytes });
    expect(finished.status).toBe(201);
  });
});

describe('at the same time', () => {
  it('two PATCHes of one stretch: one is taken, the other told where to go on', async () => {
    const before = await objects('uploads');
    for (let round = 0; round < 5; round += 1) {
      const blob = aBlob({ bytes: Buffer.alloc(50_000, round) });
      const location = await start('u/twice');
      const answers = await Promise.all(
        [1, 2].map(() => send('PATCH', location, { body: blob.bytes, headers: { 'content-range': '0-49999' } })),
      );
      expect(answers.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([202, 416]);
      for (const answer of answers) expect(answer.headers.range).toBe('0-49999');
      expect((await send('PUT', `${location}?digest=${blob.digest}`)).status).toBe(201);
    }
    expect(await objects('uploads')).toEqual(before);
  });

  it('two PUTs of one upload: one finishes it', async () => {
    const blob = aBlob();
    const location = await start('u/finish');
    await send('PATCH', location, { body: blob.bytes });
    const answers = await Promise.all([1, 2].map(() => send('PUT', `${location}?digest=${blob.digest}`)));
    expect(answers.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([201, 404]);
    expect((await read('u/finish', blob.digest)).bytes.equals(blob.bytes)).toBe(true);
  });

  it('many uploads of one digest to many repositories: all succeed, one copy stays', async () => {
    const blob = aBlob({ bytes: Buffer.alloc(100_000, 'same') });
    const repositories = Array.from({ length: 16 }, (_, index) => `u/same${index % 4}`);
    const answers = await Promise.all(repositories.map((repository) => pushBlob(url, repository, blob)));
    expect(answers.map((answer) => answer.status)).toEqual(repositories.map(() => 201));
    for (const repository of repositories) {
      expect((await read(repository, blob.digest)).bytes.equals(blob.bytes)).toBe(true);
    }
    const hex = blob.digest.slice('sha256:'.length);
    const copies = (await objects(`blobs/sha256/${hex.slice(0, 2)}`)).filter((name) => name.startsWith(hex));
    expect(copies).toHaveLength(1);
  });
});

describe('pushing again what the disk has lost', () => {
  it('heals it', async () => {
    const blob = aBlob();
    await pushBlob(url, 'u/heal', blob);
    const hex = blob.digest.slice('sha256:'.length);
    const folder = join(gatehouse.folder, 'storage/blobs/sha256', hex.slice(0, 2));
    for (const name of await readdir(folder)) if (name.startsWith(hex)) await rm(join(folder, name));
    expect((await read('u/heal', blob.digest)).status).toBe(500);
    expect((await pushBlob(url, 'u/heal', blob)).status).toBe(201);
    expect((await read('u/heal', blob.digest)).bytes.equals(blob.bytes)).toBe(true);
  });
});
