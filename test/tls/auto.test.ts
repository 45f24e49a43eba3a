import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventsAfter } from '#metadata/events.ts';
import { findKeys } from '#metadata/keys.ts';
import { openMetadata } from '#metadata/open.ts';
import type { Sql } from '#metadata/sql.ts';
import { DAY_MS } from '#test/support/certificates.ts';
import { openAutoSource } from '#tls/auto.ts';
import type { CertificateSource } from '#tls/source.ts';

const NAMES = ['127.0.0.1', 'localhost'];

let folder: string;
let metadata: Sql;
let now: number;
let said: string[];
const report = { info: (message: string) => void said.push(message), error: () => undefined };
const openOn = (database: Sql, names = NAMES): Promise<CertificateSource> =>
  openAutoSource({ metadata: database, clock: () => now, report }, names);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-tls-'));
  metadata = await openMetadata('sqlite', { path: join(folder, 'gatehouse.sqlite') });
  now = Date.UTC(2030, 0, 1);
  said = [];
});
afterEach(async () => {
  await metadata.close();
  await rm(folder, { recursive: true, force: true });
});

test('the first start makes an authority and a certificate, and says so in the log and in the events', async () => {
  const { certificate, authority = '' } = (await openOn(metadata)).current();
  expect(new X509Certificate(certificate).checkIssued(new X509Certificate(authority))).toBe(true);
  const events = await eventsAfter(metadata, 0, 10);
  expect(events.map(({ kind, actor, detail }) => [kind, actor, JSON.parse(detail ?? '')])).toEqual([
    [
      'key.rotate',
      'system:tls',
      {
        purpose: 'certificate-authority',
        subject: expect.stringMatching(/^CN=Gatehouse CA [0-9a-f]{8}$/),
        fingerprint: new X509Certificate(authority).fingerprint256,
        expiresAt: '2040-01-01T00:00:00.000Z',
      },
    ],
    [
      'key.rotate',
      'system:tls',
      {
        purpose: 'server-certificate',
        subject: 'CN=Gatehouse',
        fingerprint: new X509Certificate(certificate).fingerprint256,
        expiresAt: '2030-04-01T00:00:00.000Z',
      },
    ],
  ]);
  expect(said).toEqual(['made a certificate', 'made a certificate']);
  expect(JSON.stringify(events)).not.toContain('PRIVATE KEY');
});

test('a restart changes nothing', async () => {
  const before = (await openOn(metadata)).current();
  now += 59 * DAY_MS;
  expect((await openOn(metadata)).current()).toEqual(before);
  expect(await eventsAfter(metadata, 0, 10)).toHaveLength(2);
});

test('other names make another certificate of the same authority, and the first is found again', async () => {
  const first = (await openOn(metadata)).current();
  const second = (await openOn(metadata, ['registry.example.com'])).current();
  expect(second.authority).toBe(first.authority);
  expect(new X509Certificate(second.certificate).subjectAltName).toBe('DNS:registry.example.com');
  expect((await openOn(metadata)).current()).toEqual(first);
});

test('a certificate is renewed thirty days before its end, not earlier, by the same authority', async () => {
  const source = await openOn(metadata);
  const before = source.current();
  now += 60 * DAY_MS - 1;
  expect([await source.check(), source.current()]).toEqual([false, before]);
  now += 1;
  expect(await source.check()).toBe(true);
  const after = source.current();
  expect(after.authority).toBe(before.authority);
  expect(new X509Certificate(after.certificate).validToDate.getTime()).toBe(now + 90 * DAY_MS);
  expect(await source.check()).toBe(false);
});

test('what one process renewed, another takes', async () => {
  const [one, other] = [await openOn(metadata), await openOn(metadata)];
  now += 61 * DAY_MS;
  expect([await one.check(), await other.check()]).toEqual([true, true]);
  expect(other.current()).toEqual(one.current());
  expect(await findKeys(metadata, 'server-certificate', now)).toHaveLength(2);
});

test('two that start at once over one database agree', async () => {
  const second = await openMetadata('sqlite', { path: join(folder, 'gatehouse.sqlite') });
  try {
    const sources = await Promise.all([metadata, second, metadata, second].map((database) => openOn(database)));
    expect(new Set(sources.map((source) => source.current().authority)).size).toBe(1);
    expect(new Set(sources.map((source) => source.current().certificate)).size).toBe(1);
    expect(await findKeys(metadata, 'certificate-authority', now)).toHaveLength(1);
    expect(await eventsAfter(metadata, 0, 10)).toHaveLength(2);
  } finally {
    await second.close();
  }
});

test('an authority that would not outlive a new certificate is followed by another', async () => {
  const source = await openOn(metadata);
  now += (3652 - 90 - 50) * DAY_MS;
  await source.check();
  const before = source.current();
  // The certificate itself would hold for another forty days.
  now += 50 * DAY_MS;
  expect(await source.check()).toBe(true);
  const after = source.current();
  expect(after.authority).not.toBe(before.authority);
  expect(new X509Certificate(after.certificate).verify(new X509Certificate(after.authority ?? '').publicKey)).toBe(
    true,
  );
});

test('expired keys are forgotten when new ones are made', async () => {
  const source = await openOn(metadata);
  now += 91 * DAY_MS;
  await source.check();
  expect(await findKeys(metadata, 'server-certificate', 0)).toHaveLength(1);
});
