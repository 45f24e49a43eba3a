import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IMAGE_INDEX } from '#oci/media-type.ts';
import { type Answer, call, codesOf } from '#test/support/client.ts';
import { type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import {
  type TestManifest,
  aBlob,
  aManifest,
  anIndex,
  pushBlob,
  pushImage,
  putManifest,
} from '#test/support/images.ts';

let gatehouse: Gatehouse;
let url: string;
let image: TestManifest;
beforeAll(async () => {
  gatehouse = await startGatehouse();
  url = gatehouse.url;
  image = aManifest({ layers: 0 });
});
afterAll(() => gatehouse.stop());

const get = (path: string) => call(url, { method: 'GET', path });
const next = (answer: Answer): string | undefined =>
  /^<(.+)>; rel="next"$/.exec(String(answer.headers.link ?? ''))?.[1];
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Every page from the first on, following the links and nothing else. */
async function walk(path: string): Promise<{ pages: Record<string, string[]>[]; answers: Answer[] }> {
  const pages: Record<string, string[]>[] = [];
  const answers: Answer[] = [];
  for (let link: string | undefined = path; link !== undefined; link = next(answers.at(-1) as Answer)) {
    const answer = await get(link);
    expect(answer.status).toBe(200);
    answers.push(answer);
    pages.push(answer.json as Record<string, string[]>);
  }
  return { pages, answers };
}

async function tagAll(repository: string, tags: readonly string[]): Promise<void> {
  for (const blob of image.blobs) await pushBlob(url, repository, blob);
  for (let start = 0; start < tags.length; start += 50) {
    const query = tags
      .slice(start, start + 50)
      .map((tag) => `tag=${tag}`)
      .join('&');
    const answer = await putManifest(url, repository, image, `${image.digest}?${query}`);
    expect(answer.status).toBe(201);
  }
}

describe('the tags of a repository', () => {
  it('are in byte order, whatever is a prefix of what, at every page size', async () => {
    const tags = ['a', 'a-1', 'a.1', 'a_1', 'ab', 'A', 'B', '_', '0', '00', 'a0', 'a-', 'Z'];
    await tagAll('l/prefixes', tags);
    const sorted = tags.toSorted(byBytes);
    for (let n = 1; n <= tags.length + 1; n += 1) {
      const { pages } = await walk(`/v2/l/prefixes/tags/list?n=${n}`);
      expect(pages.flatMap((page) => page.tags)).toEqual(sorted);
      expect(pages.every((page) => (page.tags ?? []).length <= n)).toBe(true);
    }
  });

  it('page the same as an array does', async () => {
    const tag = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,4}$/);
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(tag, { minLength: 1, maxLength: 30 }), fc.nat(8), tag, async (tags, n, last) => {
        round += 1;
        await tagAll(`l/property${round}`, tags);
        const answer = await get(`/v2/l/property${round}/tags/list?n=${n}&last=${last}`);
        const after = tags.toSorted(byBytes).filter((name) => byBytes(name, last) > 0);
        expect(answer.json).toEqual({ name: `l/property${round}`, tags: after.slice(0, n) });
        expect(next(answer) !== undefined).toBe(n > 0 && after.length > n);
      }),
      { numRuns: 25 },
    );
  });

  it('are an empty list where there are none, or none after the last', async () => {
    await pushImage(url, 'l/untagged', aManifest());
    for (const path of [
      '/v2/l/untagged/tags/list',
      '/v2/l/prefixes/tags/list?last=zzzz',
      '/v2/l/prefixes/tags/list?n=0',
    ]) {
      const answer = await get(path);
      expect([answer.status, (answer.json as { tags: unknown }).tags, next(answer)]).toEqual([200, [], undefined]);
    }
  });

  it('are unknown where there is no repository', async () => {
    const answer = await get('/v2/l/nowhere/tags/list');
    expect([answer.status, codesOf(answer)]).toEqual([404, ['NAME_UNKNOWN']]);
  });

  it.each(['-1', 'ten', '1.5', '', '99999999999'])('cannot be paged by n=%s', async (n) => {
    const answer = await get(`/v2/l/prefixes/tags/list?n=${n}`);
    expect([answer.status, codesOf(answer)]).toEqual([400, ['UNSUPPORTED']]);
  });
});

describe('the catalog', () => {
  it('is in byte order, at every page size', async () => {
    const names = ['l/cat', 'l/cat/a', 'l/cat-a', 'l/cat.a', 'l/cat0', 'l/cata'];
    const blob = aBlob();
    for (const name of names) await pushBlob(url, name, blob);
    for (const n of [1, 2, 5, 1000]) {
      const { pages } = await walk(`/v2/_catalog?n=${n}`);
      const all = pages.flatMap((page) => page.repositories ?? []);
      expect(all).toEqual(all.toSorted(byBytes));
      expect(all.filter((name) => name.startsWith('l/cat'))).toEqual(names.toSorted(byBytes));
    }
  });
});

describe('the referrers of a manifest', () => {
  const subjectOf = (manifest: TestManifest) => ({
    mediaType: manifest.mediaType,
    digest: manifest.digest,
    size: manifest.bytes.length,
  });
  const sbom = 'application/vnd.example.sbom.v1';
  const signature = 'application/vnd.example.signature.v1';

  it('are an empty index where there are none, even without a repository', async () => {
    for (const repository of ['l/nowhere', 'l/prefixes']) {
      const answer = await get(`/v2/${repository}/referrers/${aBlob().digest}`);
      expect([answer.status, answer.headers['content-type']]).toEqual([200, IMAGE_INDEX]);
      expect(answer.json).toEqual({ schemaVersion: 2, mediaType: IMAGE_INDEX, manifests: [] });
    }
  });

  it('are described as the specification says, and filtered by type', async () => {
    const subject = aManifest();
    await pushImage(url, 'l/referrers', subject, 'v1');
    const typed = aManifest({
      fields: { artifactType: sbom, subject: subjectOf(subject), annotations: { 'org.example.format': 'json' } },
    });
    const untyped = aManifest({ fields: { subject: subjectOf(subject) } });
    const index = anIndex([], { fields: { subject: subjectOf(subject), annotations: { a: 'b' } } });
    const elsewhere = aManifest({ fields: { artifactType: sbom, subject: subjectOf(aManifest()) } });
    for (const manifest of [typed, untyped, index, elsewhere]) await pushImage(url, 'l/referrers', manifest);
    const described = [
      { ...subjectOf(typed), artifactType: sbom, annotations: { 'org.example.format': 'json' } },
      { ...subjectOf(untyped), artifactType: 'application/vnd.oci.image.config.v1+json' },
      { ...subjectOf(index), annotations: { a: 'b' } },
    ].toSorted((a, b) => byBytes(a.digest, b.digest));

    const all = await get(`/v2/l/referrers/referrers/${subject.digest}`);
    expect((all.json as { manifests: unknown }).manifests).toEqual(described);
    expect(all.headers['oci-filters-applied']).toBeUndefined();
    for (const [type, wanted] of [
      [sbom, [typed]],
      [signature, []],
      ['', [index]],
    ] as const) {
      const filtered = await get(
        `/v2/l/referrers/referrers/${subject.digest}?artifactType=${encodeURIComponent(type)}`,
      );
      expect(filtered.headers['oci-filters-applied']).toBe('artifactType');
      const digests = (filtered.json as { manifests: { digest: string }[] }).manifests.map(({ digest }) => digest);
      expect(digests).toEqual(wanted.map(({ digest }) => digest));
    }
  });

  it('come in pages, by number and by size', async () => {
    const subject = aManifest();
    const referrers: string[] = [];
    for (let count = 0; count < 7; count += 1) {
      const large = { note: 'x'.repeat(1_000_000) };
      const referrer = aManifest({
        layers: 0,
        fields: { artifactType: sbom, subject: subjectOf(subject), annotations: large },
      });
      await pushImage(url, 'l/pages', referrer);
      referrers.push(referrer.digest);
    }
    for (const query of ['?n=2', '', `?artifactType=${encodeURIComponent(sbom)}`]) {
      const { pages, answers } = await walk(`/v2/l/pages/referrers/${subject.digest}${query}`);
      const found = pages.flatMap((page) =>
        (page.manifests as unknown as { digest: string }[]).map(({ digest }) => digest),
      );
      expect(found).toEqual(referrers.toSorted(byBytes));
      expect(answers.length).toBeGreaterThan(1);
      for (const answer of answers) expect(answer.bytes.length).toBeLessThanOrEqual(4 * 1024 * 1024 + 1024);
    }
  });

  it('lose one that is deleted, and keep it when its subject is', async () => {
    const subject = aManifest();
    await pushImage(url, 'l/lose', subject);
    const [kept, lost] = [1, 2].map(() => aManifest({ fields: { subject: subjectOf(subject) } })) as [
      TestManifest,
      TestManifest,
    ];
    for (const referrer of [kept, lost]) await pushImage(url, 'l/lose', referrer);
    for (const { digest } of [lost, subject])
      await call(url, { method: 'DELETE', path: `/v2/l/lose/manifests/${digest}` });
    const { json } = await get(`/v2/l/lose/referrers/${subject.digest}`);
    expect((json as { manifests: { digest: string }[] }).manifests.map(({ digest }) => digest)).toEqual([kept.digest]);
  });

  it('are asked for by a digest', async () => {
    expect((await get('/v2/l/pages/referrers/latest')).status).toBe(400);
  });
});
