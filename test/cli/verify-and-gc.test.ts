import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { gcText } from '../../src/cli/gc.ts';
import { reportText } from '../../src/cli/verify.ts';
import { type Place, gatehouse, start, temporaryPlace } from './process.ts';

test('verify finds nothing wrong in an empty registry', async () => {
  await using place = await temporaryPlace('');
  const { code, stdout, stderr } = await gatehouse(['verify', '--config', place.configFile]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({ checkedObjects: 0, checkedBytes: 0, missing: [], corrupt: [], orphaned: [] });
});

test('verify finds what is corrupt, missing and orphaned, and gc removes what is orphaned', async () => {
  await using place = await temporaryPlace('http: {listen: "127.0.0.1:0"}\n');
  const [changed, gone] = await pushBlobs(place, ['to be changed', 'to be gone']);
  const files = await blobFiles(place);
  writeFileSync(files.find((file) => file.includes(hexOf(changed))) ?? '', 'x be changed');
  rmSync(files.find((file) => file.includes(hexOf(gone))) ?? '');
  const orphan = join(
    place.folder,
    'data/storage/blobs/sha256/00',
    `${'0'.repeat(64)}.11111111-1111-4111-8111-111111111111`,
  );
  mkdirSync(join(orphan, '..'), { recursive: true });
  writeFileSync(orphan, 'orphan');

  const verified = await gatehouse(['verify', '--json', '--config', place.configFile]);
  expect(verified.code).toBe(1);
  const report: unknown = JSON.parse(verified.stdout);
  expect(report).toMatchObject({
    missing: [{ digest: gone, repositories: ['demo'] }],
    corrupt: [{ digest: changed, repositories: ['demo'] }],
    orphaned: [{ sizeBytes: 6 }],
  });

  const gc = (...words: string[]) => gatehouse(['gc', ...words, '--config', place.configFile]);
  const nothing = { forgottenManifests: 0, removedReferrers: 0, unlinkedBlobs: 0, removedObjects: 0, freedBytes: 0 };
  expect(JSON.parse((await gc()).stdout)).toEqual({ dryRun: false, ...nothing });
  const dry: unknown = JSON.parse((await gc('--dry-run', '--orphans', '--minimum-age', '0s')).stdout);
  expect(dry).toMatchObject({ dryRun: true, orphans: [{ sizeBytes: 6 }] });
  expect(await blobFiles(place)).toContain(orphan);
  const wet: unknown = JSON.parse((await gc('--orphans', '--minimum-age', '0s')).stdout);
  expect(wet).toEqual({ ...Object(dry), dryRun: false });
  expect(await blobFiles(place)).not.toContain(orphan);
});

test('the report for people names each finding and what to do', () => {
  const report = {
    checkedObjects: 3,
    checkedBytes: 2048,
    missing: [{ digest: 'sha256:aa', location: 'l', problem: 'not in storage', repositories: ['one', 'two'] }],
    corrupt: [],
    orphaned: [{ location: 'blobs/x', problem: 'no fact speaks of it' }],
  };
  expect(reportText(report)).toBe(`missing  sha256:aa: not in storage
    used by one, two
  → restore these files from a backup, or delete the images that use them and push them again

orphaned  blobs/x: no fact speaks of it
  → nothing uses these bytes; \`gatehouse gc --orphans\` removes them

checked 3 objects, 2 KiB: 1 missing, 0 corrupt, 1 orphaned`);
  expect(reportText({ ...report, missing: [], orphaned: [] })).toBe('checked 3 objects, 2 KiB: all is well');
});

test('what gc did reads as a sentence', () => {
  const report = { forgottenManifests: 1, removedReferrers: 2, unlinkedBlobs: 3, removedObjects: 4, freedBytes: 2048 };
  expect(gcText({ dryRun: true, ...report, orphans: [{ location: 'blobs/x', sizeBytes: 1024 }] })).toBe(
    `would remove 4 objects, 2 KiB
  1 manifests can no longer be restored
  2 manifests went after the one they belonged to
  3 blobs were named by no manifest of their repository
  blobs/x  1 KiB
would remove 1 orphans`,
  );
});

/** Pushes through the real server, and returns the digests. */
async function pushBlobs(place: Place, texts: readonly string[]): Promise<string[]> {
  const password = 'correct horse battery staple';
  const running = start(['serve', '--config', place.configFile], { GATEHOUSE_ADMIN_PASSWORD: password });
  const [, url] = await running.says(/"url":"(http:[^"]+)"/);
  const headers = { Authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}` };
  const digests: string[] = [];
  for (const text of texts) {
    const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
    const answer = await fetch(`${url}/v2/demo/blobs/uploads/?digest=${digest}`, {
      method: 'POST',
      headers,
      body: text,
    });
    expect(answer.status).toBe(201);
    digests.push(digest);
  }
  running.child.kill('SIGTERM');
  await running.outcome;
  return digests;
}

async function blobFiles({ folder }: Place): Promise<string[]> {
  const entries = await readdir(join(folder, 'data/storage/blobs'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

function hexOf(digest: string | undefined): string {
  return digest?.split(':')[1] ?? 'none';
}
