import { afterAll, beforeAll, expect, test } from 'vitest';
import { hexOf } from '#oci/digest.ts';
import type { Context } from '#registry/context.ts';
import { type Registry, openRegistry } from '#registry/open.ts';
import { type TestManifest, aBlob, aManifest } from '#test/support/images.ts';
import { ORIGIN, type Rooms, bodyOf, openRooms } from '#test/support/rooms.ts';

const REPOSITORY = 'a/app';
const PAYLOAD = aBlob();

let rooms: Rooms;
beforeAll(async () => {
  rooms = await openRooms();
  await rooms.registry.uploads.push(REPOSITORY, PAYLOAD.digest, bodyOf(PAYLOAD.bytes));
});
afterAll(() => rooms.close());

/** What cosign keeps under a tag: one layer for each signature. */
function signatures(...values: string[]): TestManifest {
  const layer = { mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json', digest: PAYLOAD.digest, size: 64 };
  return aManifest({
    fields: {
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: PAYLOAD.digest, size: 64 },
      layers: values.map((value) => ({ ...layer, annotations: { signature: value } })),
    },
  });
}

/** The tag for the signatures of an image that nobody has signed. */
async function unsigned(): Promise<string> {
  const image = aManifest({ layers: 0 });
  for (const { digest, bytes } of image.blobs) await rooms.registry.uploads.push(REPOSITORY, digest, bodyOf(bytes));
  await push(rooms.registry, image, 'image', false);
  return `sha256-${hexOf(image.digest)}.sig`;
}

const push = ({ manifests }: Registry, { bytes, mediaType }: TestManifest, tag: string, attachOnly = true) =>
  manifests.push({
    repository: REPOSITORY,
    reference: { tag },
    tags: [],
    contentType: mediaType,
    bytes,
    origin: ORIGIN,
    attachOnly,
    precondition: {},
  });

/** A registry on the same data, in which something else happens after an attachment was looked at, before it is written. */
function interrupted(meanwhile: () => Promise<unknown>): Registry {
  const { context } = rooms;
  const { store } = context;
  let isFirst = true;
  const write: Context['store']['write'] = async (key, body, ...rest) => {
    if (isFirst) await meanwhile();
    isFirst = false;
    return await store.write(key, body, ...rest);
  };
  return openRegistry({ ...context, store: { ...store, write } });
}

const MOVED = {
  code: 'DENIED',
  reason: 'precondition',
  message: 'the tag has moved meanwhile: read it and attach again',
};

test('of two first signatures at once one is told to look again', async () => {
  const tag = await unsigned();
  const registry = interrupted(() => push(rooms.registry, signatures('theirs'), tag));
  await expect(push(registry, signatures('mine'), tag)).rejects.toMatchObject(MOVED);
  expect((await rooms.registry.manifests.find(REPOSITORY, { tag }, 'outsider')).digest).toBe(
    signatures('theirs').digest,
  );
  expect((await push(registry, signatures('theirs', 'mine'), tag)).digest).toBe(signatures('theirs', 'mine').digest);
});

test('of two that both add to what is there one is told to look again', async () => {
  const tag = await unsigned();
  await push(rooms.registry, signatures('first'), tag);
  const registry = interrupted(() => push(rooms.registry, signatures('first', 'theirs'), tag));
  await expect(push(registry, signatures('first', 'mine'), tag)).rejects.toMatchObject(MOVED);
  expect((await rooms.registry.manifests.find(REPOSITORY, { tag }, 'outsider')).digest).toBe(
    signatures('first', 'theirs').digest,
  );
});

test('whoever may push overwrites whatever came meanwhile', async () => {
  const tag = await unsigned();
  const registry = interrupted(() => push(rooms.registry, signatures('theirs'), tag));
  expect((await push(registry, signatures('mine'), tag, false)).digest).toBe(signatures('mine').digest);
});
