import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '#oci/digest.ts';
import { IMAGE_MANIFEST } from '#oci/media-type.ts';
import { DAY_MS, HOUR_MS } from '#test/support/certificates.ts';
import type { Subject } from '#trust/format.ts';
import { aStore, failuresOf, look, only, outcomesOf } from '../notary/looks.ts';
import { type MemoryShelf, aShelf } from '../shelf.ts';

const FOLDER = join(import.meta.dirname, '../fixtures/notation');
const file = (name: string): Buffer => readFileSync(join(FOLDER, name));
const certificate = (name: string) => new X509Certificate(file(`${name}.pem`));

const CA = certificate('ca');
const SELFMADE = certificate('selfmade');
const STAMPS = certificate('stamps');
const IMAGE = file('image.manifest');
const SUBJECT: Subject = {
  repository: 'team-a/app',
  digest: digestOf(IMAGE, 'sha256'),
  mediaType: IMAGE_MANIFEST,
  sizeBytes: IMAGE.length,
};
/** Shortly after notation signed: the certificate it made itself is from the same minute. */
const THEN = SELFMADE.validFromDate.getTime() + 5 * 60_000;
/** When every certificate is long over. */
const LATER = THEN + 200 * 365 * DAY_MS;

/** What notation left, as it left it. */
function shelfWith(...names: readonly string[]): MemoryShelf {
  const shelf = aShelf();
  for (const name of names) {
    shelf.putManifest(file(`${name}.manifest`));
    shelf.putBlob(file(`${name}.envelope`));
  }
  return shelf;
}

const found = async (name: string, root: ReturnType<typeof aStore>, at = THEN) =>
  only(await look({ shelf: shelfWith(name), subject: SUBJECT, roots: [root], at }));

describe.each(['jws', 'cose'] as const)('what notation signed in %s', (format) => {
  test.each([
    ['selfmade', SELFMADE, 'CN=selfmade.example,O=Notary,L=Seattle,ST=WA,C=US', 'PS256', 'none'],
    ['rsa', CA, 'CN=alice,O=Example,ST=Bern,C=CH', 'PS384', 'pass'],
    ['rsa-4096', CA, 'CN=carol,O=Example,ST=Bern,C=CH', 'PS512', 'none'],
    ['ec-stamped', CA, 'CN=bob,O=Example,ST=Bern,C=CH', 'ES384', 'none'],
  ])('with its certificate %s passes', async (name, authority, signer, algorithm, expiry) => {
    const finding = await found(`${format}-${name}`, aStore([authority]));
    const testimony = only(finding.testimonies);
    expect(finding).toMatchObject({ isAboutSubject: true, problem: undefined });
    expect(testimony.signer.name).toBe(signer);
    expect(testimony.checks.integrity.why).toBe(`signed with ${algorithm}`);
    const passes = { integrity: 'pass', authenticity: 'pass', timestamp: 'pass', expiry, revocation: 'none' };
    expect(outcomesOf(testimony)).toEqual(passes);
  });

  test('fails for a trust store of others', async () => {
    expect(failuresOf(await found(`${format}-rsa`, aStore([SELFMADE])))).toHaveProperty('authenticity');
  });

  test('for an hour fails after two', async () => {
    const finding = await found(`${format}-rsa`, aStore([CA]), THEN + 2 * HOUR_MS);
    expect(failuresOf(finding)).toEqual({ expiry: expect.stringContaining('the signature expired at') });
  });

  test('with a time stamp outlives its certificates, for whoever believes the authority', async () => {
    const name = `${format}-ec-stamped`;
    const believing = await found(name, aStore([CA], { timeStampAuthorities: [STAMPS] }), LATER);
    expect(failuresOf(believing)).toEqual({});
    expect(only(believing.testimonies).goodUntil).toBeUndefined();
    expect(failuresOf(await found(name, aStore([CA]), LATER))).toHaveProperty('timestamp');
    const others = aStore([CA], { timeStampAuthorities: [CA] });
    expect(failuresOf(await found(name, others, LATER))).toHaveProperty('timestamp');
  });

  test('without a time stamp fails where one is asked for', async () => {
    const root = aStore([CA], { timeStampAuthorities: [STAMPS] });
    expect(failuresOf(await found(`${format}-rsa-4096`, root))).toEqual({
      timestamp: 'there is no time stamp, and the root asks for one',
    });
  });
});

describe('a list that openssl made', () => {
  const list = (name: string) => ({ bytes: file(`${name}.crl`), source: `${name}.crl` });
  const revocationLists = [list('ca'), list('stamps')];

  test('revokes who is on it and nobody else', async () => {
    const root = aStore([CA], { revocationLists });
    expect(failuresOf(await found('jws-rsa', root))).toEqual({ revocation: expect.stringContaining('CN=alice') });
    expect(outcomesOf(only((await found('jws-rsa-4096', root)).testimonies)).revocation).toBe('pass');
  });

  test('revokes who tells the time', async () => {
    const root = aStore([CA], { timeStampAuthorities: [STAMPS], revocationLists });
    expect(failuresOf(await found('cose-ec-stamped', root))).toEqual({
      timestamp: expect.stringContaining('CN=clock'),
    });
  });
});

test('a time stamp of one signature is none of another', async () => {
  const donor = JSON.parse(file('jws-ec-stamped.envelope').toString()) as { header: Record<string, unknown> };
  const taker = JSON.parse(file('jws-rsa-4096.envelope').toString()) as { header: Record<string, unknown> };
  const stamp = 'io.cncf.notary.timestampSignature';
  const content = JSON.stringify({ ...taker, header: { ...taker.header, [stamp]: donor.header[stamp] } });
  const shelf = aShelf();
  shelf.putArtifact({
    subject: SUBJECT,
    layers: [{ mediaType: 'application/jose+json', content }],
    fields: { artifactType: 'application/vnd.cncf.notary.signature' },
  });
  const root = aStore([CA], { timeStampAuthorities: [STAMPS] });
  const finding = only(await look({ shelf, subject: SUBJECT, roots: [root], at: THEN }));
  expect(failuresOf(finding)).toHaveProperty('timestamp');
});

test('all that notation left is found, each by itself', async () => {
  const names = ['jws-rsa', 'cose-rsa', 'jws-selfmade', 'cose-ec-stamped'];
  const findings = await look({ shelf: shelfWith(...names), subject: SUBJECT, roots: [aStore([CA])], at: THEN });
  const authentic = findings.map((finding) => only(finding.testimonies).checks.authenticity.outcome);
  expect(authentic.sort()).toEqual(['fail', 'pass', 'pass', 'pass']);
});
