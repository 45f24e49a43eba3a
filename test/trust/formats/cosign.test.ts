import { X509Certificate, createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { Digest } from '#oci/digest.ts';
import type { Subject } from '#trust/format.ts';
import { certificateOf } from '#trust/sigstore/legacy-certificate.ts';
import { type MemoryShelf, aShelf } from '../shelf.ts';
import { aKeysRoot, findingsOf, hashOf, sigTagOf, vouchers } from './cosign-signing.ts';

const KEYS = ['p256', 'p384', 'p521', 'rsa', 'ed25519'];

interface Fixture {
  readonly subject: Subject;
  readonly tags: Readonly<Record<string, Digest>>;
  readonly manifests: readonly string[];
  readonly blobs: readonly string[];
}

const read = (name: string): Promise<string> =>
  readFile(new URL(`../fixtures/cosign/${name}`, import.meta.url), 'utf8');

/** What the real cosign left; see fixtures/make-cosign.ts. */
async function aFixture(name: string): Promise<{ shelf: MemoryShelf; subject: Subject }> {
  const { subject, tags, manifests, blobs } = JSON.parse(await read(`${name}.json`)) as Fixture;
  const shelf = aShelf();
  for (const content of blobs) shelf.putBlob(content);
  const tagOf = new Map(Object.entries(tags).map(([tag, digest]) => [digest, tag]));
  for (const content of manifests) {
    const tag = tagOf.get(shelf.putManifest(content));
    if (tag !== undefined) shelf.putManifest(content, { tag });
  }
  return { shelf, subject };
}

const rootOf = async (...names: string[]) =>
  aKeysRoot(
    'release',
    Object.fromEntries(
      await Promise.all(
        names.map(async (name) => [`${name}.pub`, createPublicKey(await read(`${name}.pub`))] as const),
      ),
    ),
  );

describe('what the real cosign signs', () => {
  test.each(['bundle', 'legacy'].flatMap((layout) => KEYS.map((key) => [layout, key] as const)))(
    'as %s is held against the key %s, and against others in vain',
    async (layout, key) => {
      const { shelf, subject } = await aFixture(`${layout}-${key}`);
      const all = await rootOf(...KEYS);
      const others = await rootOf(...KEYS.filter((other) => other !== key));
      const findings = await findingsOf(shelf, subject, [all, { ...others, name: 'others' }]);
      expect(vouchers(findings)).toEqual([`release: ${key}.pub`]);
      expect(findings.map(({ isAboutSubject, problem }) => [isAboutSubject, problem])).toEqual([[true, undefined]]);
    },
  );

  test('with version 3 is told whole', async () => {
    const { shelf, subject } = await aFixture('bundle-p256');
    const root = await rootOf('p256');
    const [entry] = await Array.fromAsync(shelf.referrers(subject.digest));
    const spkiHash = hashOf(createPublicKey(await read('p256.pub')));
    expect(await findingsOf(shelf, subject, [root])).toEqual([
      {
        source: `referrer ${entry?.digest}`,
        manifest: entry?.digest,
        isAboutSubject: true,
        problem: undefined,
        testimonies: [
          {
            root: 'release',
            signer: { name: 'p256.pub', ids: [`spki:${spkiHash}`] },
            checks: {
              integrity: { outcome: 'pass', why: 'the signature is over these bytes' },
              authenticity: { outcome: 'pass', why: 'made by a key of this root' },
              timestamp: { outcome: 'none', why: 'a key counts whenever it was used' },
              expiry: { outcome: 'none', why: 'a key does not expire' },
              revocation: { outcome: 'none', why: 'a key is revoked by taking it out of the root' },
            },
            predicateType: undefined,
            reference: undefined,
            goodUntil: undefined,
          },
        ],
      },
    ]);
  });

  test('as two signers under one tag is found as two signatures', async () => {
    const { shelf, subject } = await aFixture('legacy-two-signers');
    const findings = await findingsOf(shelf, subject, [await rootOf(...KEYS)]);
    const tag = `tag ${subject.digest.replace(':', '-')}.sig`;
    expect(findings.map(({ source }) => source)).toEqual([`${tag}, layer 1`, `${tag}, layer 2`]);
    expect(vouchers(findings)).toEqual(['release: p256.pub', 'release: rsa.pub']);
    expect(findings.flatMap(({ testimonies }) => testimonies.map(({ reference }) => reference))).toEqual([
      subject.repository,
      subject.repository,
    ]);
  });

  test('beside a certificate counts for its key, and the certificate is material', async () => {
    const { shelf, subject } = await aFixture('legacy-certificate');
    expect(vouchers(await findingsOf(shelf, subject, [await rootOf('p256')]))).toEqual(['release: p256.pub']);
    const layers = (await shelf.manifest({ tag: sigTagOf(subject) }))?.manifest.layers ?? [];
    const claim = { signature: Buffer.of(1), signed: Buffer.of(2), envelope: undefined };
    const found = certificateOf(layers[0]?.['annotations'], {
      ...claim,
      predicateType: undefined,
      reference: undefined,
    });
    const certificate = new X509Certificate(found !== undefined && 'certificate' in found ? found.certificate : '');
    expect(certificate.subject).toBe('CN=leaf.example.com');
    expect(certificate.publicKey.equals(createPublicKey(await read('p256.pub')))).toBe(true);
  });

  test('in the layout of OCI 1.1 is found through the referrers', async () => {
    const { shelf, subject } = await aFixture('referrer-p256');
    const findings = await findingsOf(shelf, subject, [await rootOf('p256')]);
    expect(findings.map(({ source }) => source)).toEqual([expect.stringMatching(/^referrer sha256:/)]);
    expect(vouchers(findings)).toEqual(['release: p256.pub']);
  });

  test.each(['bundle-attestation', 'legacy-attestation'])('as %s has the type of its predicate', async (name) => {
    const { shelf, subject } = await aFixture(name);
    const findings = await findingsOf(shelf, subject, [await rootOf('p256')]);
    expect(vouchers(findings)).toEqual(['release: p256.pub']);
    expect(findings.flatMap(({ testimonies }) => testimonies.map(({ predicateType }) => predicateType))).toEqual([
      'https://slsa.dev/provenance/v1',
    ]);
  });
});
