import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hexOf } from '#oci/digest.ts';
import { DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, IMAGE_INDEX, IMAGE_MANIFEST } from '#oci/media-type.ts';
import {
  BUNDLE,
  EMPTY,
  OCI_CONFIG,
  PAYLOAD,
  PAYLOAD_TYPE,
  part,
  signatures,
  subjectOf,
  tagOf,
} from '#test/support/attachments.ts';
import { type Answer, call, codesOf } from '#test/support/client.ts';
import { type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import {
  type TestBlob,
  type TestManifest,
  aBlob,
  aManifest,
  anIndex,
  pushImage,
  putManifest,
} from '#test/support/images.ts';
import { type People, as, askToken, bearerOf, openPeople } from '#test/support/people.ts';

const REPOSITORY = 'attach/app';
const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';

const image = aManifest({ layers: 1 });
const index = anIndex([image]);

let gatehouse: Gatehouse;
let people: People;
let signer: string;
beforeAll(async () => {
  gatehouse = await startGatehouse();
  people = await openPeople(gatehouse);
  signer = await people.robot('signer', ['registry-signer attach/']);
  await pushImage(gatehouse.url, REPOSITORY, image, 'latest');
  await pushImage(gatehouse.url, REPOSITORY, index, 'multi');
  await pushImage(gatehouse.url, 'elsewhere/app', aManifest(), 'latest');
  for (const blob of [EMPTY, BUNDLE, PAYLOAD]) await pushAs(signer, blob);
});
afterAll(async () => {
  await people[Symbol.asyncDispose]();
  await gatehouse.stop();
});

async function pushAs(authorization: string, { digest, bytes }: TestBlob): Promise<Answer> {
  const path = `/v2/${REPOSITORY}/blobs/uploads/?digest=${digest}`;
  return await call(gatehouse.url, { method: 'POST', path, body: bytes, ...as(authorization) });
}

const put = (manifest: Pick<TestManifest, 'bytes' | 'mediaType'>, reference: string, authorization = signer) =>
  call(gatehouse.url, {
    method: 'PUT',
    path: `/v2/${REPOSITORY}/manifests/${reference}`,
    body: manifest.bytes,
    anonymous: true,
    headers: { ...as(authorization).headers, 'content-type': manifest.mediaType },
  });

/** A referrer in the shape of `cosign sign --new-bundle-format`, unless changed; never the same twice. */
function referrer(fields: object = {}): TestManifest {
  return aManifest({
    layers: 0,
    fields: {
      artifactType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      config: part('application/vnd.oci.empty.v1+json', EMPTY),
      layers: [part('application/vnd.dev.sigstore.bundle.v0.3+json', BUNDLE)],
      subject: subjectOf(image),
      annotations: { nonce: aBlob().digest },
      ...fields,
    },
  });
}

/** An image nobody has signed yet. */
async function unsigned(): Promise<TestManifest> {
  const manifest = aManifest({ layers: 1 });
  await pushImage(gatehouse.url, REPOSITORY, manifest);
  return manifest;
}

function refusal(answer: Answer): [number, string[], boolean] {
  return [answer.status, codesOf(answer), answer.text.includes('the permission to attach is for')];
}

const REFUSED = [403, ['DENIED'], true];

describe('who may attach may push', () => {
  test('a signature that refers to an image, and it is listed', async () => {
    const one = referrer();
    const answer = await put(one, one.digest);
    expect([answer.status, answer.headers['oci-subject']]).toEqual([201, image.digest]);
    const { text } = await call(gatehouse.url, { method: 'GET', path: `/v2/${REPOSITORY}/referrers/${image.digest}` });
    expect(text).toContain(one.digest);
  });

  test.each<[string, object]>([
    ['of an index', { subject: subjectOf(index) }],
    [
      'by notation',
      {
        artifactType: undefined,
        config: part('application/vnd.cncf.notary.signature', EMPTY),
        layers: [part('application/jose+json', BUNDLE)],
      },
    ],
    ['without layers', { layers: [part('application/vnd.oci.empty.v1+json', EMPTY)] }],
  ])('a referrer %s', async (_, fields) => {
    const one = referrer(fields);
    expect((await put(one, one.digest)).status).toBe(201);
  });

  test.each(['sig', 'att', 'sbom'])('what cosign keeps under a tag that ends in .%s', async (suffix) => {
    const target = await unsigned();
    expect((await put(signatures(['one']), tagOf(target, suffix))).status).toBe(201);
    expect((await put(signatures(['one', 'two']), tagOf(target, suffix))).status).toBe(201);
    expect((await put(signatures(['one', 'two']), tagOf(target, suffix))).status).toBe(201);
  });

  test("the same under a digest and one of cosign's tags at once", async () => {
    const [target, one] = [await unsigned(), signatures(['one'])];
    expect((await put(one, `${one.digest}?tag=${tagOf(target)}`)).status).toBe(201);
  });

  test('with a token, asked for as clients ask when they push', async () => {
    const token = bearerOf(await askToken(gatehouse.url, signer, [`repository:${REPOSITORY}:pull,push`]));
    const one = referrer();
    expect((await put(one, one.digest, token)).status).toBe(201);
    expect(refusal(await put(image, 'token', token))).toEqual(REFUSED);
  });

  test('what is there already, by its digest: nothing is written, and conditions hold', async () => {
    const path = `/api/v1/events?repository=${REPOSITORY}&limit=1`;
    const newest = async () => (await call(gatehouse.url, { method: 'GET', path })).json;
    const before = await newest();
    expect(before).toMatchObject({ events: [{ id: expect.anything() }] });
    for (const manifest of [image, index]) {
      expect((await put(manifest, manifest.digest)).status).toBe(201);
      const body = { body: manifest.bytes, anonymous: true };
      const headers = { ...as(signer).headers, 'content-type': manifest.mediaType, 'if-none-match': '*' };
      const request = { method: 'PUT', path: `/v2/${REPOSITORY}/manifests/${manifest.digest}`, headers, ...body };
      expect((await call(gatehouse.url, request)).status).toBe(412);
      expect(refusal(await put(manifest, `${manifest.digest}?tag=new`))).toEqual(REFUSED);
    }
    expect(await newest()).toEqual(before);
  });

  test('blobs, and mounts where they may read', async () => {
    await pushImage(gatehouse.url, 'attach/other', aManifest());
    expect((await pushAs(signer, aBlob())).status).toBe(201);
    const mount = { method: 'POST', path: `/v2/attach/other/blobs/uploads/?mount=${EMPTY.digest}&from=${REPOSITORY}` };
    expect((await call(gatehouse.url, { ...mount, ...as(signer) })).status).toBe(201);
  });
});

describe('who may attach may not push', () => {
  const nowhere = aManifest();
  const docker = 'application/vnd.docker.';
  const manifests: [string, () => TestManifest][] = [
    ['an image', () => aManifest({ layers: 0, fields: { ...JSON.parse(image.bytes.toString()), annotations: {} } })],
    ['an index', () => anIndex([image], { fields: { annotations: {} } })],
    ['an index with a subject', () => anIndex([image], { fields: { subject: subjectOf(image) } })],
    [
      "Docker's list with a subject",
      () => anIndex([image], { mediaType: DOCKER_MANIFEST_LIST, fields: { subject: subjectOf(image) } }),
    ],
    ['an index of nothing', () => anIndex([], { fields: { subject: subjectOf(image) } })],
    ['a manifest without a subject', () => referrer({ subject: undefined })],
    ['a manifest whose subject is null', () => referrer({ subject: null })],
    [
      'an image that claims a subject',
      () =>
        aManifest({ layers: 0, fields: { subject: subjectOf(image), config: part(OCI_CONFIG, EMPTY), layers: [] } }),
    ],
    ['the config of an image', () => referrer({ config: part(OCI_CONFIG, EMPTY) })],
    ["the config of Docker's image", () => referrer({ config: part(`${docker}container.image.v1+json`, EMPTY) })],
    ['the layer of an image', () => referrer({ layers: [part(OCI_LAYER, BUNDLE)] })],
    ['a layer of an image among others', () => referrer({ layers: [part('a/b', EMPTY), part(OCI_LAYER, BUNDLE)] })],
    ['a layer in tar', () => referrer({ layers: [part('application/vnd.oci.image.layer.v1.tar', BUNDLE)] })],
    ['a layer in zstd', () => referrer({ layers: [part('application/vnd.oci.image.layer.v1.tar+zstd', BUNDLE)] })],
    [
      'a layer from elsewhere',
      () => referrer({ layers: [part('application/vnd.oci.image.layer.nondistributable.v1.tar', BUNDLE)] }),
    ],
    ["Docker's layer", () => referrer({ layers: [part(`${docker}image.rootfs.diff.tar.gzip`, BUNDLE)] })],
    [
      "Docker's layer from elsewhere",
      () => referrer({ layers: [part(`${docker}image.rootfs.foreign.diff.tar.gzip`, BUNDLE)] }),
    ],
    ["Docker's older layer", () => referrer({ layers: [part(`${docker}container.image.rootfs.diff+x-gtar`, BUNDLE)] })],
    ['something for what is not here', () => referrer({ subject: subjectOf(nowhere) })],
  ];

  test.each(manifests)('%s', async (_, build) => {
    const manifest = build();
    expect(refusal(await put(manifest, manifest.digest))).toEqual(REFUSED);
    const path = `/v2/${REPOSITORY}/manifests/${manifest.digest}`;
    expect((await call(gatehouse.url, { method: 'HEAD', path })).status).toBe(404);
  });

  test.each([
    ['a manifest of Docker', DOCKER_MANIFEST],
    ['a manifest of OCI', IMAGE_MANIFEST],
  ])('%s that is an image, whatever its document leaves out', async (_, mediaType) => {
    const { mediaType: __, ...document } = JSON.parse(image.bytes.toString()) as Record<string, unknown>;
    const bytes = Buffer.from(JSON.stringify({ ...document, subject: subjectOf(image) }));
    const { digest } = aBlob({ bytes });
    expect(refusal(await put({ bytes, mediaType }, digest))).toEqual(REFUSED);
  });

  test('an index in the clothes of an image', async () => {
    const bytes = Buffer.from(JSON.stringify({ ...JSON.parse(referrer().bytes.toString()), mediaType: IMAGE_INDEX }));
    const answer = await put({ bytes, mediaType: IMAGE_MANIFEST }, aBlob({ bytes }).digest);
    expect([answer.status, codesOf(answer)]).toEqual([400, ['MANIFEST_INVALID']]);
  });

  test.each(['latest', 'multi', 'new', 'sha256-beef.sig', `sha256-${'0'.repeat(64)}.sig`, `sha256-${'0'.repeat(64)}`])(
    'anything under the tag %s',
    async (tag) => {
      const before = await call(gatehouse.url, { method: 'GET', path: `/v2/${REPOSITORY}/tags/list` });
      for (const manifest of [image, referrer(), signatures(['one'])]) {
        expect(refusal(await put(manifest, tag))).toEqual(REFUSED);
      }
      const one = referrer();
      expect(refusal(await put(one, `${one.digest}?tag=${tag}`))).toEqual(REFUSED);
      const after = await call(gatehouse.url, { method: 'GET', path: `/v2/${REPOSITORY}/tags/list` });
      expect(after.json).toEqual(before.json);
    },
  );

  test.each(['.sig', '.att.sig', '.SIG', '.sig2', '.cosign', '_sig', ''])(
    'the tag of an image with %j behind it',
    async (end) => {
      const suffix = end === '.sig' ? '.sig.sig' : end;
      expect(refusal(await put(signatures(['one']), `sha256-${hexOf(image.digest)}${suffix}`))).toEqual(REFUSED);
    },
  );

  test('the tag of an image by upper-case hex, or of the digest by another algorithm', async () => {
    for (const tag of [`sha256-${hexOf(image.digest).toUpperCase()}.sig`, `sha512-${hexOf(image.digest)}.sig`]) {
      expect(refusal(await put(signatures(['one']), tag))).toEqual(REFUSED);
    }
  });

  test("one of cosign's tags for an image of another repository", async () => {
    const there = aManifest();
    await pushImage(gatehouse.url, 'elsewhere/app', there);
    expect(refusal(await put(signatures(['one']), tagOf(there)))).toEqual(REFUSED);
  });

  test("the layers of an image, or an index, under one of cosign's tags", async () => {
    const target = await unsigned();
    const layered = signatures([], { layers: [part(OCI_LAYER, BUNDLE)] });
    for (const manifest of [layered, anIndex([image]), image]) {
      expect(refusal(await put(manifest, tagOf(target)))).toEqual(REFUSED);
    }
  });

  test("something for what is not here, under one of cosign's tags", async () => {
    const target = await unsigned();
    expect(refusal(await put(signatures(['one'], { subject: subjectOf(nowhere) }), tagOf(target)))).toEqual(REFUSED);
    expect((await put(signatures(['one'], { subject: subjectOf(image) }), tagOf(target))).status).toBe(201);
  });

  test.each(['', `?digest=${EMPTY.digest}`, `?mount=${EMPTY.digest}&from=${REPOSITORY}`, `?mount=${EMPTY.digest}`])(
    'a blob into a repository that is not there: %s',
    async (query) => {
      const path = `/v2/attach/new/blobs/uploads/${query}`;
      const answer = await call(gatehouse.url, { method: 'POST', path, body: EMPTY.bytes, ...as(signer) });
      expect([answer.status, codesOf(answer)]).toEqual([403, ['DENIED']]);
      expect((await call(gatehouse.url, { method: 'GET', path: '/v2/attach/new/tags/list' })).status).toBe(404);
    },
  );

  test('several tags', async () => {
    const [one, other, manifest] = [await unsigned(), await unsigned(), signatures(['one'])];
    for (const tags of [
      [tagOf(one), 'latest'],
      ['latest', tagOf(one)],
      [tagOf(one), tagOf(other)],
    ]) {
      const query = tags.map((tag) => `tag=${tag}`).join('&');
      expect(refusal(await put(manifest, `${manifest.digest}?${query}`))).toEqual(REFUSED);
    }
  });
});

describe('who may attach may not take away', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['all signatures', ['one', 'two'], []],
    ['one of two signatures', ['one', 'two'], ['two']],
    ['a signature for another', ['one'], ['two']],
    ['one of two with the same text', ['one', 'one'], ['one']],
  ])('%s', async (_, before, after) => {
    const target = await unsigned();
    await put(signatures(before), tagOf(target));
    expect(refusal(await put(signatures(after), tagOf(target)))).toEqual(REFUSED);
    const kept = await call(gatehouse.url, { method: 'GET', path: `/v2/${REPOSITORY}/manifests/${tagOf(target)}` });
    expect(kept.bytes.equals(signatures(before).bytes)).toBe(true);
  });

  test('what stands beside a signature, such as its certificate', async () => {
    const target = await unsigned();
    const layer = (annotations: Record<string, string>) => ({ layers: [part(PAYLOAD_TYPE, PAYLOAD, annotations)] });
    await put(signatures([], layer({ signature: 'one', certificate: 'a' })), tagOf(target));
    for (const annotations of [{ signature: 'one' }, { signature: 'one', certificate: 'b' }, {}]) {
      expect(refusal(await put(signatures([], layer(annotations)), tagOf(target)))).toEqual(REFUSED);
    }
    const inAnotherOrder = signatures([], layer({ certificate: 'a', signature: 'one' }));
    expect((await put(inAnotherOrder, tagOf(target))).status).toBe(201);
  });

  test('what somebody who may push put under the tag, whatever it is', async () => {
    const target = await unsigned();
    await putManifest(gatehouse.url, REPOSITORY, index, tagOf(target));
    expect(refusal(await put(signatures(['one']), tagOf(target)))).toEqual(REFUSED);
    await putManifest(gatehouse.url, REPOSITORY, image, tagOf(target));
    expect(refusal(await put(signatures(['one']), tagOf(target)))).toEqual(REFUSED);
  });

  test('the type of what another attached', async () => {
    const { mediaType: _, ...document } = JSON.parse(referrer().bytes.toString()) as Record<string, unknown>;
    const bytes = Buffer.from(JSON.stringify(document));
    const { digest } = aBlob({ bytes });
    const editor = await people.robot('typist', ['registry-editor attach/']);
    expect((await put({ bytes, mediaType: IMAGE_MANIFEST }, digest, editor)).status).toBe(201);
    expect(refusal(await put({ bytes, mediaType: DOCKER_MANIFEST }, digest))).toEqual(REFUSED);
    expect((await put({ bytes, mediaType: IMAGE_MANIFEST }, digest)).status).toBe(201);
    const { headers } = await call(gatehouse.url, { method: 'GET', path: `/v2/${REPOSITORY}/manifests/${digest}` });
    expect(headers['content-type']).toBe(IMAGE_MANIFEST);
  });

  test('anything by deleting it', async () => {
    const target = await unsigned();
    const one = signatures(['one']);
    await put(one, tagOf(target));
    for (const path of [
      `manifests/${tagOf(target)}`,
      `manifests/${one.digest}`,
      `blobs/${PAYLOAD.digest}`,
      'manifests/latest',
    ]) {
      const answer = await call(gatehouse.url, { method: 'DELETE', path: `/v2/${REPOSITORY}/${path}`, ...as(signer) });
      expect([path, answer.status, codesOf(answer)]).toEqual([path, 403, ['DENIED']]);
    }
  });

  test('what another attached at the same moment', async () => {
    const other = await people.robot('other-signer', ['registry-signer attach/app']);
    for (let round = 0; round < 10; round += 1) {
      const target = await unsigned();
      await put(signatures(['first']), tagOf(target));
      const answers = await Promise.all([
        put(signatures(['first', 'mine']), tagOf(target)),
        put(signatures(['first', 'theirs']), tagOf(target), other),
      ]);
      const taken = answers.filter(({ status }) => status === 201);
      // One after the other the second is refused for what it lacks; side by side for what it did not see.
      expect(taken).toHaveLength(1);
      expect(answers.map(({ status }) => status).filter((status) => status !== 201)).toEqual([
        expect.toBeOneOf([403, 412]),
      ]);
      const kept = await call(gatehouse.url, { method: 'GET', path: `/v2/${REPOSITORY}/manifests/${tagOf(target)}` });
      expect(kept.headers['docker-content-digest']).toBe(taken[0]?.headers['docker-content-digest']);
    }
  });
});

test('a token for attaching alone is for no more, whoever holds it', async () => {
  const editor = await people.robot('modest', ['registry-editor attach/']);
  const token = bearerOf(
    await askToken(gatehouse.url, editor, [`repository:${REPOSITORY}:pull,attach`, 'repository:attach/new:attach']),
  );
  const one = referrer();
  expect((await put(one, one.digest, token)).status).toBe(201);
  for (const tag of ['latest', 'modest']) expect(refusal(await put(image, tag, token))).toEqual(REFUSED);
  const start = { method: 'POST', path: '/v2/attach/new/blobs/uploads/' };
  expect((await call(gatehouse.url, { ...start, ...as(token) })).status).toBe(403);
  expect((await call(gatehouse.url, { ...start, ...as(editor) })).status).toBe(202);
});

test('who may push may do all of it', async () => {
  const editor = await people.robot('editor', ['registry-editor attach/']);
  const target = await unsigned();
  await put(signatures(['one']), tagOf(target));
  const answers = [
    await put(signatures([]), tagOf(target), editor),
    await put(index, `${index.digest}?tag=a&tag=b`, editor),
    await put(image, 'latest', editor),
  ];
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
});
