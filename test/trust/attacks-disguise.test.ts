import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { hexOf } from '#oci/digest.ts';
import { EMPTY, PAYLOAD_TYPE, part, subjectOf, tagOf } from '#test/support/attachments.ts';
import { type TestManifest, aBlob, aManifest, anIndex } from '#test/support/images.ts';
import { bundleFor, legacyFor } from '#test/support/signing.ts';
import { type AttackScene, MALLORY, type Place, RELEASE, comesTrue, openAttackScene } from './attack-scene.ts';

/*
 * An image that could be started, dressed up as what is seen by whoever sees the image it is attached to.
 */
let scene: AttackScene;
let here: Place;
let image: TestManifest;
let viewer: string;
beforeAll(async () => {
  scene = await openAttackScene();
  ({ viewer } = scene);
  await scene.configure({ mode: 'hold' });
});
afterAll(() => scene[Symbol.asyncDispose]());
beforeEach(async () => {
  here = scene.place();
  image = await here.pushNew('1.0');
  await here.release(image);
});

/** Layers of a signature, as the document has them, and what has to be pushed before. */
function partsOf(signature: TestManifest): { layers: object[]; blobs: TestManifest['blobs'] } {
  return { layers: JSON.parse(signature.bytes.toString()).layers, blobs: signature.blobs };
}

/** An image whose layers follow, or go before, those of a genuine signature of the released image. */
function mixed(
  signature: TestManifest,
  { fields = {}, layerType = 'application/vnd.oci.image.layer.v1.tar', first = false } = {},
): TestManifest {
  const evil = aManifest({ layers: 0 });
  const tar = aBlob();
  const { layers, blobs } = partsOf(signature);
  const own = part(layerType, tar);
  const [config] = evil.blobs;
  const made = aManifest({
    layers: 0,
    fields: {
      ...(config === undefined ? {} : { config: part('application/vnd.oci.image.config.v1+json', config) }),
      layers: first ? [own, ...layers] : [...layers, own],
      ...fields,
    },
  });
  return { ...made, blobs: [...evil.blobs, tar, ...blobs] };
}

/** Has everything judged that was pushed until now. */
async function settle(): Promise<void> {
  await here.release(await here.pushNew());
  const again = await here.sign(image);
  await comesTrue(() => here.seen(viewer, again.digest), again.digest);
}

const asReferrer = async (evil: TestManifest): Promise<void> => {
  expect(await here.push(evil)).toMatchObject({ status: 201 });
};
const asTag =
  (suffix: string) =>
  async (evil: TestManifest): Promise<void> => {
    expect(await here.push(evil, tagOf(image, suffix))).toMatchObject({ status: 201 });
  };

const withSubject = (): object => ({ subject: subjectOf(image) });
const disguises: [string, () => TestManifest, (evil: TestManifest) => Promise<void>][] = [
  ['a subject', () => aManifest({ fields: withSubject() }), asReferrer],
  ['the tag of signatures', () => aManifest(), asTag('sig')],
  ['the tag of attestations', () => aManifest(), asTag('att')],
  ['the tag of bills of materials', () => aManifest(), asTag('sbom')],
  [
    'an artifact type of signatures',
    () => aManifest({ fields: { ...withSubject(), artifactType: 'application/vnd.dev.cosign.artifact.sig.v1+json' } }),
    asReferrer,
  ],
  [
    'an artifact type of bundles',
    () => aManifest({ fields: { ...withSubject(), artifactType: 'application/vnd.dev.sigstore.bundle.v0.3+json' } }),
    asReferrer,
  ],
  [
    'an artifact type of notation',
    () => aManifest({ fields: { ...withSubject(), artifactType: 'application/vnd.cncf.notary.signature' } }),
    asReferrer,
  ],
  [
    'layers that call a tar a signature',
    () => mixed(aManifest({ layers: 0 }), { layerType: PAYLOAD_TYPE, fields: withSubject() }),
    asReferrer,
  ],
  [
    'layers that call a tar a signature, under its tag',
    () => mixed(aManifest({ layers: 0 }), { layerType: PAYLOAD_TYPE }),
    asTag('sig'),
  ],
  ['a genuine signature beside its layers, under its tag', () => mixed(legacyFor(image, RELEASE)), asTag('sig')],
  [
    'a signature of its own beside its layers, under its tag',
    () => mixed(legacyFor(image, MALLORY), { first: true }),
    asTag('sig'),
  ],
  [
    'a genuine signature beside a tar called one, under its tag',
    () => mixed(legacyFor(image, RELEASE), { layerType: PAYLOAD_TYPE }),
    asTag('sig'),
  ],
  [
    'a genuine signature beside its layers, as a referrer',
    () => mixed(legacyFor(image, RELEASE), { fields: withSubject() }),
    asReferrer,
  ],
  [
    'a genuine bundle beside its layers',
    () => mixed(bundleFor(image, RELEASE), { first: true, fields: withSubject() }),
    asReferrer,
  ],
  [
    'two genuine signatures, found in two places each, beside its layers',
    () => mixed(legacyFor(image, RELEASE), { fields: withSubject() }),
    async (evil) => {
      await asReferrer(evil);
      await asTag('sig')(evil);
    },
  ],
];

test.each(disguises)('runnable image posing as attachment: %s', async (_name, make, attach) => {
  const evil = make();
  const layer = evil.blobs.find(({ digest }) => evil.bytes.includes(`tar","digest":"${digest}`)) ?? evil.blobs[1];
  await attach(evil);
  await settle();
  const references = [evil.digest, ...['sig', 'att', 'sbom'].map((suffix) => tagOf(image, suffix))];
  for (const reference of references) expect(await here.seen(viewer, reference)).toBe(404);
  expect((await here.ask(viewer, 'HEAD', `/blobs/${layer?.digest ?? ''}`)).status).toBe(404);
  const { text } = await here.ask(viewer, 'GET', `/referrers/${image.digest}`);
  expect(text).not.toContain(evil.digest);
  // What counts as an attachment needs no signature for a tag: this does.
  await here.push(evil, 'latest');
  expect(await here.seen(viewer, 'latest')).toBe(404);
});

test('index posing as the list of attachments: with one image more it is not seen, without it is', async () => {
  const signature = await here.sign(image);
  await comesTrue(() => here.seen(viewer, signature.digest), signature.digest);
  const evil = await here.pushNew();
  const tag = `sha256-${hexOf(image.digest)}`;
  const loaded = anIndex([signature, evil]);
  await here.push(loaded, tag);
  await settle();
  expect(await here.seen(viewer, tag)).toBe(404);
  expect(await here.seen(viewer, loaded.digest)).toBe(404);
  const honest = anIndex([signature]);
  await here.push(honest, tag);
  await comesTrue(() => here.seen(viewer, tag), honest.digest);
  expect(await here.seen(viewer, evil.digest)).toBe(404);
});

test('index posing as the list of attachments: it vouches for nothing that it names', async () => {
  const evil = await here.pushNew('latest');
  await here.push(anIndex([evil]), tagOf(image).replace('.sig', ''));
  await settle();
  expect(await here.seen(viewer, 'latest')).toBe(404);
});

test('genuine attachments of several layers are seen', async () => {
  const [one, two] = [legacyFor(image, RELEASE), legacyFor(image, MALLORY, { reference: 'x/y' })];
  const both = aManifest({
    layers: 0,
    fields: {
      config: part('application/vnd.oci.image.config.v1+json', EMPTY),
      layers: [...partsOf(one).layers, ...partsOf(two).layers],
    },
  });
  await here.push({ ...both, blobs: [EMPTY, ...one.blobs, ...two.blobs] }, tagOf(image));
  await comesTrue(() => here.seen(viewer, tagOf(image)), both.digest);
  expect(await here.seen(viewer, both.digest)).toBe(both.digest);
});
