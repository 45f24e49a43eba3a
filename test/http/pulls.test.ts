import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sql } from '#metadata/sql.ts';
import type { Digest } from '#oci/digest.ts';
import { type Call, call } from '#test/support/client.ts';
import { type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { aBlob, aManifest, pushBlob, pushImage } from '#test/support/images.ts';
import { type People, as, openPeople, startElsewhere } from '#test/support/people.ts';

const R = 'team-a/app';

let gatehouse: Gatehouse;
let people: People;
let digest: Digest;
beforeAll(async () => {
  gatehouse = await startGatehouse({
    retention: {
      pulls: { ignore: ['robot+scan*'] },
      rules: [{ repositories: 'old/**', keepMostRecent: 1 }],
      collection: { schedule: '* * * * * *' },
    },
  });
  people = await openPeople(gatehouse);
  const image = aManifest();
  digest = image.digest;
  for (const tag of ['v1', 'v2', 'v3']) await pushImage(gatehouse.url, R, image, tag);
});
afterAll(async () => {
  await people[Symbol.asyncDispose]();
  await gatehouse.stop();
});

const post = (path: string, body: object): Promise<{ status: number; json: unknown }> =>
  call(gatehouse.url, {
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

/** What is written down of pulls; making a plan has the server write what it remembers. */
async function pulls(): Promise<string[]> {
  await post('/api/v1/prune/plans', {});
  const rows = await people.metadata.all<{ tag: string }>(sql`select tag as "tag" from pulls order by tag`);
  await people.metadata.transaction((inside) => inside.all(sql`delete from pulls`));
  return rows.map(({ tag }) => tag);
}

const manifest = (reference: string, more: Partial<Call> = {}): Promise<unknown> =>
  call(gatehouse.url, { method: 'GET', path: `/v2/${R}/manifests/${reference}`, ...more });

describe('a pull', () => {
  it('counts when a manifest is sent in full, by its tag or its digest', async () => {
    const viewer = await people.robot('viewer', [`registry-viewer ${R}`]);
    await manifest('v1', as(viewer));
    await manifest('v1', as(viewer));
    await manifest(digest, as(viewer));
    expect(await pulls()).toEqual(['', 'v1']);
  });

  it('is not what signers, scanners, HEAD and those who hold it already ask for', async () => {
    const signer = await people.robot('signer', [`registry-signer ${R}`]);
    const scanner = await people.robot('scanner', [`registry-viewer ${R}`]);
    const stranger = await people.robot('stranger', ['registry-viewer team-b/']);
    await manifest('v2', as(signer));
    await manifest('v2', as(scanner));
    await manifest('v2', as(stranger));
    await manifest('v2', { method: 'HEAD' });
    await manifest('v2', { headers: { 'if-none-match': `"${digest}"` } });
    expect(await pulls()).toEqual([]);
    // Whoever may push as well is no mere signer.
    await manifest('v2');
    expect(await pulls()).toEqual(['v2']);
  });

  it('is written down before a server ends', async () => {
    const other = await startElsewhere(gatehouse);
    await call(other.url, { method: 'GET', path: `/v2/${R}/manifests/v3` });
    await other.stop();
    expect(await pulls()).toEqual(['v3']);
  });
});

describe('/metrics', () => {
  const metrics = async (): Promise<string> =>
    (await call(gatehouse.url, { method: 'GET', path: '/metrics', anonymous: true })).text;

  it('tells what pruning came to', async () => {
    for (const tag of ['v1', 'v2']) await pushImage(gatehouse.url, 'old/app', aManifest(), tag);
    const { json } = await post('/api/v1/prune/plans', {});
    const confirm = `/api/v1/prune/plans/${Object(json).id}/confirm`;
    for (const tag of ['v3', 'v4']) await pushImage(gatehouse.url, 'old/app', aManifest(), tag);
    expect((await post(confirm, {})).status).toBe(200);
    expect(await metrics()).toContain('gatehouse_prune_items_total{outcome="deleted"} 1\n');
    const stopped = Object((await post('/api/v1/prune/plans', {})).json).id;
    await post(`/api/v1/prune/plans/${stopped}/confirm`, {});
    expect(await metrics()).toContain('gatehouse_prune_stops_total 1\n');
  });

  it('tells what collection has before it, and gave back', async () => {
    const blob = aBlob();
    await pushBlob(gatehouse.url, R, blob);
    await vi.waitFor(async () => {
      expect(await metrics()).toMatch(/^gatehouse_collection_candidates\{state="waiting"\} [1-9]/m);
    }, 5000);
    await people.metadata.transaction((inside) =>
      inside.all(sql`update link_reviews set review_after = 1000 where digest = ${blob.digest}`),
    );
    await people.metadata.transaction((inside) =>
      inside.all(sql`update blob_reviews set review_after = 1000 where digest = ${blob.digest}`),
    );
    await vi.waitFor(async () => {
      expect(await metrics()).toContain('gatehouse_collection_objects_removed_total 1\n');
    }, 5000);
    expect(await metrics()).toContain(`gatehouse_collection_bytes_freed_total ${blob.bytes.length}\n`);
    expect(await metrics()).toMatch(/^gatehouse_collection_oldest_due_seconds 0$/m);
    expect(await metrics()).toMatch(/^gatehouse_collection_candidates\{state="due"\} 0$/m);
  }, 15_000);
});
