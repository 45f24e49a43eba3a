import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Subject } from '#trust/format.ts';
import { type LayerToPut, aShelf, aSubject } from '../shelf.ts';
import {
  ALICE,
  BUNDLE_TYPE,
  ENVELOPE_LAYER,
  type Found,
  PAYLOAD_LAYER,
  SIGNATURE,
  aBundle,
  aPayload,
  aPayloadLayer,
  aStatement,
  anEnvelope,
  findingsOf,
  sigTagOf,
  vouchers,
} from './cosign-signing.ts';

const SUBJECT = aSubject(aShelf());
const STATEMENT = aStatement(SUBJECT.digest);
const ENVELOPE = anEnvelope(STATEMENT, ALICE);

const GOOD: Readonly<Record<string, LayerToPut>> = {
  payload: aPayloadLayer(aPayload(SUBJECT), ALICE),
  envelope: { mediaType: ENVELOPE_LAYER, content: JSON.stringify(ENVELOPE) },
  bundle: { mediaType: BUNDLE_TYPE, content: aBundle(ENVELOPE) },
};

/** What is made of a layer, whatever it holds. */
async function findingOf(layer: LayerToPut, subject: Subject = SUBJECT): Promise<Found | undefined> {
  const shelf = aShelf();
  shelf.putArtifact({ tag: sigTagOf(subject), layers: [layer] });
  const [finding] = await findingsOf(shelf, subject);
  return finding;
}

const mutation = fc.record({
  at: fc.nat(),
  removed: fc.nat({ max: 8 }),
  inserted: fc.oneof(
    fc.uint8Array({ maxLength: 4 }),
    fc.constantFrom('"', '{', '[', ',', '\\', 'null', '1e999', '{}', '[]').map((text) => Buffer.from(text)),
  ),
});

function mutated(
  content: string | Uint8Array,
  changes: readonly { at: number; removed: number; inserted: Uint8Array }[],
): Buffer {
  let bytes = Buffer.from(content);
  for (const { at, removed, inserted } of changes) {
    const start = at % (bytes.length + 1);
    bytes = Buffer.concat([bytes.subarray(0, start), inserted, bytes.subarray(start + removed)]);
  }
  return bytes;
}

describe.each(Object.entries(GOOD))('one %s', (name, layer) => {
  test('counts when nothing was done to it', async () => {
    expect(vouchers([await findingOf(layer)].filter((finding) => finding !== undefined))).toEqual([
      'release: alice.pub',
    ]);
  });

  test('of any bytes is a finding in words', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 256 }),
          fc.json().map((text) => Buffer.from(text)),
        ),
        async (content) => {
          expect(await findingOf({ ...layer, content })).toMatchObject({
            isAboutSubject: false,
            problem: expect.stringMatching(/^(?!it cannot be judged)./),
            testimonies: [],
          });
        },
      ),
      { numRuns: 300 },
    );
  });

  test('with some bytes changed is a finding in words, or still says what was signed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (changes) => {
        const finding = await findingOf({ ...layer, content: mutated(layer.content, changes) });
        expect(finding?.problem ?? '').not.toContain('it cannot be judged');
        // Members that nobody reads may change around what was signed; what was signed may not.
        const found = finding === undefined || vouchers([finding]).length === 0 ? [] : finding.testimonies;
        expect(found.map(({ predicateType, reference }) => [predicateType, reference])).toEqual(
          found.map(() => [undefined, name === 'payload' ? SUBJECT.repository : undefined]),
        );
        expect(finding?.problem === undefined).toBe(finding?.testimonies.length === 1);
      }),
      { numRuns: 300 },
    );
  });
});

test('annotations of any shape are a finding in words, or of no use', async () => {
  const { content } = GOOD['payload'] ?? { content: '' };
  const names = fc.constantFrom(
    SIGNATURE,
    'dev.sigstore.cosign/certificate',
    'dev.sigstore.cosign/bundle',
    'dev.sigstore.cosign/rfc3161timestamp',
  );
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(names, fc.oneof(fc.jsonValue(), fc.base64String(), fc.json())),
      async (annotations) => {
        const finding = await findingOf({ mediaType: PAYLOAD_LAYER, content, annotations });
        expect(finding?.problem ?? '').not.toContain('it cannot be judged');
        expect(vouchers(finding === undefined ? [] : [finding])).toEqual([]);
      },
    ),
    { numRuns: 300 },
  );
});

test.each([
  ['a million brackets', '['.repeat(1_000_000)],
  ['a million braces', '{"a":'.repeat(1_000_000)],
  ['a million members', `{${Array.from({ length: 600_000 }, (_, at) => `"${at}":0`).join(',')}}`],
  ['a million quotes', '"'.repeat(1_000_000)],
  ['a million backslashes', `"${'\\'.repeat(7_000_000)}`],
  ['a million signatures', JSON.stringify({ payload: 'AAAA', signatures: Array.from({ length: 1_000_000 }, () => 0) })],
  [
    '100,000 subjects',
    aBundle(
      anEnvelope(
        aStatement(SUBJECT.digest, { subject: Array.from({ length: 100_000 }, () => ({ digest: { sha256: 'ab' } })) }),
        ALICE,
      ),
    ),
  ],
])('%s in a bundle end within seconds', async (_, content) => {
  const began = performance.now();
  expect(await findingOf({ mediaType: BUNDLE_TYPE, content })).toMatchObject({
    isAboutSubject: false,
    testimonies: [],
  });
  // A tenth of that on an idle machine; what is quadratic takes minutes.
  expect(performance.now() - began).toBeLessThan(8000);
});
