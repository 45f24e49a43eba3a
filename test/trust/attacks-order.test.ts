import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventsBefore } from '#metadata/events.ts';
import { findVerdict } from '#metadata/verdicts.ts';
import { DAY } from '#test/support/history.ts';
import { type TestManifest, aManifest } from '#test/support/images.ts';
import { pausing } from '#test/support/pausing-store.ts';
import { bundleFor } from '#test/support/signing.ts';
import { type GatedRooms, R, openGatedRooms } from './attack-rooms.ts';
import { MALLORY, RELEASE } from './attack-scene.ts';

/*
 * Acts in an order that nobody expects: of several processes, and of clocks that differ or go wrong.
 */
let here: GatedRooms;
beforeEach(async () => {
  here = await openGatedRooms();
});
afterEach(() => here.close());

const events = async (kind: string) =>
  (await eventsBefore(here.rooms.metadata, { kind, repository: R }, Number.MAX_SAFE_INTEGER, 100)).map(
    ({ reference, digest }) => [reference, digest],
  );

/** An image with somebody else's signature, which is being read when the right one comes. */
async function overtaken({ judgeAheadMs = 0, signAheadMs = 0 }): Promise<TestManifest> {
  const signing = await here.another({ aheadMs: signAheadMs });
  const image = await here.pushNew('1.0');
  await here.sign(image, MALLORY);
  const slow = await here.another({
    aheadMs: judgeAheadMs,
    store: pausing(here.context.store, 'before read', () => signing.push(bundleFor(image, RELEASE))),
  });
  await slow.trust.engine.verify(R, image.digest);
  // What a process left for later, any of them does.
  await here.work();
  return image;
}

describe('two judges of one image', () => {
  test.each([
    ['clocks that agree', {}],
    ['the clock of the signer behind', { signAheadMs: -5000 }],
    ['the clock of the signer ahead', { signAheadMs: 5000 }],
    ['the clock of the slow judge behind', { judgeAheadMs: -5000 }],
    ['the clock of the slow judge ahead', { judgeAheadMs: 5000 }],
  ])('the one that began before the signature came does not have the last word: %s', async (_name, clocks) => {
    await here.configure({ mode: 'hold', pull: 'enforce' });
    const image = await overtaken(clocks);
    here.rooms.advance(10_000);
    await here.work();
    expect(await here.seen('1.0')).toBe(image.digest);
    expect(await findVerdict(here.rooms.metadata, R, image.digest)).toMatchObject({ isSatisfied: 1 });
    expect(await events('image.block')).toEqual([]);
  });

  test('a signature that comes where nobody judges is not forgotten by whoever judges meanwhile', async () => {
    for (const signAheadMs of [-5000, 0, 5000]) {
      const image = await here.pushNew('1.0');
      await here.sign(image, MALLORY);
      const signing = await here.another({ aheadMs: signAheadMs });
      // As if it had been killed after its transaction.
      signing.trust.gate.wake = () => undefined;
      const store = pausing(here.context.store, 'before read', () => signing.push(bundleFor(image, RELEASE)));
      const slow = await here.another({ store });
      await slow.trust.engine.verify(R, image.digest);
      here.rooms.advance(10_000);
      await here.work();
      expect(await here.seen('1.0')).toBe(image.digest);
    }
  });

  test('a signature that is deleted while it is read does not count', async () => {
    const image = await here.pushNew('1.0');
    const signature = aManifest();
    const good = bundleFor(image, RELEASE);
    const other = await here.another();
    const store = pausing(here.context.store, 'before read', () => other.remove(good.digest));
    const slow = await here.another({ store });
    slow.trust.gate.wake = () => undefined;
    await slow.push(good);
    await slow.trust.engine.verify(R, image.digest);
    expect(await here.seen('1.0')).toBeUndefined();
    expect(await here.seen(signature.digest)).toBeUndefined();
  });
});

describe('a policy that goes off', () => {
  test('an older push that is still held never overwrites one that passed meanwhile', async () => {
    const late = await here.another();
    await here.configure({ mode: 'off' });
    // The other process has not looked yet: there it is held.
    const [first, second] = [aManifest(), aManifest()];
    await late.push(first, '1.0');
    expect(await here.seen('1.0')).toBeUndefined();
    await here.push(second, '1.0');
    expect(await here.seen('1.0')).toBe(second.digest);
    await late.trust.reload();
    expect(await here.seen('1.0')).toBe(second.digest);
  });
});

describe('a clock', () => {
  test('that was days ahead and went back: verdicts of the future are judged again', async () => {
    for (const policy of [{ mode: 'hold' }, { mode: 'strict' }, { mode: 'hold', pull: 'enforce' }]) {
      await here.configure(policy);
      const image = aManifest();
      await here.push(image);
      here.rooms.advance(2 * DAY);
      await here.sign(image);
      here.rooms.advance(-2 * DAY);
      await here.push(image, '1.0');
      expect(await here.seen('1.0')).toBe(image.digest);
      const row = await findVerdict(here.rooms.metadata, R, image.digest);
      expect(row?.judgedAt).toBeLessThan(here.context.clock() + 1000);
    }
  });

  test('that was days ahead when the signature came, and went back before anybody judged', async () => {
    const image = await here.pushNew('1.0');
    const ahead = await here.another({ aheadMs: 2 * DAY });
    ahead.trust.gate.wake = () => undefined;
    await ahead.push(bundleFor(image, RELEASE));
    await here.trust.engine.verify(R, image.digest);
    expect(await here.seen('1.0')).toBe(image.digest);
  });

  test('that was days ahead vouches for nothing that was unsigned', async () => {
    const image = await here.pushNew('1.0');
    here.rooms.advance(2 * DAY);
    await here.work();
    here.rooms.advance(-2 * DAY);
    await here.work();
    expect(await here.seen('1.0')).toBeUndefined();
    expect(await here.seen(image.digest)).toBeUndefined();
  });
});
