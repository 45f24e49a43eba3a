import { beforeEach, describe, expect, test } from 'vitest';
import { IMAGE_INDEX } from '#oci/media-type.ts';
import type { Shelf, Subject } from '#trust/format.ts';
import { notation } from '#trust/formats/notation.ts';
import type { Root } from '#trust/root.ts';
import { anEnvelope } from '../notary/envelopes.ts';
import { SIGNATURE_TYPE, aStore, isBelieved, look, named, only, putEnvelope } from '../notary/looks.ts';
import { type MemoryShelf, aShelf, aSubject } from '../shelf.ts';
import { NOW, type Party, aCertificate, anAuthority } from '../x509/authority.ts';

let shelf: MemoryShelf;
let subject: Subject;
let ca: Party;
let good: Uint8Array;

beforeEach(async () => {
  shelf = aShelf();
  subject = aSubject(shelf);
  ca = await anAuthority();
  good = anEnvelope('jws', { chain: [await aCertificate(ca), ca], subject });
});

const findings = async (from: Shelf = shelf) =>
  await look({ shelf: from as MemoryShelf, subject, roots: [aStore([ca])] });
const layer = (content: string | Uint8Array, mediaType = 'application/jose+json') => ({ mediaType, content });

describe('a signature of notation is found', () => {
  test('by the artifact type of its manifest', async () => {
    const digest = putEnvelope(shelf, subject, { format: 'jws', content: good });
    const signatures = await Array.fromAsync(notation.find(subject, shelf));
    expect(signatures).toEqual([
      { format: 'notation', source: `referrer ${digest}`, manifest: digest, check: expect.any(Function) },
    ]);
    expect(isBelieved(only(await findings()))).toBe(true);
  });

  test('by the type of its config when there is no artifact type', async () => {
    const config = { mediaType: SIGNATURE_TYPE, digest: shelf.putBlob('{}'), size: 2 };
    shelf.putArtifact({ subject, layers: [layer(good)], fields: { config } });
    expect(isBelieved(only(await findings()))).toBe(true);
  });

  test('among other referrers, which are none', async () => {
    putEnvelope(shelf, subject, { format: 'jws', content: good });
    putEnvelope(shelf, subject, { format: 'jws', content: good, fields: { artifactType: 'application/spdx+json' } });
    putEnvelope(shelf, { ...subject, digest: `sha256:${'1'.repeat(64)}` }, { format: 'jws', content: good });
    expect(await findings()).toHaveLength(1);
  });

  test('as two when it was attached twice, by one and the same signer', async () => {
    putEnvelope(shelf, subject, { format: 'jws', content: good });
    putEnvelope(shelf, subject, { format: 'jws', content: good, fields: { annotations: { again: 'yes' } } });
    const [one, other, ...more] = await findings();
    expect(more).toEqual([]);
    expect(one?.testimonies[0]?.signer.ids).toEqual(other?.testimonies[0]?.signer.ids);
  });

  test('behind 200 that are garbage', async () => {
    for (let at = 0; at < 200; at += 1) putEnvelope(shelf, subject, { format: 'jws', content: `garbage ${at}` });
    putEnvelope(shelf, subject, { format: 'jws', content: good });
    const all = await findings();
    expect([all.length, all.filter(isBelieved).length]).toEqual([201, 1]);
  });

  test('up to a thousand times, and then it is said that there are more', async () => {
    const one = { digest: subject.digest, mediaType: '', artifactType: SIGNATURE_TYPE, sizeBytes: 1 };
    let handedOut = 0;
    const endless: Shelf = {
      ...shelf,
      async *referrers() {
        for (; ; handedOut += 1) yield one;
      },
    };
    const signatures = await Array.fromAsync(notation.find(subject, endless));
    expect(signatures).toHaveLength(1001);
    expect(handedOut).toBe(1000);
    expect(await signatures.at(-1)?.check([aStore([ca])], NOW)).toEqual({
      isAboutSubject: false,
      problem: `${subject.digest} has more than 1000 signatures: the rest is not looked at`,
      testimonies: [],
    });
  });
});

describe('a signature of notation says what is wrong with it, and hides no other, when it', () => {
  const config = () => ({
    mediaType: 'application/vnd.oci.image.config.v1+json',
    digest: shelf.putBlob('{}'),
    size: 2,
  });

  test.each<[string, () => void, string]>([
    [
      'has a config of something',
      () => void putEnvelope(shelf, subject, { format: 'jws', content: good, fields: { config: config() } }),
      'expected a config of application/vnd.oci.empty.v1+json',
    ],
    [
      'has no layer',
      () => void shelf.putArtifact({ subject, fields: { artifactType: SIGNATURE_TYPE } }),
      'expected one layer, found 0',
    ],
    [
      'has two layers',
      () =>
        void shelf.putArtifact({
          subject,
          layers: [layer(good), layer(good)],
          fields: { artifactType: SIGNATURE_TYPE },
        }),
      'expected one layer, found 2',
    ],
    [
      'brings something else',
      () => {
        const fields = { artifactType: SIGNATURE_TYPE };
        shelf.putArtifact({ subject, layers: [layer(good, 'application/spdx+json')], fields });
      },
      'expected an envelope of JWS or COSE, found "application/spdx+json"',
    ],
    [
      'is an index',
      () => {
        const { mediaType, digest, sizeBytes: size } = subject;
        const about = { mediaType, digest, size };
        const index = { schemaVersion: 2, mediaType: IMAGE_INDEX, artifactType: SIGNATURE_TYPE, subject: about };
        shelf.putManifest(JSON.stringify({ ...index, manifests: [] }));
      },
      'expected a manifest of application/vnd.oci.image.manifest.v1+json',
    ],
    [
      'has lost its envelope',
      () => {
        const lost = JSON.stringify({ lost: true });
        putEnvelope(shelf, subject, { format: 'jws', content: lost });
        shelf.dropBlob(shelf.putBlob(lost));
      },
      'there is no blob',
    ],
    [
      'is larger than a mebibyte',
      () => void putEnvelope(shelf, subject, { format: 'jws', content: ' '.repeat(1024 * 1024 + 1) }),
      'expected an envelope of at most 1048576 bytes, found 1048577',
    ],
    [
      'says it is smaller than it is',
      () => {
        const lying = { ...layer(good), digest: shelf.putBlob(good), size: 2 };
        shelf.putArtifact({ subject, fields: { artifactType: SIGNATURE_TYPE, layers: [lying] } });
      },
      'expected an envelope of 2 bytes',
    ],
  ])('%s', async (_, put, words) => {
    put();
    expect(only(await findings())).toEqual({
      isAboutSubject: false,
      problem: expect.stringContaining(words),
      testimonies: [],
    });
    shelf.putArtifact({
      subject,
      layers: [layer(good)],
      fields: { artifactType: SIGNATURE_TYPE, annotations: { good: 'yes' } },
    });
    expect((await findings()).filter(isBelieved)).toHaveLength(1);
  });

  test('is listed as what its manifest does not say it is', async () => {
    putEnvelope(shelf, subject, { format: 'jws', content: good, fields: { artifactType: 'application/spdx+json' } });
    const lying: Shelf = {
      ...shelf,
      async *referrers(of) {
        for await (const one of shelf.referrers(of)) yield { ...one, artifactType: SIGNATURE_TYPE };
      },
    };
    expect(only(await findings(lying)).problem).toContain(`expected the artifact type ${SIGNATURE_TYPE}`);
  });

  test('is in a manifest that is too large, vanished or cannot be read', async () => {
    putEnvelope(shelf, subject, { format: 'jws', content: good });
    const large: Shelf = {
      ...shelf,
      async *referrers(of) {
        for await (const one of shelf.referrers(of)) yield { ...one, sizeBytes: 4 * 1024 * 1024 + 1 };
      },
    };
    expect(only(await findings(large)).problem).toContain('expected a manifest of at most 4194304 bytes');
    expect(only(await findings({ ...shelf, manifest: async () => undefined })).problem).toContain('not there');
    const broken = { ...shelf, blob: () => Promise.reject(new Error('the disk at /srv is gone')) };
    expect(only(await findings(broken)).problem).toBe('it cannot be read');
  });
});

test('a signature of notation is held against every trust store, and only those', async () => {
  putEnvelope(shelf, subject, { format: 'jws', content: good });
  const stranger = await anAuthority(undefined, named('stranger'));
  const keys: Root = { kind: 'keys', name: 'release', version: '1', problem: undefined, keys: [] };
  const signature = only(await Array.fromAsync(notation.find(subject, shelf)));
  const finding = await signature.check([keys, aStore([stranger], { name: 'strangers' }), aStore([ca])], NOW);
  expect(finding.testimonies.map(({ root, checks }) => [root, checks.authenticity.outcome])).toEqual([
    ['strangers', 'fail'],
    ['corp', 'pass'],
  ]);
  expect(await signature.check([keys], NOW)).toEqual({
    isAboutSubject: true,
    problem: 'there is no root of x509 to hold it against',
    testimonies: [],
  });
});
