import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IMAGE_INDEX, IMAGE_MANIFEST } from '#oci/media-type.ts';
import { call, codesOf } from '#test/support/client.ts';
import { type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { aBlob, aManifest, anIndex, pushBlob, pushImage, putManifest } from '#test/support/images.ts';

const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';

let gatehouse: Gatehouse;
let url: string;
beforeAll(async () => {
  gatehouse = await startGatehouse();
  url = gatehouse.url;
});
afterAll(() => gatehouse.stop());

const get = (repository: string, reference: string, headers = {}, method = 'GET') =>
  call(url, { method, path: `/v2/${repository}/manifests/${reference}`, headers });

describe('a pushed manifest', () => {
  it('comes back byte for byte, by tag and by digest, HEAD equal to GET', async () => {
    const image = aManifest();
    const pushed = await pushImage(url, 'm/roundtrip', image, 'v1');
    expect([pushed.status, pushed.headers['content-length'], pushed.text]).toEqual([201, '0', '']);
    expect(pushed.headers).toMatchObject({
      location: `/v2/m/roundtrip/manifests/${image.digest}`,
      'docker-content-digest': image.digest,
    });
    for (const reference of ['v1', image.digest]) {
      const whole = await get('m/roundtrip', reference);
      const head = await get('m/roundtrip', reference, {}, 'HEAD');
      expect(whole.status).toBe(200);
      expect(whole.bytes.equals(image.bytes)).toBe(true);
      expect(head.bytes).toHaveLength(0);
      for (const answer of [whole, head]) {
        expect(answer.headers).toMatchObject({
          'content-type': IMAGE_MANIFEST,
          'content-length': String(image.bytes.length),
          'docker-content-digest': image.digest,
          etag: `"${image.digest}"`,
        });
      }
    }
  });

  it('is not sent again to a client that holds it', async () => {
    const image = aManifest();
    await pushImage(url, 'm/conditional', image, 'v1');
    for (const held of [`"${image.digest}"`, `W/"${image.digest}"`, `"other", "${image.digest}"`, '*']) {
      const answer = await get('m/conditional', 'v1', { 'if-none-match': held });
      expect([answer.status, answer.bytes.length]).toEqual([304, 0]);
      expect(answer.headers.etag).toBe(`"${image.digest}"`);
    }
    expect((await get('m/conditional', 'v1', { 'if-none-match': '"sha256:other"' })).status).toBe(200);
  });

  it('is seen in its own repository only', async () => {
    const image = aManifest();
    await pushImage(url, 'm/mine', image, 'v1');
    await pushImage(url, 'm/other', aManifest(), 'v1');
    expect(codesOf(await get('m/other', image.digest))).toEqual(['MANIFEST_UNKNOWN']);
  });

  it.each([
    ['an OCI index', IMAGE_INDEX, IMAGE_MANIFEST],
    ['a Docker manifest list', DOCKER_LIST, DOCKER_MANIFEST],
  ])('may be %s', async (_, indexType, childType) => {
    const children = [aManifest({ mediaType: childType }), aManifest({ mediaType: childType })];
    for (const child of children) await pushImage(url, 'm/multi', child);
    const index = anIndex(children, { mediaType: indexType });
    expect((await putManifest(url, 'm/multi', index, 'all')).status).toBe(201);
    expect((await get('m/multi', 'all')).headers['content-type']).toBe(indexType);
  });

  it('may hash with sha512, beside sha256', async () => {
    const image = aManifest({ algorithm: 'sha512' });
    expect((await pushImage(url, 'm/sha512', image)).headers['docker-content-digest']).toBe(image.digest);
    expect((await get('m/sha512', image.digest)).bytes.equals(image.bytes)).toBe(true);
    const tagged = await putManifest(url, 'm/sha512', image, 'v1');
    expect(tagged.headers['docker-content-digest']).toMatch(/^sha256:/);
  });

  it('takes many tags at once, and says which', async () => {
    const image = aManifest();
    for (const blob of image.blobs) await pushBlob(url, 'm/tags', blob);
    const tags = Array.from({ length: 12 }, (_, index) => `v${index}`);
    const query = tags.map((tag) => `tag=${tag}`).join('&');
    const answer = await putManifest(url, 'm/tags', image, `${image.digest}?${query}`);
    expect(answer.status).toBe(201);
    expect(answer.headers['oci-tag']).toBe(tags.join(', '));
    for (const tag of tags) expect((await get('m/tags', tag)).headers['docker-content-digest']).toBe(image.digest);
  });

  it('moves a tag, and keeps what the tag pointed to before', async () => {
    const [before, after] = [aManifest(), aManifest()];
    await pushImage(url, 'm/move', before, 'latest');
    await pushImage(url, 'm/move', after, 'latest');
    expect((await get('m/move', 'latest')).headers['docker-content-digest']).toBe(after.digest);
    expect((await get('m/move', before.digest)).status).toBe(200);
  });

  it('may name a subject that does not exist yet', async () => {
    const subject = aManifest();
    const referrer = aManifest({
      fields: { subject: { mediaType: IMAGE_MANIFEST, digest: subject.digest, size: subject.bytes.length } },
    });
    const answer = await pushImage(url, 'm/early', referrer);
    expect([answer.status, answer.headers['oci-subject']]).toEqual([201, subject.digest]);
  });

  it('may name layers that live elsewhere', async () => {
    const foreign = {
      mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
      digest: aBlob().digest,
      size: 7,
    };
    const image = aManifest({ layers: 0, mediaType: DOCKER_MANIFEST, fields: { layers: [foreign] } });
    expect((await pushImage(url, 'm/foreign', image, 'v1')).status).toBe(201);
  });
});

describe('a manifest that cannot be taken', () => {
  const json = (document: unknown, mediaType = IMAGE_MANIFEST) => ({
    bytes: Buffer.from(JSON.stringify(document)),
    mediaType,
  });
  const config = {
    mediaType: 'application/vnd.oci.image.config.v1+json',
    digest: aBlob({ bytes: '{}' }).digest,
    size: 2,
  };
  const sound = { schemaVersion: 2, mediaType: IMAGE_MANIFEST, config, layers: [] };

  it.each([
    ['not JSON', { bytes: Buffer.from('{'), mediaType: IMAGE_MANIFEST }],
    [
      'not UTF-8',
      { bytes: Buffer.from(JSON.stringify({ ...sound, note: '\u00ff' }), 'latin1'), mediaType: IMAGE_MANIFEST },
    ],
    ['a byte order mark', { bytes: Buffer.from(`\uFEFF${JSON.stringify(sound)}`), mediaType: IMAGE_MANIFEST }],
    ['an array', json([])],
    ['empty', { bytes: Buffer.alloc(0), mediaType: IMAGE_MANIFEST }],
    ['schema version 1', json({ ...sound, schemaVersion: 1 })],
    ['without a config', json({ ...sound, config: undefined })],
    ['a digest that is none', json({ ...sound, config: { ...config, digest: 'sha256:abc' } })],
    ['a digest in upper case', json({ ...sound, config: { ...config, digest: config.digest.toUpperCase() } })],
    ['a negative size', json({ ...sound, config: { ...config, size: -1 } })],
    ['two documents in one', json({ ...sound, manifests: [] })],
    ['another type inside than outside', json(sound, DOCKER_MANIFEST)],
    [
      'an index with layers',
      json({ schemaVersion: 2, mediaType: IMAGE_INDEX, manifests: [], layers: [] }, IMAGE_INDEX),
    ],
    ['a type nobody knows', json({ ...sound, mediaType: 'text/plain' }, 'text/plain')],
    ['annotations that are not text', json({ ...sound, annotations: { a: 1 } })],
    ['Docker schema 1', json({ schemaVersion: 1 }, 'application/vnd.docker.distribution.manifest.v1+prettyjws')],
    ['a size that is not its blob’s', json({ ...sound, config: { ...config, size: 3 } })],
  ])('is refused when it is %s', async (_, manifest) => {
    await pushBlob(url, 'm/bad', aBlob({ bytes: '{}' }));
    const answer = await putManifest(url, 'm/bad', manifest, 'v1');
    expect([answer.status, codesOf(answer)]).toEqual([400, ['MANIFEST_INVALID']]);
    expect((await get('m/bad', 'v1')).status).toBe(404);
  });

  it('names each config, layer and child that is missing', async () => {
    const image = aManifest({ layers: 3 });
    const [present, ...missing] = image.blobs;
    if (present !== undefined) await pushBlob(url, 'm/missing', present);
    const answer = await putManifest(url, 'm/missing', image, 'v1');
    expect(answer.status).toBe(404);
    expect(codesOf(answer)).toEqual(missing.map(() => 'MANIFEST_BLOB_UNKNOWN'));
    for (const blob of missing) expect(answer.text).toContain(blob.digest);

    const index = await putManifest(url, 'm/missing', anIndex([aManifest(), aManifest()]), 'v1');
    expect(codesOf(index)).toEqual(['MANIFEST_BLOB_UNKNOWN', 'MANIFEST_BLOB_UNKNOWN']);
  });

  it('does not take a layer that only another repository has', async () => {
    const image = aManifest();
    await pushImage(url, 'm/owner', image, 'v1');
    expect((await putManifest(url, 'm/thief', image, 'v1')).status).toBe(404);
  });

  it('is refused under a digest that is not its own', async () => {
    const image = aManifest();
    for (const blob of image.blobs) await pushBlob(url, 'm/digest', blob);
    const answer = await putManifest(url, 'm/digest', image, aBlob().digest);
    expect([answer.status, codesOf(answer)]).toEqual([400, ['DIGEST_INVALID']]);
  });

  it('is refused above the limit, said or not', async () => {
    const bytes = Buffer.alloc(4 * 1024 * 1024 + 1, 0x20);
    for (const chunked of [false, true]) {
      const answer = await call(url, {
        method: 'PUT',
        path: '/v2/m/large/manifests/v1',
        headers: { 'content-type': IMAGE_MANIFEST },
        body: bytes,
        chunked,
      });
      expect([answer.status, codesOf(answer)]).toEqual([413, ['MANIFEST_INVALID']]);
    }
  });

  it('fits when it is as large as the limit', async () => {
    const image = aManifest({ layers: 0 });
    for (const blob of image.blobs) await pushBlob(url, 'm/limit', blob);
    const padding = Buffer.alloc(4 * 1024 * 1024 - image.bytes.length, 0x20);
    const answer = await putManifest(url, 'm/limit', { ...image, bytes: Buffer.concat([image.bytes, padding]) }, 'v1');
    expect(answer.status).toBe(201);
  });

  it.each(['tag=', 'tag=-x', `tag=${'a'.repeat(129)}`, 'tag=ok&tag=a%20b'])('is refused with %s', async (query) => {
    const image = aManifest();
    for (const blob of image.blobs) await pushBlob(url, 'm/badtag', blob);
    const answer = await putManifest(url, 'm/badtag', image, `${image.digest}?${query}`);
    expect([answer.status, codesOf(answer)]).toEqual([400, ['MANIFEST_INVALID']]);
  });
});

describe('two writers of one tag', () => {
  it('cannot overwrite each other unseen', async () => {
    const [first, second, third] = [aManifest(), aManifest(), aManifest()];
    await pushImage(url, 'm/race', first, 'latest');
    for (const blob of [...second.blobs, ...third.blobs]) await pushBlob(url, 'm/race', blob);
    const put = (manifest: typeof first, headers: Record<string, string>) =>
      call(url, {
        method: 'PUT',
        path: '/v2/m/race/manifests/latest',
        headers: { 'content-type': manifest.mediaType, ...headers },
        body: manifest.bytes,
      });
    expect((await put(second, { 'if-none-match': '*' })).status).toBe(412);
    expect((await put(second, { 'if-match': `"${first.digest}"` })).status).toBe(201);
    const late = await put(third, { 'if-match': `"${first.digest}"` });
    expect([late.status, codesOf(late)]).toEqual([412, ['DENIED']]);
    expect((await get('m/race', 'latest')).headers['docker-content-digest']).toBe(second.digest);
  });

  it('lets exactly one of many create it', async () => {
    const images = Array.from({ length: 8 }, () => aManifest({ layers: 0 }));
    for (const image of images) for (const blob of image.blobs) await pushBlob(url, 'm/create', blob);
    const answers = await Promise.all(
      images.map((image) =>
        call(url, {
          method: 'PUT',
          path: '/v2/m/create/manifests/only',
          headers: { 'content-type': image.mediaType, 'if-none-match': '*' },
          body: image.bytes,
        }),
      ),
    );
    expect(answers.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([201, ...Array(7).fill(412)]);
  });
});

describe('deleting', () => {
  it('takes a tag and leaves the manifest', async () => {
    const image = aManifest();
    await pushImage(url, 'm/untag', image, 'v1');
    const path = '/v2/m/untag/manifests/v1';
    expect((await call(url, { method: 'DELETE', path })).status).toBe(202);
    expect(codesOf(await call(url, { method: 'DELETE', path }))).toEqual(['MANIFEST_UNKNOWN']);
    expect((await get('m/untag', 'v1')).status).toBe(404);
    expect((await get('m/untag', image.digest)).status).toBe(200);
  });

  it('takes a manifest with every tag on it', async () => {
    const image = aManifest();
    await pushImage(url, 'm/gone', image, 'a');
    await putManifest(url, 'm/gone', image, 'b');
    expect((await call(url, { method: 'DELETE', path: `/v2/m/gone/manifests/${image.digest}` })).status).toBe(202);
    for (const reference of ['a', 'b', image.digest]) expect((await get('m/gone', reference)).status).toBe(404);
    expect((await pushImage(url, 'm/gone', image, 'a')).status).toBe(201);
    expect((await get('m/gone', 'a')).bytes.equals(image.bytes)).toBe(true);
  });

  it('does not take a child from under its index', async () => {
    const child = aManifest();
    await pushImage(url, 'm/child', child);
    const index = anIndex([child]);
    await putManifest(url, 'm/child', index, 'v1');
    const remove = (digest: string) => call(url, { method: 'DELETE', path: `/v2/m/child/manifests/${digest}` });
    const refused = await remove(child.digest);
    expect([refused.status, codesOf(refused)]).toEqual([405, ['UNSUPPORTED']]);
    expect(refused.text).toContain(index.digest);
    expect((await remove(index.digest)).status).toBe(202);
    expect((await remove(child.digest)).status).toBe(202);
  });
});

describe('with sparse content allowed', () => {
  it.each([
    ['indexes', 201, 404],
    ['everything', 201, 201],
  ])('%s', async (sparse, index, image) => {
    const lenient = await startGatehouse({ registry: { manifests: { sparse } } });
    try {
      expect((await putManifest(lenient.url, 's/index', anIndex([aManifest()]), 'v1')).status).toBe(index);
      expect((await putManifest(lenient.url, 's/image', aManifest(), 'v1')).status).toBe(image);
    } finally {
      await lenient.stop();
    }
  });
});
