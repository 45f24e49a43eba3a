import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HOUR_MS, aServerCertificate, anAuthority } from '#test/support/certificates.ts';
import type { KeyPair } from '#tls/authority.ts';
import { openFilesSource } from '#tls/files.ts';
import type { CertificateSource } from '#tls/source.ts';

let folder: string;
let authority: KeyPair;
let said: string[];
const report = {
  info: (message: string) => void said.push(message),
  error: (message: string, error: unknown) => void said.push(`${message}: ${String(error)}`),
};
const files = (): { certificate: string; key: string } => ({
  certificate: join(folder, 'tls.crt'),
  key: join(folder, 'tls.key'),
});
const place = async ({ certificate, privateKey }: { certificate: string; privateKey: string }): Promise<void> => {
  await writeFile(files().certificate, certificate);
  await writeFile(files().key, privateKey);
};
const open = (): Promise<CertificateSource> => openFilesSource(files(), { clock: Date.now, report });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-tls-'));
  authority = await anAuthority();
  said = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** What may lie in the two files that no client would accept, and what is said of it. */
const FAULTS: [string, (good: KeyPair) => Promise<{ certificate: string; privateKey: string }>, string][] = [
  [
    'the key of another certificate',
    async (good) => ({ ...good, privateKey: (await aServerCertificate(authority)).privateKey }),
    'the key does not belong to the first certificate of the certificate file',
  ],
  [
    'an expired certificate',
    () => aServerCertificate(authority, { until: Date.UTC(2020, 0, 1), from: 0 }),
    'the certificate expired on 2020-01-01T00:00:00.000Z',
  ],
  [
    'a certificate of the future',
    () => aServerCertificate(authority, { from: Date.UTC(2090, 0, 1), until: Date.UTC(2091, 0, 1) }),
    'the certificate holds only from 2090-01-01T00:00:00.000Z',
  ],
  [
    'no certificate',
    async (good) => ({ ...good, certificate: 'half a file' }),
    'there is no PEM certificate in the certificate file',
  ],
  [
    'a certificate that is none',
    async (good) => ({ ...good, certificate: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' }),
    'the certificate file holds something that is no certificate',
  ],
  [
    'a key that is none',
    async (good) => ({ ...good, privateKey: good.certificate }),
    'the key file holds no private key in PEM without a passphrase',
  ],
];

describe.each(FAULTS)('%s', (_, make, reason) => {
  test('stops the start with the reason', async () => {
    await place(await make(await aServerCertificate(authority)));
    await expect(open()).rejects.toThrow(
      `cannot serve TLS with http.tls.files: ${reason}; correct the files, or set http.tls.mode to auto`,
    );
  });

  test('is refused as a replacement, said once, and the old one kept', async () => {
    const good = await aServerCertificate(authority);
    await place(good);
    const source = await open();
    await place(await make(good));
    // The first look may have come between the two files.
    for (let look = 0; look < 5; look += 1) expect(await source.check()).toBe(false);
    expect(source.current().certificate).toBe(good.certificate);
    expect(said).toEqual([`refused a new server certificate and kept the old one: Error: ${reason}`]);
  });
});

test('a missing file stops the start with its path', async () => {
  await expect(open()).rejects.toThrow(`there is no file ${files().certificate}; correct the files`);
});

test('a good replacement is taken at the next look, also after a bad one', async () => {
  await place(await aServerCertificate(authority));
  const source = await open();
  await rm(files().key);
  for (let look = 0; look < 3; look += 1) await source.check();
  const better = await aServerCertificate(authority);
  await place(better);
  expect([await source.check(), await source.check()]).toEqual([true, false]);
  expect(source.current().certificate).toBe(better.certificate);
  expect(said).toEqual([
    `refused a new server certificate and kept the old one: Error: there is no file ${files().key}`,
    'took a new server certificate',
  ]);
});

test('a look between the two files says nothing', async () => {
  await place(await aServerCertificate(authority));
  const source = await open();
  const better = await aServerCertificate(authority);
  await writeFile(files().certificate, better.certificate);
  expect(await source.check()).toBe(false);
  await writeFile(files().key, better.privateKey);
  expect(await source.check()).toBe(true);
  expect(said).toEqual(['took a new server certificate']);
});

test('a folder exchanged behind a symbolic link is noticed', async () => {
  const [old, young] = [await aServerCertificate(authority), await aServerCertificate(authority)];
  for (const [name, pair] of Object.entries({ old, young })) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, 'tls.crt'), pair.certificate);
    await writeFile(join(folder, name, 'tls.key'), pair.privateKey);
    await symlink(name, join(folder, `to-${name}`));
  }
  await rename(join(folder, 'to-old'), join(folder, 'now'));
  const source = await openFilesSource(
    { certificate: join(folder, 'now/tls.crt'), key: join(folder, 'now/tls.key') },
    { clock: Date.now, report },
  );
  await rename(join(folder, 'to-young'), join(folder, 'now'));
  expect(await source.check()).toBe(true);
  expect(source.current().certificate).toBe(young.certificate);
});

test('the certificate in use may expire: there is nothing better', async () => {
  await place(await aServerCertificate(authority));
  let ahead = 0;
  const source = await openFilesSource(files(), { clock: () => Date.now() + ahead, report });
  ahead = 2 * HOUR_MS;
  expect([await source.check(), said]).toEqual([false, []]);
});
