import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventsBefore } from '#metadata/events.ts';
import { findVerdict } from '#metadata/verdicts.ts';
import { collect } from '#retention/collect.ts';
import { openPruning } from '#retention/prune.ts';
import { EMPTY, part, subjectOf } from '#test/support/attachments.ts';
import { DAY, HOUR } from '#test/support/history.ts';
import { type TestManifest, aBlob, aManifest, anIndex } from '#test/support/images.ts';
import { ORIGIN } from '#test/support/rooms.ts';
import { type WrittenRule, ruleOptions } from '../retention/facts.ts';
import { type GatedRooms, type Process, R, openGatedRooms } from './attack-rooms.ts';
import { MALLORY } from './attack-scene.ts';
import { anEnvelope, expiring } from './notary/envelopes.ts';
import { SIGNATURE_TYPE, named } from './notary/looks.ts';
import { NOW, type Party, aCertificate, anAuthority } from './x509/authority.ts';

/*
 * What time does to what is held, signed and kept: nobody else does anything.
 */
let here: GatedRooms;
beforeEach(async () => {
  here = await openGatedRooms();
});
afterEach(() => here.close());

const events = async (kind: string) =>
  (await eventsBefore(here.rooms.metadata, { kind, repository: R }, Number.MAX_SAFE_INTEGER, 100)).map(
    ({ reference, digest, actor }) => [reference, digest, actor],
  );

/** A signature of notation as a referrer. */
function notationFor(image: TestManifest, chain: readonly Party[], expiry?: number): TestManifest {
  const { digest, mediaType, bytes } = image;
  const subject = { repository: R, digest, mediaType, sizeBytes: bytes.length };
  const header = expiry === undefined ? {} : expiring(expiry);
  const blob = aBlob({ bytes: Buffer.from(anEnvelope('jws', { chain, subject, header })) });
  const fields = {
    artifactType: SIGNATURE_TYPE,
    config: part('application/vnd.oci.empty.v1+json', EMPTY),
    layers: [part('application/jose+json', blob)],
    subject: subjectOf(image),
  };
  return { ...aManifest({ layers: 0, fields }), blobs: [EMPTY, blob] };
}

describe('a signature that expires', () => {
  let now: number;
  let process: Process;
  let chain: Party[];
  beforeEach(async () => {
    now = NOW;
    const authority = await anAuthority();
    chain = [await aCertificate(authority, { ...named('alice'), until: NOW + 2 * HOUR }), authority];
    await writeFile(join(here.rooms.folder, 'corp.pem'), authority.certificate.toString());
    await here.configure({ mode: 'hold', pull: 'enforce', require: { root: 'corp' } });
    process = await here.another({ clock: () => now });
  });

  test.each([
    ['notation expiry edge', NOW + HOUR, NOW + HOUR],
    ['the end of its certificate', undefined, NOW + 2 * HOUR],
  ])('%s: pulls end at that very moment, without any job', async (_name, expiry, end) => {
    const image = aManifest();
    await process.push(image, '1.0');
    await process.push(notationFor(image, chain, expiry));
    expect(await findVerdict(here.rooms.metadata, R, image.digest)).toMatchObject({ isSatisfied: 1 });
    const blob = image.blobs[1]?.digest ?? image.digest;
    const reads = () =>
      Promise.all([
        process.seen('1.0'),
        process.seen(image.digest),
        process.registry.blobs.find(R, blob, 'outsider').then(
          () => image.digest,
          () => undefined,
        ),
      ]);
    const { goodUntil = 0 } = (await findVerdict(here.rooms.metadata, R, image.digest)) ?? {};
    expect(Math.abs(goodUntil - end)).toBeLessThanOrEqual(1000);
    now = goodUntil - 1;
    expect(await reads()).toEqual([image.digest, image.digest, image.digest]);
    now = goodUntil;
    expect(await reads()).toEqual([undefined, undefined, undefined]);
    expect(await process.seen('1.0', 'insider')).toBe(image.digest);
    // Nor does anything pass that is pushed from now on.
    await process.push(image, '1.1');
    expect(await process.seen('1.1')).toBeUndefined();
  });
});

describe('holdFor', () => {
  test('lapse exactly at its end, with its event; what was before stays, and a late signature publishes nothing', async () => {
    let now = Date.now();
    const process = await here.another({ clock: () => now });
    await here.configure({ mode: 'hold', holdFor: '1h' });
    await process.trust.reload();
    const [old, image] = [aManifest(), aManifest()];
    await process.push(old, '1.0');
    await process.sign(old);
    expect(await process.seen('1.0')).toBe(old.digest);
    await process.push(image, '1.0');
    now += HOUR - 1;
    expect(await process.trust.isDue()).toBe(false);
    expect(await process.work()).toMatchObject({ lapsed: 0 });
    expect(await process.seen('1.0', 'insider')).toBe(image.digest);
    now += 1;
    expect(await process.trust.isDue()).toBe(true);
    expect(await process.work()).toMatchObject({ lapsed: 1 });
    expect(await events('tag.lapse')).toEqual([['1.0', image.digest, 'system:gate']]);
    expect(await process.seen('1.0', 'insider')).toBe(old.digest);
    await process.sign(image);
    expect(await process.seen(image.digest)).toBe(image.digest);
    expect(await process.seen('1.0')).toBe(old.digest);
    expect(await process.work()).toMatchObject({ lapsed: 0 });
  });

  test('pushed again it begins again, and an older hold that lapsed takes nothing of the newer one', async () => {
    let now = Date.now();
    const process = await here.another({ clock: () => now });
    const [first, second] = [aManifest(), aManifest()];
    await process.push(first, '1.0');
    now += DAY - 1000;
    await process.push(second, '1.0');
    now += 2000;
    expect(await process.work()).toMatchObject({ lapsed: 0 });
    await process.sign(second);
    expect(await process.seen('1.0')).toBe(second.digest);
  });
});

describe('retention between push and signature', () => {
  const prune = async (...rules: WrittenRule[]) => {
    const { clock, metadata } = here.context;
    const verifiedIn = (repository: string) => here.trust.notUnsignedIn(repository);
    const pruning = openPruning({ metadata, clock, rules: ruleOptions(...rules), maxShare: 1, verifiedIn });
    const { id } = await pruning.plan({ origin: ORIGIN });
    await pruning.apply(id, { origin: ORIGIN, overrideBrake: true });
    await here.trust.judge.settled();
  };
  const isThere = async (digest: TestManifest['digest']) => (await here.seen(digest, 'insider')) !== undefined;

  test('pruning of what is untagged, and collection, leave what a tag is held for, whole', async () => {
    await here.configure({ mode: 'hold', holdFor: '30d' });
    const child = await here.pushNew();
    const index = anIndex([child]);
    await here.push(index, 'multi');
    const [image, loose] = [await here.pushNew('1.0'), await here.pushNew()];
    await here.sign(image, MALLORY);
    for (let day = 0; day < 20; day += 5) {
      here.rooms.advance(5 * DAY);
      await prune({ repositories: '**', deleteUntaggedAfter: '1d' });
      await collect(here.context, { undoWindowMs: HOUR });
    }
    expect(await isThere(loose.digest)).toBe(false);
    for (const one of [image, index]) await here.sign(one);
    expect(await here.seen('1.0')).toBe(image.digest);
    expect(await here.seen('multi')).toBe(index.digest);
    for (const { digest } of [...image.blobs, ...child.blobs]) {
      const { digest: found } = await here.registry.blobs.find(R, digest, 'outsider');
      expect(found).toBe(digest);
    }
  });

  test('keepSigned keeps what is signed and what is not judged yet; deleteUnsignedAfter deletes only the rest', async () => {
    const signed = await here.pushNew();
    await here.sign(signed);
    await here.push(signed, 'signed');
    await here.configure({ mode: 'off' });
    const unsigned = await here.pushNew('unsigned');
    await here.configure({ mode: 'hold' });
    const unjudged = await here.another();
    unjudged.trust.gate.wake = () => undefined;
    await here.configure({ mode: 'audit' });
    await unjudged.trust.reload();
    const waiting = aManifest();
    // Something speaks for it, and nobody has looked at what: it could be the right signature.
    await unjudged.push({ ...notationFor(waiting, [await anAuthority()]) });
    await unjudged.push(waiting, 'waiting');
    here.rooms.advance(10 * DAY);
    await prune({ repositories: '**', deleteUnsignedAfter: '1d', keepSigned: true });
    expect(await isThere(signed.digest)).toBe(true);
    expect(await here.seen('signed', 'insider')).toBe(signed.digest);
    expect(await here.seen('waiting', 'insider')).toBe(waiting.digest);
    expect(await here.seen('unsigned', 'insider')).toBeUndefined();
    expect(unsigned.digest).not.toBe(signed.digest);
  });

  test('a signature is not pruned before what it is for', async () => {
    const image = await here.pushNew('1.0');
    const signature = await here.sign(image);
    here.rooms.advance(30 * DAY);
    await prune({ repositories: '**', deleteUntaggedAfter: '1d' });
    expect(await isThere(signature.digest)).toBe(true);
    expect(await here.seen('1.0')).toBe(image.digest);
  });
});
