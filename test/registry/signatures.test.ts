import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FOR_EVER, findVerdict, insertVerdict, writeVerdict } from '#metadata/verdicts.ts';
import type { Digest } from '#oci/digest.ts';
import { openSignatures } from '#registry/signatures.ts';
import { isCollectionDue } from '#retention/collect.ts';
import { DAY, HOUR, type Playground, aPlayground } from '#test/support/history.ts';
import { aManifest } from '#test/support/images.ts';
import { ORIGIN, type Rooms, openRooms } from '#test/support/rooms.ts';

const REPOSITORY = 'c/r';

let rooms: Rooms;
let here: Playground;
beforeEach(async () => {
  rooms = await openRooms();
  here = aPlayground(rooms);
});
afterEach(() => rooms.close());

const aSignatureOf = (digest: Digest) => ({
  repository: REPOSITORY,
  digest,
  name: `${digest}@${randomBytes(16).toString('hex')}`,
  content: Buffer.concat([Buffer.from([0xc2]), randomBytes(30)]).toString('base64'),
  origin: ORIGIN,
});
const sign = (digest: Digest) => rooms.registry.signatures.add(aSignatureOf(digest));
const count = async (digest: Digest): Promise<number> =>
  (await rooms.registry.signatures.find(REPOSITORY, digest, 'insider')).length;
const remove = (digest: Digest) => rooms.registry.manifests.remove(REPOSITORY, { digest }, ORIGIN);

describe('simple signatures stay', () => {
  it('as long as their manifest', async () => {
    const { digest } = await here.pushNew(REPOSITORY, 'v1');
    await sign(digest);
    rooms.advance(1000 * DAY);
    await here.collect();
    expect(await count(digest)).toBe(1);
  });

  it('as long as their manifest can be restored, and no longer', async () => {
    const { digest } = await here.pushNew(REPOSITORY, 'v1');
    await here.pushNew(REPOSITORY, 'v2');
    await sign(digest);
    await remove(digest);
    rooms.advance(6 * DAY);
    await here.collect();
    expect(await count(digest)).toBe(1);
    await rooms.registry.history.restore(REPOSITORY, { tag: 'v1' }, ORIGIN);
    expect(await count(digest)).toBe(1);
    await remove(digest);
    rooms.advance(8 * DAY);
    await here.collect();
    expect(await count(digest)).toBe(0);
  });

  it('with a manifest that was pushed again', async () => {
    const image = await here.pushNew(REPOSITORY, 'v1');
    await sign(image.digest);
    await remove(image.digest);
    await here.push(REPOSITORY, image, 'v1');
    rooms.advance(8 * DAY);
    await here.collect();
    expect(await count(image.digest)).toBe(1);
  });

  it('until their manifest comes, for as long as it may take', async () => {
    const [awaited, forgotten] = [aManifest(), aManifest()];
    for (const { digest } of [awaited, forgotten]) await sign(digest);
    rooms.advance(23 * HOUR);
    await here.collect();
    expect([await count(awaited.digest), await count(forgotten.digest)]).toEqual([1, 1]);
    await here.push(REPOSITORY, awaited, 'v1');
    rooms.advance(2 * HOUR);
    expect(await isCollectionDue(rooms.context, { undoWindowMs: 7 * DAY })).toBe(true);
    await here.collect();
    expect([await count(awaited.digest), await count(forgotten.digest)]).toEqual([1, 0]);
  });

  it('in one repository when they go in another', async () => {
    const image = await here.pushNew(REPOSITORY, 'v1');
    await here.push('c/other', image, 'v1');
    await sign(image.digest);
    await rooms.registry.manifests.remove('c/other', { digest: image.digest }, ORIGIN);
    rooms.advance(8 * DAY);
    await here.collect();
    expect(await count(image.digest)).toBe(1);
  });

  it('for those that came while the manifest was away', async () => {
    const { digest } = await here.pushNew(REPOSITORY, 'v1');
    await remove(digest);
    await sign(digest);
    rooms.advance(2 * DAY);
    await here.collect();
    expect(await count(digest)).toBe(1);
    rooms.advance(6 * DAY);
    await here.collect();
    expect(await count(digest)).toBe(0);
  });
});

describe('a signature that comes', () => {
  it('has its manifest judged again at once, and what was found of it stands until then', async () => {
    const { digest } = await here.pushNew(REPOSITORY, 'v1');
    await rooms.metadata.transaction(async (inside) => {
      const row = { repository: REPOSITORY, digest, policy: 'p1', isWithheld: false, summary: '', judgedAt: 1 };
      await insertVerdict(inside, { ...row, judgeAt: null });
      const judged = { ...row, isSatisfied: true, via: null, goodUntil: FOR_EVER, evidence: null, judgeAt: null };
      await writeVerdict(inside, judged);
    });
    const before = await findVerdict(rooms.metadata, REPOSITORY, digest);
    await sign(digest);
    const after = await findVerdict(rooms.metadata, REPOSITORY, digest);
    expect(after).toEqual({ ...before, judgeAt: expect.any(Number) });
    expect(after?.judgeAt ?? FOR_EVER).toBeLessThanOrEqual(rooms.context.clock());
  });

  it('wakes the gate once it is there, and not when it is refused', async () => {
    const seen: number[] = [];
    const { digest } = aManifest();
    const signature = aSignatureOf(digest);
    let told = 0;
    const gate = { ...rooms.context.gate, wake: () => void (told += 1) };
    const signatures = openSignatures({ ...rooms.context, gate });
    for (const one of [signature, signature, { ...signature, content: '' }]) {
      await signatures.add(one).catch(() => undefined);
      seen.push(told);
    }
    expect(seen).toEqual([1, 1, 1]);
    expect(await count(digest)).toBe(1);
  });
});
