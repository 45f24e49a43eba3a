import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, codesOf } from '#test/support/client.ts';
import { type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { type TestBlob, aBlob, aManifest, pushBlob, pushImage } from '#test/support/images.ts';

let gatehouse: Gatehouse;
let url: string;
let blob: TestBlob;
beforeAll(async () => {
  gatehouse = await startGatehouse();
  url = gatehouse.url;
  blob = aBlob({ bytes: Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251)) });
  await pushBlob(url, 'b/ranges', blob);
});
afterAll(() => gatehouse.stop());

const get = (repository: string, digest: string, headers = {}, method = 'GET') =>
  call(url, { method, path: `/v2/${repository}/blobs/${digest}`, headers });

describe('a blob', () => {
  it('comes back byte for byte, HEAD equal to GET', async () => {
    const whole = await get('b/ranges', blob.digest);
    const head = await get('b/ranges', blob.digest, {}, 'HEAD');
    expect(whole.status).toBe(200);
    expect(whole.bytes.equals(blob.bytes)).toBe(true);
    expect(head.bytes).toHaveLength(0);
    for (const answer of [whole, head]) {
      expect(answer.headers).toMatchObject({
        'content-length': '1000',
        'content-type': 'application/octet-stream',
        'docker-content-digest': blob.digest,
        'accept-ranges': 'bytes',
        etag: `"${blob.digest}"`,
      });
    }
  });

  it('is not sent again to a client that holds it', async () => {
    const answer = await get('b/ranges', blob.digest, { 'if-none-match': `"${blob.digest}"` });
    expect([answer.status, answer.bytes.length]).toEqual([304, 0]);
  });

  it.each([
    ['a stretch', 'bytes=10-19', 10, 20],
    ['the first byte', 'bytes=0-0', 0, 1],
    ['the last byte', 'bytes=999-999', 999, 1000],
    ['the rest', 'bytes=990-', 990, 1000],
    ['a suffix', 'bytes=-10', 990, 1000],
    ['a suffix longer than the blob', 'bytes=-5000', 0, 1000],
    ['an end past the end', 'bytes=995-5000', 995, 1000],
    ['the one that lies within', 'bytes=2000-,5-9,1000-1001', 5, 10],
  ])('gives %s', async (_, range, first, end) => {
    const answer = await get('b/ranges', blob.digest, { range });
    expect(answer.status).toBe(206);
    expect(answer.headers['content-range']).toBe(`bytes ${first}-${end - 1}/1000`);
    expect(answer.headers['content-length']).toBe(String(end - first));
    expect(answer.bytes.equals(blob.bytes.subarray(first, end))).toBe(true);
  });

  it('gives several stretches in one answer', async () => {
    const answer = await get('b/ranges', blob.digest, { range: 'bytes=0-4,100-109,-3' });
    expect(answer.status).toBe(206);
    const boundary = /^multipart\/byteranges; boundary=(.+)$/.exec(answer.headers['content-type'] ?? '')?.[1];
    expect(answer.headers['content-length']).toBe(String(answer.bytes.length));
    const parts = answer.bytes.toString('latin1').split(`--${boundary}`).slice(1, -1);
    const found = parts.map((part) => {
      const [head = '', body = ''] = part.split('\r\n\r\n');
      return [/content-range: (.+)/i.exec(head)?.[1], body.slice(0, -2)];
    });
    expect(found).toEqual([
      ['bytes 0-4/1000', blob.bytes.subarray(0, 5).toString('latin1')],
      ['bytes 100-109/1000', blob.bytes.subarray(100, 110).toString('latin1')],
      ['bytes 997-999/1000', blob.bytes.subarray(997).toString('latin1')],
    ]);
  });

  it.each(['bytes=1000-', 'bytes=5000-6000', 'bytes=20-10', 'bytes=-0'])('cannot give %s', async (range) => {
    const answer = await get('b/ranges', blob.digest, { range });
    expect([answer.status, answer.headers['content-range'], codesOf(answer)]).toEqual([
      416,
      'bytes */1000',
      ['SIZE_INVALID'],
    ]);
  });

  it.each([
    ['another unit', { range: 'lines=0-1' }],
    ['a range that is none', { range: 'bytes' }],
    ['a range without bounds', { range: 'bytes=-' }],
    ['ranges that overlap so much that the whole is less', { range: 'bytes=0-,0-,0-' }],
    ['a range of something older', { range: 'bytes=0-1', 'if-range': '"sha256:old"' }],
    [
      'more ranges than anyone needs',
      { range: `bytes=${Array.from({ length: 40 }, (_, i) => `${i * 20}-${i * 20}`).join(',')}` },
    ],
  ])('is given whole for %s', async (_, headers) => {
    const answer = await get('b/ranges', blob.digest, headers);
    expect([answer.status, answer.bytes.length]).toEqual([200, 1000]);
  });

  it('goes on where an interrupted pull stopped', async () => {
    const headers = { range: 'bytes=400-', 'if-range': `"${blob.digest}"` };
    const rest = await get('b/ranges', blob.digest, headers);
    expect(Buffer.concat([blob.bytes.subarray(0, 400), rest.bytes]).equals(blob.bytes)).toBe(true);
  });

  it('is readable only where it was uploaded or mounted', async () => {
    expect(codesOf(await get('b/elsewhere', blob.digest))).toEqual(['BLOB_UNKNOWN']);
    expect((await get('b/elsewhere', blob.digest, {}, 'HEAD')).status).toBe(404);
  });

  it('may be empty', async () => {
    const empty = aBlob({ bytes: '' });
    expect((await pushBlob(url, 'b/empty', empty)).status).toBe(201);
    const answer = await get('b/empty', empty.digest);
    expect([answer.status, answer.bytes.length]).toEqual([200, 0]);
    expect((await get('b/empty', empty.digest, { range: 'bytes=0-' })).status).toBe(416);
  });

  it.each(['sha256:abc', 'sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709', 'md5', `sha256:${'A'.repeat(64)}`])(
    'cannot be called %s',
    async (digest) => {
      const answer = await get('b/ranges', digest);
      expect([answer.status, codesOf(answer)]).toEqual([400, ['DIGEST_INVALID']]);
    },
  );
});

describe('deleting a blob', () => {
  const remove = (repository: string, digest: string) =>
    call(url, { method: 'DELETE', path: `/v2/${repository}/blobs/${digest}` });

  it('takes it out of this repository alone', async () => {
    const shared = aBlob();
    await pushBlob(url, 'b/one', shared);
    await pushBlob(url, 'b/two', shared);
    expect((await remove('b/one', shared.digest)).status).toBe(202);
    expect((await get('b/one', shared.digest)).status).toBe(404);
    expect((await get('b/two', shared.digest)).bytes.equals(shared.bytes)).toBe(true);
    expect(codesOf(await remove('b/one', shared.digest))).toEqual(['BLOB_UNKNOWN']);
  });

  it('does not take it from under a manifest', async () => {
    const image = aManifest();
    await pushImage(url, 'b/used', image, 'v1');
    const digest = image.blobs[1]?.digest ?? '';
    const refused = await remove('b/used', digest);
    expect([refused.status, codesOf(refused)]).toEqual([405, ['UNSUPPORTED']]);
    expect(refused.text).toContain(image.digest);
    expect((await get('b/used', digest)).status).toBe(200);
    await call(url, { method: 'DELETE', path: `/v2/b/used/manifests/${image.digest}` });
    expect((await remove('b/used', digest)).status).toBe(202);
  });
});
