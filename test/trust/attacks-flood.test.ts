import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { findEvidence } from '#metadata/verdicts.ts';
import { EMPTY, PAYLOAD_TYPE, part, subjectOf, tagOf } from '#test/support/attachments.ts';
import { type TestManifest, aBlob, aManifest } from '#test/support/images.ts';
import { BUNDLE_TYPE, bundleFor, legacyFor } from '#test/support/signing.ts';
import { type AttackScene, MALLORY, type Place, RELEASE, comesTrue, openAttackScene } from './attack-scene.ts';
import { anEnvelope } from './notary/envelopes.ts';
import { SIGNATURE_TYPE, named } from './notary/looks.ts';
import { type Party, aCertificate, anAuthority } from './x509/authority.ts';

/*
 * Signatures of every format with anything done to them, pushed to a repository that is held; and too much of them.
 */
let scene: AttackScene;
let here: Place;
let viewer: string;
let chain: Party[];
beforeAll(async () => {
  scene = await openAttackScene();
  ({ viewer } = scene);
  await scene.configure({ mode: 'hold' });
  const authority = await anAuthority();
  chain = [await aCertificate(authority, named('alice')), authority];
});
afterAll(() => scene[Symbol.asyncDispose]());
beforeEach(() => {
  here = scene.place();
});

/** What is attached: its layer's bytes, as whom, and how. */
interface Attachment {
  readonly artifactType: string;
  readonly layerType: string;
  readonly content: Uint8Array;
  readonly annotations: Record<string, string>;
  readonly tag: 'sig' | 'att' | undefined;
}

function attached(
  image: TestManifest,
  { artifactType, layerType, content, annotations, tag }: Attachment,
): TestManifest {
  const blob = aBlob({ bytes: Buffer.from(content) });
  const fields = {
    artifactType,
    config: part(artifactType, EMPTY),
    layers: [part(layerType, blob, annotations)],
    ...(tag === undefined ? { subject: subjectOf(image) } : {}),
  };
  return { ...aManifest({ layers: 0, fields }), blobs: [EMPTY, blob] };
}

/** One of each format, about the image; by the release key where that is a key. */
function genuine(image: TestManifest): Attachment[] {
  const legacy = legacyFor(image, RELEASE);
  const [layer] = JSON.parse(legacy.bytes.toString()).layers;
  const { digest, mediaType, bytes } = image;
  const subject = { repository: here.repository, digest, mediaType, sizeBytes: bytes.length };
  const bundle = bundleFor(image, RELEASE).blobs[1]?.bytes ?? Buffer.alloc(0);
  const empty = { annotations: {}, tag: undefined };
  const notation = (format: 'jws' | 'cose', layerType: string): Attachment => {
    const content = anEnvelope(format, { chain, subject });
    return { ...empty, artifactType: SIGNATURE_TYPE, layerType, content };
  };
  return [
    { ...empty, artifactType: BUNDLE_TYPE, layerType: BUNDLE_TYPE, content: bundle },
    {
      artifactType: 'application/vnd.oci.image.config.v1+json',
      layerType: PAYLOAD_TYPE,
      content: legacy.blobs[1]?.bytes ?? Buffer.alloc(0),
      annotations: layer.annotations,
      tag: 'sig',
    },
    {
      ...empty,
      artifactType: 'application/vnd.oci.image.config.v1+json',
      layerType: 'application/vnd.dsse.envelope.v1+json',
      content: Buffer.from(JSON.stringify(JSON.parse(bundle.toString()).dsseEnvelope)),
      tag: 'att',
    },
    notation('jws', 'application/jose+json'),
    notation('cose', 'application/cose'),
  ];
}

const mutation = fc.record({
  at: fc.nat(),
  removed: fc.nat({ max: 40 }),
  inserted: fc.oneof(
    fc.uint8Array({ maxLength: 8 }),
    fc
      .constantFrom('"', '{', '[', ',', '\\', 'null', '1e999', '{}', '['.repeat(5000), '"a":"a",', '\u0000', '-1')
      .map((text) => Buffer.from(text)),
  ),
});

const anAttachment = fc.record({
  which: fc.nat({ max: 4 }),
  changes: fc.array(mutation, { minLength: 1, maxLength: 4 }),
  artifactOf: fc.option(fc.nat({ max: 4 }), { nil: undefined }),
  layerOf: fc.option(fc.nat({ max: 4 }), { nil: undefined }),
  annotation: fc.option(fc.string({ maxLength: 200 }), { nil: undefined }),
});

function mutated(
  content: Uint8Array,
  changes: readonly { at: number; removed: number; inserted: Uint8Array }[],
): Buffer {
  let bytes = Buffer.from(content);
  for (const { at, removed, inserted } of changes) {
    const start = at % (bytes.length + 1);
    bytes = Buffer.concat([bytes.subarray(0, start), inserted, bytes.subarray(start + removed)]);
  }
  return bytes;
}

describe('fuzz over HTTP', () => {
  test('no mutated signature is answered with 5xx, released, or the end of the judge', async () => {
    const began = performance.now();
    const property = fc.asyncProperty(fc.array(anAttachment, { minLength: 12, maxLength: 12 }), async (wishes) => {
      const image = await here.pushNew('fuzzed');
      const whole = genuine(image);
      const sent = wishes.flatMap(({ which, changes, artifactOf, layerOf, annotation }) => {
        const one = whole[which];
        if (one === undefined) return [];
        const wish = {
          ...one,
          content: mutated(one.content, changes),
          artifactType: whole[artifactOf ?? which]?.artifactType ?? one.artifactType,
          layerType: whole[layerOf ?? which]?.layerType ?? one.layerType,
          annotations:
            annotation === undefined ? one.annotations : { 'dev.cosignproject.cosign/signature': annotation },
        };
        return [{ manifest: attached(image, wish), tag: one.tag }];
      });
      const answers = await Promise.all(
        sent.map(({ manifest, tag }) => here.push(manifest, tag === undefined ? undefined : tagOf(image, tag))),
      );
      expect(answers.map(({ status }) => status).filter((status) => status >= 500)).toEqual([]);
      const questions = ['/manifests/fuzzed', `/manifests/${image.digest}`, `/referrers/${image.digest}`, '/tags/list'];
      for (const path of questions) expect((await here.ask(viewer, 'GET', path)).status).toBeLessThan(500);
      // Every mutation is of signed bytes; where none of them matters, what is said is still said by the right key.
      const other = await here.pushNew();
      await here.release(other);
    });
    await fc.assert(property, { numRuns: 12, interruptAfterTimeLimit: 4000 });
    expect(performance.now() - began).toBeLessThan(15_000);
    const image = await here.pushNew('last');
    await here.release(image);
    expect(await here.seen(viewer, 'last')).toBe(image.digest);
  });

  test('and those of nothing but the right bytes release', async () => {
    for (const [number, of] of [0, 1].entries()) {
      const image = await here.pushNew(`v${number}`);
      const one = genuine(image)[of];
      if (one === undefined) throw new Error('expected a signature');
      await here.push(attached(image, one), one.tag === undefined ? undefined : tagOf(image, one.tag));
      await comesTrue(() => here.seen(viewer, `v${number}`), image.digest);
      expect(await here.seen(viewer, image.digest)).toBe(image.digest);
    }
  });
});

describe('evidence', () => {
  test('stays small with 1,000 signatures of long words', async () => {
    const image = await here.pushNew('1.0');
    const reference = `registry.example.com/${'a'.repeat(200)}/${'b'.repeat(3000)}`;
    const blob = legacyFor(image, MALLORY, { reference }).blobs[1] ?? EMPTY;
    const layers = Array.from({ length: 1000 }, (_, number) =>
      part(PAYLOAD_TYPE, blob, { 'dev.cosignproject.cosign/signature': Buffer.from(`${number}`).toString('base64') }),
    );
    const config = part('application/vnd.oci.image.config.v1+json', EMPTY);
    const flood = { ...aManifest({ layers: 0, fields: { config, layers } }), blobs: [EMPTY, blob] };
    await here.push(flood, tagOf(image));
    const long = Array.from({ length: 20 }, (_, number) =>
      bundleFor(image, MALLORY, { predicateType: `https://example.com/${number}/${'c'.repeat(900)}` }),
    );
    for (const one of long) expect((await here.push(one)).status).toBe(201);
    await comesTrue(async () => {
      const row = await findEvidence(scene.people.metadata, here.repository, image.digest);
      return JSON.parse(row?.evidence ?? '{}').total;
    }, 1020);
    const row = await findEvidence(scene.people.metadata, here.repository, image.digest);
    expect(row?.evidence?.length).toBeLessThan(256 << 10);
    expect(await here.seen(viewer, '1.0')).toBe(404);
    const { headers } = await here.ask(scene.editor, 'GET', '/manifests/1.0');
    expect(String(headers['warning']).length).toBeLessThan(4096);
  });
});
