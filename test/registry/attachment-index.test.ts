import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOf } from '#oci/digest.ts';
import { parseReference } from '#oci/reference.ts';
import { type TestManifest, aBlob, aManifest, anIndex } from '#test/support/images.ts';
import { ORIGIN, type Rooms, bodyOf, openRooms } from '#test/support/rooms.ts';

const NAME = 'a/r';

let rooms: Rooms;
let image: TestManifest;
beforeEach(async () => {
  rooms = await openRooms();
  image = aManifest();
  await push(image, image.digest, { attachOnly: false });
});
afterEach(() => rooms.close());

const push = async (manifest: TestManifest, reference: string, { attachOnly = true } = {}): Promise<string> => {
  for (const { digest, bytes } of manifest.blobs) await rooms.registry.uploads.push(NAME, digest, bodyOf(bytes));
  const { digest } = await rooms.registry.manifests.push({
    repository: NAME,
    reference: parseReference(reference),
    tags: [],
    contentType: manifest.mediaType,
    bytes: manifest.bytes,
    origin: ORIGIN,
    attachOnly,
    precondition: {},
  });
  return digest;
};

/** A signature, as a referrer of something. */
const aSignature = (subject: Pick<TestManifest, 'digest' | 'bytes' | 'mediaType'> = image): TestManifest => {
  const config = aBlob({ bytes: '{}' });
  const layer = aBlob();
  const descriptor = (mediaType: string, { digest, bytes }: { digest: string; bytes: Buffer }) => ({
    mediaType,
    digest,
    size: bytes.length,
  });
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: image.mediaType,
      artifactType: 'application/vnd.example.signature',
      config: descriptor('application/vnd.oci.empty.v1+json', config),
      layers: [descriptor('application/vnd.example.signature', layer)],
      subject: descriptor(subject.mediaType, subject),
    }),
  );
  return { bytes, digest: digestOf(bytes, 'sha256'), mediaType: image.mediaType, blobs: [config, layer] };
};
const tagOf = ({ digest }: TestManifest): string => digest.replace(':', '-');

describe('the index of what is attached', () => {
  it('is taken under the tag that belongs to its subject, and grows', async () => {
    const [one, other] = [aSignature(), aSignature()];
    for (const signature of [one, other]) await push(signature, signature.digest);
    await push(anIndex([one]), tagOf(image));
    const both = anIndex([one, other]);
    expect(await push(both, tagOf(image))).toBe(both.digest);
  });

  it('does not lose what was in it', async () => {
    const [one, other] = [aSignature(), aSignature()];
    for (const signature of [one, other]) await push(signature, signature.digest);
    await push(anIndex([one]), tagOf(image));
    await expect(push(anIndex([other]), tagOf(image))).rejects.toMatchObject({ code: 'DENIED' });
  });

  it.each([
    ['an image', () => image, () => tagOf(image)],
    ['a signature of something else', (other: TestManifest) => aSignature(other), () => tagOf(image)],
    ['a signature, under another tag', () => aSignature(), () => 'latest'],
    ['a signature, by its digest', () => aSignature(), (index: TestManifest) => index.digest],
    ['a signature, under the tag of what is not here', () => aSignature(), () => tagOf(aManifest())],
  ])('is not taken when it names %s', async (_, childOf, referenceOf) => {
    const other = aManifest();
    await push(other, other.digest, { attachOnly: false });
    const child = childOf(other);
    if (child !== image) await push(child, child.digest);
    const index = anIndex([child]);
    await expect(push(index, referenceOf(index))).rejects.toMatchObject({ code: 'DENIED' });
  });
});
