import { describe, expect, test } from 'vitest';
import type { Subject } from '#trust/format.ts';
import {
  ALICE,
  SIGNATURE,
  aPayload,
  aPayloadLayer,
  aScene,
  findingsOf,
  onlyFinding,
  sigTagOf,
  vouchers,
} from './cosign-signing.ts';

const RELEASE = 'release: alice.pub';
const OTHER = `sha256:${'0'.repeat(64)}` as const;

describe('a payload of before version 3', () => {
  const refused: [string, (subject: Subject) => string, string][] = [
    ['of another type', (of) => critical(of, { type: 'atomic container signature' }), 'payload: critical.type'],
    ['without a type', (of) => critical(of, { type: undefined }), 'payload: critical.type'],
    ['with more in critical', (of) => critical(of, { more: 1 }), 'payload: critical'],
    ['with more beside critical', (of) => aPayload(of, { more: 1 }), 'payload: document'],
    ['without an identity', (of) => critical(of, { identity: undefined }), 'payload: critical.identity'],
    [
      'with a digest that is a list',
      (of) => critical(of, { image: { 'docker-manifest-digest': [of.digest] } }),
      'payload: critical.image',
    ],
    [
      'whose digest is in another case',
      (of) => critical(of, { image: { 'docker-manifest-digest': of.digest.toUpperCase() } }),
      'about something else',
    ],
    ['with an optional that is a text', (of) => aPayload(of, { optional: 'x' }), 'payload: optional'],
    [
      'that has critical twice',
      (of) => aPayload(of).replace('{', `{"critical":${JSON.stringify({})},`),
      'a member twice: "critical"',
    ],
    [
      'that has the digest twice',
      (of) =>
        aPayload(of).replace(
          '"docker-manifest-digest":',
          `"docker-manifest-digest":"${OTHER}","docker-manifest-digest":`,
        ),
      'a member twice: "docker-manifest-digest"',
    ],
    ['that is truncated', (of) => aPayload(of).slice(0, -5), 'expected a JSON document'],
    ['that is empty', () => '', 'expected a JSON document'],
    ['that is null', () => 'null', 'payload: document'],
    ['that is a list of one', (of) => `[${aPayload(of)}]`, 'payload: document'],
    [
      'of more than 1 MiB',
      (of) => aPayload(of, { optional: { creator: 'x'.repeat(1 << 20) } }),
      'expected at most 1048576 bytes',
    ],
  ];

  test.each(refused)('%s counts for nothing, though well signed', async (_, content, problem) => {
    const { shelf, subject } = aScene();
    shelf.putArtifact({ tag: sigTagOf(subject), layers: [aPayloadLayer(content(subject), ALICE)] });
    expect(await onlyFinding(shelf, subject)).toMatchObject({
      isAboutSubject: false,
      problem: expect.stringContaining(problem),
      testimonies: [],
    });
  });

  test('counts byte for byte as it is stored', async () => {
    const { shelf, subject } = aScene();
    const spaced = aPayload(subject, { optional: { creator: 'cosign', timestamp: 1 } }).replaceAll(':{', ' : {\n');
    const layer = aPayloadLayer(spaced, ALICE);
    shelf.putArtifact({ tag: sigTagOf(subject), layers: [layer, { ...layer, content: `${spaced} ` }] });
    const findings = await findingsOf(shelf, subject);
    expect(findings.map((finding) => vouchers([finding]))).toEqual([[RELEASE], []]);
    expect(findings.map(({ isAboutSubject }) => isAboutSubject)).toEqual([true, true]);
  });

  test('that names no repository has no reference', async () => {
    const { shelf, subject } = aScene();
    const content = critical(subject, { identity: { 'docker-reference': '' } });
    shelf.putArtifact({ tag: sigTagOf(subject), layers: [aPayloadLayer(content, ALICE)] });
    const { testimonies } = await onlyFinding(shelf, subject);
    expect(testimonies.map(({ reference }) => reference)).toEqual([undefined]);
  });

  test.each<[string, unknown]>([
    ['no annotations', undefined],
    ['no signature', {}],
    ['an empty signature', { [SIGNATURE]: '' }],
    ['a signature that is a number', { [SIGNATURE]: 1 }],
    ['a signature that is no base64', { [SIGNATURE]: '!' }],
    ['a signature of 2 KiB', { [SIGNATURE]: Buffer.alloc(2048).toString('base64') }],
  ])('with %s counts for nothing', async (_, annotations) => {
    const { shelf, subject } = aScene();
    const { mediaType, content } = aPayloadLayer(aPayload(subject), ALICE);
    const layer = { mediaType, content, ...(annotations === undefined ? {} : { annotations: annotations as object }) };
    shelf.putArtifact({ tag: sigTagOf(subject), layers: [layer as never] });
    expect(await onlyFinding(shelf, subject)).toMatchObject({
      isAboutSubject: false,
      problem: expect.stringContaining('annotations'),
      testimonies: [],
    });
  });
});

function critical(subject: Subject, fields: object): string {
  const document = JSON.parse(aPayload(subject)) as { critical: object };
  return JSON.stringify({ ...document, critical: { ...document.critical, ...fields } });
}
