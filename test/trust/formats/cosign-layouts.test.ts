import { describe, expect, test } from 'vitest';
import type { Digest } from '#oci/digest.ts';
import type { Shelf, Subject } from '#trust/format.ts';
import { cosign } from '#trust/formats/cosign.ts';
import type { LayerToPut, MemoryShelf } from '../shelf.ts';
import {
  ALICE,
  BUNDLE_TYPE,
  ENVELOPE_LAYER,
  MALLORY,
  PAYLOAD_LAYER,
  SIGNATURE,
  aPayload,
  aPayloadLayer,
  aScene,
  aSignatureBundle,
  aStatement,
  anEnvelope,
  attTagOf,
  attach,
  findingsOf,
  onlyFinding,
  sigTagOf,
  vouchers,
} from './cosign-signing.ts';

const RELEASE = 'release: alice.pub';
const SIG_ARTIFACT = 'application/vnd.dev.cosign.artifact.sig.v1+json';
const ATT_ARTIFACT = 'application/vnd.dev.cosign.artifact.att.v1+json';
const OTHER_TYPE = 'application/vnd.example.note';

type Put = (shelf: MemoryShelf, subject: Subject) => unknown;

const bundleLayer = ({ digest }: Subject, mediaType = BUNDLE_TYPE): LayerToPut => ({
  mediaType,
  content: aSignatureBundle(digest, ALICE),
});
const envelopeLayer = ({ digest }: Subject, mediaType = ENVELOPE_LAYER): LayerToPut => ({
  mediaType,
  content: JSON.stringify(anEnvelope(aStatement(digest), ALICE)),
  annotations: { [SIGNATURE]: '' },
});
const payloadLayer = (subject: Subject): LayerToPut => aPayloadLayer(aPayload(subject), ALICE);

describe('a signature is found', () => {
  test.each<[string, Put]>([
    ['in the .sig tag', (shelf, of) => shelf.putArtifact({ tag: sigTagOf(of), layers: [payloadLayer(of)] })],
    ['in the .att tag', (shelf, of) => shelf.putArtifact({ tag: attTagOf(of), layers: [envelopeLayer(of)] })],
    ['in a bundle', (shelf, of) => attach(shelf, of, aSignatureBundle(of.digest, ALICE))],
    [
      'in a referrer of OCI 1.1',
      (shelf, subject) =>
        shelf.putArtifact({ subject, layers: [payloadLayer(subject)], fields: { artifactType: SIG_ARTIFACT } }),
    ],
    [
      'in an attestation of OCI 1.1',
      (shelf, subject) =>
        shelf.putArtifact({ subject, layers: [envelopeLayer(subject)], fields: { artifactType: ATT_ARTIFACT } }),
    ],
    [
      'when only the artifact type says so',
      (shelf, subject) =>
        shelf.putArtifact({
          subject,
          layers: [bundleLayer(subject, OTHER_TYPE)],
          fields: { artifactType: BUNDLE_TYPE },
        }),
    ],
    [
      'when only the type of the configuration says so',
      (shelf, subject) => {
        const config = { mediaType: ATT_ARTIFACT, digest: shelf.putBlob('{}'), size: 2 };
        return shelf.putArtifact({
          subject,
          layers: [envelopeLayer(subject, OTHER_TYPE)],
          fields: { artifactType: OTHER_TYPE, config },
        });
      },
    ],
    [
      'when only the type of a layer says so',
      (shelf, subject) =>
        shelf.putArtifact({
          subject,
          layers: [{ mediaType: OTHER_TYPE, content: 'a note' }, bundleLayer(subject)],
          fields: { artifactType: OTHER_TYPE },
        }),
    ],
    [
      'as an envelope with the type of statements',
      (shelf, subject) =>
        shelf.putArtifact({
          subject,
          layers: [envelopeLayer(subject)],
          fields: { artifactType: 'application/vnd.in-toto+json' },
        }),
    ],
  ])('%s', async (_, put) => {
    const { shelf, subject } = aScene();
    put(shelf, subject);
    expect(vouchers([await onlyFinding(shelf, subject)])).toEqual([RELEASE]);
  });

  test('in every layout at once, by where it was', async () => {
    const { shelf, subject } = aScene();
    const tagged = shelf.putArtifact({
      tag: sigTagOf(subject),
      layers: [payloadLayer(subject), payloadLayer(subject)],
    });
    const attested = shelf.putArtifact({ tag: attTagOf(subject), layers: [envelopeLayer(subject)] });
    const bundle = attach(shelf, subject, aSignatureBundle(subject.digest, ALICE));
    const findings = await findingsOf(shelf, subject);
    expect(findings.map(({ source, manifest }) => [source, manifest])).toEqual([
      [`tag ${sigTagOf(subject)}, layer 1`, tagged],
      [`tag ${attTagOf(subject)}`, attested],
      [`referrer ${bundle}`, bundle],
      [`tag ${sigTagOf(subject)}, layer 2`, tagged],
    ]);
    expect(vouchers(findings)).toEqual([RELEASE, RELEASE, RELEASE, RELEASE]);
  });
});

test('what is no signature of cosign is none of ours', async () => {
  const { shelf, subject } = aScene();
  shelf.putArtifact({
    subject,
    layers: [{ mediaType: 'application/spdx+json', content: '{}' }],
    fields: { artifactType: 'application/spdx+json' },
  });
  shelf.putArtifact({ subject, layers: [], fields: { artifactType: 'application/vnd.cncf.notary.signature' } });
  shelf.putArtifact({
    subject,
    layers: [{ mediaType: 'application/vnd.in-toto+json', content: aStatement(subject.digest) }],
    fields: { artifactType: 'application/vnd.in-toto+json' },
  });
  expect(await findingsOf(shelf, subject)).toEqual([]);
});

describe('what cannot be read', () => {
  const problems: [string, Put, string][] = [
    [
      'a blob that is gone',
      (shelf, of) => (attach(shelf, of, 'gone'), shelf.dropBlob(shelf.putBlob('gone'))),
      'there is no blob',
    ],
    [
      'a manifest without layers',
      (shelf, subject) => shelf.putArtifact({ subject, fields: { artifactType: BUNDLE_TYPE } }),
      'it has no layers',
    ],
    [
      'an index under the .sig tag',
      (shelf, of) => shelf.putManifest(JSON.stringify({ schemaVersion: 2, manifests: [] }), { tag: sigTagOf(of) }),
      'it has no layers',
    ],
    [
      'a bundle over 8 MiB',
      (shelf, of) => attach(shelf, of, new Uint8Array((8 << 20) + 1)),
      'expected at most 8388608 bytes',
    ],
    [
      'a payload over 1 MiB',
      (shelf, of) =>
        shelf.putArtifact({
          tag: sigTagOf(of),
          layers: [{ mediaType: PAYLOAD_LAYER, content: new Uint8Array((1 << 20) + 1) }],
        }),
      'expected at most 1048576 bytes',
    ],
    [
      'an image under the .sig tag',
      (shelf, of) => shelf.putArtifact({ tag: sigTagOf(of), layers: [{ mediaType: OTHER_TYPE, content: 'x' }] }),
      'expected a JSON document',
    ],
    [
      'a blob larger than the manifest says',
      (shelf, subject) =>
        shelf.putArtifact({
          subject,
          fields: {
            artifactType: BUNDLE_TYPE,
            layers: [{ mediaType: BUNDLE_TYPE, digest: shelf.putBlob('x'.repeat(100)), size: 10 }],
          },
        }),
      'expected a blob of at most 10 bytes',
    ],
  ];

  test.each(problems)('such as %s is told, and hides no other', async (_, put, problem) => {
    const { shelf, subject } = aScene();
    put(shelf, subject);
    attach(shelf, subject, aSignatureBundle(subject.digest, ALICE));
    const findings = await findingsOf(shelf, subject);
    expect(findings).toHaveLength(2);
    expect(findings).toContainEqual(
      expect.objectContaining({ isAboutSubject: false, problem: expect.stringContaining(problem), testimonies: [] }),
    );
    expect(vouchers(findings)).toEqual([RELEASE]);
  });

  test('such as one that says it is too large is not even tried', async () => {
    const { shelf, subject } = aScene();
    attach(shelf, subject, new Uint8Array((8 << 20) + 1));
    let reads = 0;
    const watched: Shelf = {
      ...shelf,
      async blob(digest, maxBytes) {
        reads += 1;
        return await shelf.blob(digest, maxBytes);
      },
    };
    expect(await findingsOf(watched, subject)).toHaveLength(1);
    expect(reads).toBe(0);
  });

  test('such as the end of the list is told, and hides neither its beginning nor a tag', async () => {
    const { shelf, subject } = aScene();
    shelf.putArtifact({ tag: sigTagOf(subject), layers: [payloadLayer(subject)] });
    attach(shelf, subject, aSignatureBundle(subject.digest, ALICE));
    const cut: Shelf = {
      ...shelf,
      async *referrers(digest) {
        yield* shelf.referrers(digest);
        throw new Error('database is locked');
      },
    };
    const findings = await findingsOf(cut, subject);
    expect(vouchers(findings)).toEqual([RELEASE, RELEASE]);
    expect(findings.at(-1)).toMatchObject({ source: 'referrers', problem: 'it cannot be read: database is locked' });
  });

  test('such as a manifest on a broken disk is told, and hides no other', async () => {
    const { shelf, subject } = aScene();
    const broken = attach(shelf, subject, 'whatever');
    attach(shelf, subject, aSignatureBundle(subject.digest, ALICE));
    const onBrokenDisk: Shelf = {
      ...shelf,
      async manifest(reference) {
        if ('tag' in reference || reference.digest === broken) throw new Error('EIO: i/o error, read');
        return await shelf.manifest(reference);
      },
    };
    const findings = await findingsOf(onBrokenDisk, subject);
    const problem = 'it cannot be read: EIO: i/o error, read';
    expect(findings.filter((finding) => finding.problem === problem).map(({ source }) => source)).toEqual([
      `tag ${sigTagOf(subject)}`,
      `tag ${attTagOf(subject)}`,
      `referrer ${broken}`,
    ]);
    expect(vouchers(findings)).toEqual([RELEASE]);
  });
});

describe('of very many', () => {
  test('200 junk candidates before a good one hide nothing', async () => {
    const { shelf, subject } = aScene();
    for (let count = 0; count < 200; count += 1) attach(shelf, subject, `junk ${count}`);
    const good = attach(shelf, subject, aSignatureBundle(subject.digest, ALICE));
    const last: Shelf = { ...shelf, referrers: (digest) => withLast(shelf, digest, good) };
    const findings = await findingsOf(last, subject);
    expect(findings).toHaveLength(201);
    expect(findings.at(-1)?.manifest).toBe(good);
    expect(vouchers(findings)).toEqual([RELEASE]);
  });

  test('10,000 referrers end after 2000, and hide no tag', async () => {
    const { shelf, subject } = aScene();
    const one = attach(shelf, subject, aSignatureBundle(subject.digest, MALLORY));
    shelf.putArtifact({ tag: sigTagOf(subject), layers: [payloadLayer(subject)] });
    shelf.putArtifact({ tag: attTagOf(subject), layers: [envelopeLayer(subject)] });
    let listed = 0;
    const flooded: Shelf = {
      ...shelf,
      async *referrers() {
        for (; listed < 10_000; listed += 1) {
          yield { digest: one, mediaType: OTHER_TYPE, artifactType: BUNDLE_TYPE, sizeBytes: 1 };
        }
      },
    };
    const findings = await findingsOf(flooded, subject);
    expect(findings).toHaveLength(2001);
    expect(findings.at(-1)).toMatchObject({ source: 'the rest', problem: 'only 2000 signatures are looked at' });
    expect(vouchers(findings)).toEqual([RELEASE, RELEASE]);
    expect(listed).toBeLessThan(2100);
  });

  test('10,000 referrers that are something else do not hide one that says what it is', async () => {
    const { shelf, subject } = aScene();
    const note = shelf.putArtifact({ subject, layers: [bundleLayer(subject)], fields: { artifactType: OTHER_TYPE } });
    const good = attach(shelf, subject, aSignatureBundle(subject.digest, ALICE));
    let looked = 0;
    const crowded: Shelf = {
      ...shelf,
      async *referrers() {
        for (let count = 0; count < 10_000; count += 1) {
          yield { digest: note, mediaType: OTHER_TYPE, artifactType: OTHER_TYPE, sizeBytes: 1 };
        }
        yield { digest: good, mediaType: OTHER_TYPE, artifactType: BUNDLE_TYPE, sizeBytes: 1 };
      },
      async manifest(reference) {
        looked += 1;
        return await shelf.manifest(reference);
      },
    };
    const [first] = await findingsOf(crowded, subject, []);
    expect(first?.manifest).toBe(good);
    expect(looked).toBeLessThan(1100);
  });

  test('the 1000th layer of a tag counts, the 1001st does not', async () => {
    const { shelf, subject } = aScene();
    const junk = (count: number): LayerToPut[] =>
      Array.from({ length: count }, () => ({ mediaType: PAYLOAD_LAYER, content: 'junk' }));
    shelf.putArtifact({ tag: sigTagOf(subject), layers: [...junk(999), payloadLayer(subject)] });
    expect(vouchers(await findingsOf(shelf, subject))).toEqual([RELEASE]);
    shelf.putArtifact({ tag: sigTagOf(subject), layers: [...junk(1000), payloadLayer(subject)] });
    const findings = await findingsOf(shelf, subject);
    expect(vouchers(findings)).toEqual([]);
    expect(findings.at(-1)?.problem).toBe('only the first 1000 of its 1001 layers are looked at');
  });

  test('large ones end at 128 MiB, and hide no small one', async () => {
    const { shelf, subject } = aScene();
    const large = attach(shelf, subject, new Uint8Array(8 << 20));
    const good = attach(shelf, subject, aSignatureBundle(subject.digest, ALICE));
    let readBytes = 0;
    const heavy: Shelf = {
      ...shelf,
      async *referrers() {
        for (let count = 0; count < 40; count += 1) {
          yield { digest: large, mediaType: OTHER_TYPE, artifactType: BUNDLE_TYPE, sizeBytes: 1 };
        }
        yield { digest: good, mediaType: OTHER_TYPE, artifactType: BUNDLE_TYPE, sizeBytes: 1 };
      },
      async blob(digest, maxBytes) {
        const bytes = await shelf.blob(digest, maxBytes);
        readBytes += bytes.length;
        return bytes;
      },
    };
    const problems: (string | undefined)[] = [];
    for await (const signature of cosign.find(subject, heavy)) problems.push((await signature.check([], 0)).problem);
    expect(problems.filter((problem) => problem === 'not read: there are too many large ones')).toHaveLength(24);
    expect(problems.at(-1)).toBe('there is no root that could vouch for it');
    expect(readBytes).toBeLessThan((128 << 20) + 10_000);
  });

  test('whoever stops looking lets the list go', async () => {
    const { shelf, subject } = aScene();
    for (let count = 0; count < 5; count += 1) attach(shelf, subject, `junk ${count}`);
    let isClosed = false;
    const watched: Shelf = {
      ...shelf,
      async *referrers(digest) {
        try {
          yield* shelf.referrers(digest);
        } finally {
          isClosed = true;
        }
      },
    };
    for await (const signature of cosign.find(subject, watched)) {
      expect(signature.format).toBe('cosign');
      break;
    }
    expect(isClosed).toBe(true);
  });
});

/** The referrers in their order, but for one that comes last. */
async function* withLast(shelf: Shelf, subject: Digest, last: Digest): ReturnType<Shelf['referrers']> {
  const entries = await Array.fromAsync(shelf.referrers(subject));
  yield* entries.filter(({ digest }) => digest !== last);
  yield* entries.filter(({ digest }) => digest === last);
}
