import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { eventsBefore } from '#metadata/events.ts';
import type { Digest } from '#oci/digest.ts';
import { tagOf } from '#test/support/attachments.ts';
import { type Answer, call, codesOf } from '#test/support/client.ts';
import { type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { type TestManifest, aManifest, anIndex, pushImage } from '#test/support/images.ts';
import { type People, as, openPeople } from '#test/support/people.ts';
import { type TestSigner, aSigner, bundleFor, legacyFor } from '#test/support/signing.ts';

const release = aSigner();
const other = aSigner();

/** Each test has its own. */
let R = 'team-a/app';
let count = 0;
let gatehouse: Gatehouse;
let people: People;
let viewer: string;
let editor: string;
let signer: string;

beforeAll(async () => {
  gatehouse = await startGatehouse();
  people = await openPeople(gatehouse);
  viewer = await people.robot('viewer', ['registry-viewer team-a/']);
  editor = await people.robot('editor', ['registry-editor team-a/']);
  signer = await people.robot('signer', ['registry-signer team-a/']);
});

afterAll(async () => {
  await people[Symbol.asyncDispose]();
  await gatehouse.stop();
});

/** A policy for team-a that asks for the release key, and a repository nobody has used. */
function under(policy: object): void {
  beforeEach(async () => {
    count += 1;
    R = `team-a/app-${count}`;
    await configure(policy);
  });
}

async function configure(policy: object | undefined, keys: readonly TestSigner[] = [release]): Promise<void> {
  const file = join(gatehouse.folder, 'release.pub');
  await writeFile(file, keys.map(({ publicPem }) => publicPem).join(''));
  const config = parse(await readFile(gatehouse.configFile, 'utf8'));
  const policies = policy === undefined ? [] : [{ repositories: 'team-a/**', require: { root: 'release' }, ...policy }];
  config.trust = { roots: { release: { keys: [file] } }, policies };
  await writeFile(gatehouse.configFile, stringify(config));
  await gatehouse.reload();
}

const read = (who: string, reference: string, method = 'GET'): Promise<Answer> =>
  call(gatehouse.url, { method, path: `/v2/${R}/manifests/${reference}`, ...as(who) });

const seen = async (who: string, reference: string): Promise<Digest | number> => {
  const { status, headers } = await read(who, reference);
  return status === 200 ? (String(headers['docker-content-digest']) as Digest) : status;
};

const push = (image: TestManifest, tag?: string): Promise<Answer> => pushImage(gatehouse.url, R, image, tag);

async function sign(image: TestManifest, by: TestSigner = release): Promise<TestManifest> {
  const signature = bundleFor(image, by);
  expect(await push(signature)).toMatchObject({ status: 201 });
  return signature;
}

/** Waits for the judge, who works beside requests. */
const comesTrue = (what: () => Promise<unknown>, value: unknown): Promise<void> =>
  expect.poll(what, { timeout: 5000, interval: 5 }).toEqual(value);

const events = async (kind: string) =>
  (await eventsBefore(people.metadata, { kind, repository: R }, Number.MAX_SAFE_INTEGER, 100)).map(
    ({ reference, digest, actor }) => ({
      reference,
      digest,
      actor,
    }),
  );

describe('hold', () => {
  under({ mode: 'hold' });

  test('a push is taken and seen by those who push or sign there, and by nobody else', async () => {
    const image = aManifest();
    const answer = await push(image, '1.0');
    expect(answer.status).toBe(201);
    expect(answer.headers['warning']).toMatch(/^299 - "1\.0 is held: /);
    for (const who of [editor, signer]) {
      expect(await seen(who, '1.0')).toBe(image.digest);
      expect(await seen(who, image.digest)).toBe(image.digest);
    }
    expect(await seen(viewer, '1.0')).toBe(404);
    expect(await seen(viewer, image.digest)).toBe(404);
    expect(await events('tag.hold')).toEqual([{ reference: '1.0', digest: image.digest, actor: 'admin' }]);
  });

  test('the old image stays until a signature lands, and then there is the new one', async () => {
    const [old, fresh] = [aManifest(), aManifest()];
    await push(old, '1.0');
    await sign(old);
    await comesTrue(() => seen(viewer, '1.0'), old.digest);
    await push(fresh, '1.0');
    expect(await seen(viewer, '1.0')).toBe(old.digest);
    expect(await seen(editor, '1.0')).toBe(fresh.digest);
    await sign(fresh);
    await comesTrue(() => seen(viewer, '1.0'), fresh.digest);
    expect((await events('tag.publish')).map(({ digest }) => digest)).toEqual([fresh.digest, old.digest]);
  });

  test.each([
    ['a referrer', (image: TestManifest) => push(bundleFor(image, release))],
    ['a tag of cosign', (image: TestManifest) => push(legacyFor(image, release), tagOf(image))],
  ])('a signature under %s releases it', async (_name, signing) => {
    const image = aManifest();
    await push(image, '1.0');
    await signing(image);
    await comesTrue(() => seen(viewer, '1.0'), image.digest);
    expect(await seen(viewer, image.digest)).toBe(image.digest);
  });

  test('the signature of somebody else, or of something else, releases nothing', async () => {
    const [image, elsewhere] = [aManifest(), aManifest()];
    await push(image, '1.0');
    await push(elsewhere);
    await sign(image, other);
    await push(bundleFor(image, release, { digest: elsewhere.digest }));
    await push(bundleFor(image, release, { predicateType: 'https://slsa.dev/provenance/v1' }));
    await push(legacyFor(elsewhere, release), tagOf(image));
    await sign(elsewhere);
    await comesTrue(() => seen(viewer, elsewhere.digest), elsewhere.digest);
    expect(await seen(viewer, '1.0')).toBe(404);
  });

  test('an older push that is signed later never overwrites a newer one', async () => {
    const [first, second, third] = [aManifest(), aManifest(), aManifest()];
    await push(first, '1.0');
    await push(second, '1.0');
    await sign(first);
    await comesTrue(() => seen(viewer, first.digest), first.digest);
    expect(await seen(viewer, '1.0')).toBe(404);
    expect(await seen(editor, '1.0')).toBe(second.digest);
    await push(third);
    await sign(third);
    await comesTrue(() => seen(viewer, third.digest), third.digest);
    await push(third, '1.0');
    expect(await seen(viewer, '1.0')).toBe(third.digest);
    await sign(second);
    await comesTrue(() => seen(viewer, second.digest), second.digest);
    expect(await seen(viewer, '1.0')).toBe(third.digest);
  });

  test('a signature that was pushed first lets the push pass at once', async () => {
    const image = aManifest();
    await push(bundleFor(image, release));
    expect(await push(image, '1.0')).toMatchObject({ status: 201 });
    await comesTrue(() => seen(viewer, '1.0'), image.digest);
  });

  test('a signed index shows its children and signatures; signed children show no index', async () => {
    const children = [aManifest(), aManifest()];
    for (const child of children) await push(child);
    const index = anIndex(children);
    await push(index, 'multi');
    for (const child of children) await sign(child);
    await comesTrue(() => seen(viewer, children[1]?.digest ?? ''), children[1]?.digest);
    expect(await seen(viewer, 'multi')).toBe(404);

    const more = [aManifest(), aManifest()];
    for (const child of more) await push(child);
    const signed = anIndex(more);
    await push(signed, 'signed');
    expect(await seen(viewer, more[0]?.digest ?? '')).toBe(404);
    const signature = await sign(signed);
    await comesTrue(() => seen(viewer, 'signed'), signed.digest);
    for (const { digest } of [...more, signature]) expect(await seen(viewer, digest)).toBe(digest);
  });

  test('what could be started is not seen for having the subject, or the tag, of a signature', async () => {
    const image = aManifest();
    await push(image, '1.0');
    await sign(image);
    await comesTrue(() => seen(viewer, '1.0'), image.digest);
    const subject = { mediaType: image.mediaType, digest: image.digest, size: image.bytes.length };
    const attached = aManifest({ fields: { subject } });
    await push(attached);
    const disguised = aManifest();
    await push(disguised, tagOf(image));
    await push(aManifest(), 'later');
    await sign(image);
    expect(await seen(viewer, attached.digest)).toBe(404);
    expect(await seen(viewer, tagOf(image))).toBe(404);
    expect(await seen(editor, tagOf(image))).toBe(disguised.digest);
  });

  test('what is attached to a held image is seen once it is signed itself', async () => {
    const image = aManifest();
    await push(image, '1.0');
    const attached = bundleFor(image, other);
    await push(attached);
    await sign(attached);
    await comesTrue(() => seen(viewer, attached.digest), attached.digest);
    expect(await seen(viewer, image.digest)).toBe(404);
  });

  test('what was released stays so while there is no policy for a time', async () => {
    const image = aManifest();
    await push(image, '1.0');
    const administration = gatehouse.installation.administration(gatehouse.installation.localCaller);
    await administration.trustRelease({ repository: R, tag: '1.0', reason: 'signing is down' });
    await configure(undefined);
    expect(await seen(viewer, '1.0')).toBe(image.digest);
    await configure({ mode: 'hold', pull: 'enforce' });
    expect(await seen(viewer, '1.0')).toBe(image.digest);
  });

  test('a tag that comes back, by rollback or restore, has to pass again', async () => {
    const [unsigned, image] = [aManifest(), aManifest()];
    await configure({ mode: 'off' });
    await push(unsigned, '1.0');
    await configure({ mode: 'hold' });
    expect(await seen(viewer, '1.0')).toBe(unsigned.digest);
    await push(image);
    await sign(image);
    await comesTrue(() => seen(viewer, image.digest), image.digest);
    await push(image, '1.0');
    const administration = gatehouse.installation.administration(gatehouse.installation.localCaller);
    const back = await administration.rollBackTag({ repository: R, tag: '1.0', revision: 1 });
    expect(back).toMatchObject({ tags: [], held: ['1.0'] });
    expect(await seen(viewer, '1.0')).toBe(image.digest);
    await call(gatehouse.url, { method: 'DELETE', path: `/v2/${R}/manifests/${unsigned.digest}` });
    expect(await administration.restore({ repository: R, digest: unsigned.digest })).toMatchObject({ tags: [] });
    expect(await seen(viewer, unsigned.digest)).toBe(404);
  });

  test('deleting a tag deletes what is held of it', async () => {
    const image = aManifest();
    await push(image, '1.0');
    const remove = () => call(gatehouse.url, { method: 'DELETE', path: `/v2/${R}/manifests/1.0`, ...as(editor) });
    expect(await remove()).toMatchObject({ status: 202 });
    expect(await remove()).toMatchObject({ status: 404 });
    await sign(image);
    await comesTrue(() => seen(viewer, image.digest), image.digest);
    expect(await seen(editor, '1.0')).toBe(404);
  });

  test('without the policy nothing is held any more', async () => {
    const image = aManifest();
    await push(image, '1.0');
    await configure(undefined);
    expect(await seen(viewer, '1.0')).toBe(image.digest);
    expect(await seen(viewer, image.digest)).toBe(image.digest);
  });

  test('a key that is added later publishes what it has signed', async () => {
    const image = aManifest();
    await push(image, '1.0');
    await sign(image, other);
    expect(await seen(viewer, '1.0')).toBe(404);
    await configure({ mode: 'hold' }, [release, other]);
    expect(await seen(viewer, '1.0')).toBe(image.digest);
  });

  test('what was there before the policy stays as it was', async () => {
    await configure(undefined);
    const image = aManifest();
    await push(image, '1.0');
    await configure({ mode: 'hold' });
    expect(await seen(viewer, '1.0')).toBe(image.digest);
    expect((await push(image, '1.0')).headers['warning']).toBeUndefined();
    expect(await seen(viewer, '1.0')).toBe(image.digest);
  });
});

describe('covers: none', () => {
  under({ mode: 'hold', covers: 'none' });

  test('each child of an index needs a signature of its own', async () => {
    const [one, two] = [aManifest(), aManifest()];
    for (const child of [one, two]) await push(child);
    const index = anIndex([one, two]);
    await push(index, 'multi');
    await sign(index);
    await sign(one);
    await comesTrue(() => seen(viewer, 'multi'), index.digest);
    await comesTrue(() => seen(viewer, one.digest), one.digest);
    const administration = gatehouse.installation.administration(gatehouse.installation.localCaller);
    await administration.trustVerify({ repository: R, digest: two.digest });
    expect(await seen(viewer, two.digest)).toBe(404);
  });
});

describe('strict', () => {
  under({ mode: 'strict' });

  test('refuses a tag before its digest is signed, and says how; by digest, sign, tag works', async () => {
    const image = aManifest();
    const refused = await push(image, '1.0');
    expect(refused.status).toBe(403);
    expect(codesOf(refused)).toEqual(['DENIED']);
    expect(refused.json).toMatchObject({
      errors: [{ message: expect.stringContaining("sign that (cosign sign --key '<private key of release.pub>'") }],
    });
    expect(refused.text).toContain(image.digest);
    expect(await seen(editor, image.digest)).toBe(404);
    expect(await push(image)).toMatchObject({ status: 201 });
    await sign(image, other);
    expect(await push(image, '1.0')).toMatchObject({ status: 403 });
    await sign(image);
    expect(await push(image, '1.0')).toMatchObject({ status: 201 });
    expect(await seen(viewer, '1.0')).toBe(image.digest);
    expect(await events('tag.hold')).toEqual([]);
  });

  test('takes a tag whose signature was there before the image', async () => {
    const image = aManifest();
    await push(bundleFor(image, release));
    expect(await push(image, '1.0')).toMatchObject({ status: 201 });
    expect(await seen(viewer, '1.0')).toBe(image.digest);
  });
});

describe('audit', () => {
  under({ mode: 'audit' });

  test('lets everything pass, and every pull of what is unsigned is warned of', async () => {
    const image = aManifest();
    expect((await push(image, '1.0')).headers['warning']).toBeUndefined();
    for (const method of ['GET', 'HEAD']) {
      for (const who of [viewer, editor]) {
        expect((await read(who, '1.0', method)).headers['warning']).toMatch(/^299 - "[^"]+"$/);
      }
    }
    await sign(image);
    await comesTrue(async () => (await read(viewer, '1.0')).headers['warning'], undefined);
    expect(await seen(viewer, '1.0')).toBe(image.digest);
  });
});

describe('pull: enforce', () => {
  under({ mode: 'hold', pull: 'enforce' });

  test('what was there before is seen only once it is signed; those who push go on', async () => {
    await configure(undefined);
    const [image, blobOf] = [aManifest(), (one: TestManifest) => one.blobs[1]?.digest ?? ''];
    await push(image, '1.0');
    await configure({ mode: 'off', pull: 'enforce' });
    const blob = (who: string) =>
      call(gatehouse.url, { method: 'HEAD', path: `/v2/${R}/blobs/${blobOf(image)}`, ...as(who) });
    expect(await seen(viewer, '1.0')).toBe(404);
    expect((await read(viewer, image.digest, 'HEAD')).status).toBe(404);
    expect((await blob(viewer)).status).toBe(404);
    expect(await seen(editor, '1.0')).toBe(image.digest);
    expect((await blob(editor)).status).toBe(200);
    await sign(image);
    await comesTrue(() => seen(viewer, '1.0'), image.digest);
    expect((await blob(viewer)).status).toBe(200);
  });

  test('a key that is taken away blocks what it signed, at once', async () => {
    const image = aManifest();
    await push(image, '1.0');
    const signature = await sign(image);
    await comesTrue(() => seen(viewer, '1.0'), image.digest);
    await configure({ mode: 'hold', pull: 'enforce' }, [other]);
    for (const reference of ['1.0', image.digest, signature.digest]) expect(await seen(viewer, reference)).toBe(404);
    expect(await seen(editor, '1.0')).toBe(image.digest);
    expect((await events('image.block')).map(({ digest }) => digest)).toEqual([image.digest]);
    await configure({ mode: 'hold', pull: 'enforce' }, [release]);
    expect(await seen(viewer, '1.0')).toBe(image.digest);
  });

  test.each<[string, (index: TestManifest, signature: TestManifest) => Promise<unknown>]>([
    ['signature', (_, { digest }) => call(gatehouse.url, { method: 'DELETE', path: `/v2/${R}/manifests/${digest}` })],
    ['key', () => configure({ mode: 'hold', pull: 'enforce' }, [other])],
  ])('with the %s of an index its children and what is attached to it are gone at once', async (_, takeAway) => {
    const children = [aManifest(), aManifest()];
    for (const child of children) await push(child);
    const index = anIndex(children);
    await push(index, 'multi');
    const attestation = bundleFor(index, release, { predicateType: 'https://slsa.dev/provenance/v1' });
    await push(attestation);
    const signature = await sign(index);
    await comesTrue(() => seen(viewer, 'multi'), index.digest);
    const all = [...children, attestation, index].map(({ digest }) => digest);
    expect(await Promise.all(all.map((digest) => seen(viewer, digest)))).toEqual(all);
    await takeAway(index, signature);
    expect(await Promise.all(all.map((digest) => seen(viewer, digest)))).toEqual(all.map(() => 404));
  });

  test('a tag of cosign that is deleted vouches for nothing any more', async () => {
    const image = aManifest();
    await push(image, '1.0');
    await push(legacyFor(image, release), tagOf(image));
    await comesTrue(() => seen(viewer, '1.0'), image.digest);
    await call(gatehouse.url, { method: 'DELETE', path: `/v2/${R}/manifests/${tagOf(image)}` });
    expect(await seen(viewer, '1.0')).toBe(404);
  });

  test('a signature that is deleted vouches for nothing any more', async () => {
    const image = aManifest();
    await push(image, '1.0');
    const signature = await sign(image);
    await comesTrue(() => seen(viewer, '1.0'), image.digest);
    await call(gatehouse.url, { method: 'DELETE', path: `/v2/${R}/manifests/${signature.digest}` });
    expect(await seen(viewer, '1.0')).toBe(404);
  });
});
