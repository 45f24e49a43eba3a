import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventsAfter } from '#metadata/events.ts';
import { DAY, HOUR, type Playground, aPlayground, aReferrer } from '#test/support/history.ts';
import { anIndex } from '#test/support/images.ts';
import { ORIGIN, type Rooms, openRooms } from '#test/support/rooms.ts';

let rooms: Rooms;
let here: Playground;
beforeEach(async () => {
  rooms = await openRooms();
  here = aPlayground(rooms);
});
afterEach(() => rooms.close());

const R = 'h/app';
const of = (tag: string) => rooms.registry.history.of(R, tag);
const removeTag = (tag: string) => rooms.registry.manifests.remove(R, { tag }, ORIGIN);
const digestOf = async (tag: string) => (await rooms.registry.manifests.find(R, { tag }, 'outsider')).digest;

describe('the history of a tag', () => {
  it('tells what it pointed at, since when, until when, by whom and why', async () => {
    const [one, two] = [await here.pushNew(R, 'v1'), await here.pushNew(R, 'v1')];
    await removeTag('v1');
    const history = await of('v1');
    expect(history).toMatchObject([
      { revision: 2, digest: two.digest, setBy: 'tester', setWhy: 'push', endedBy: 'tester', endedWhy: 'deleted' },
      { revision: 1, digest: one.digest, setBy: 'tester', setWhy: 'push', endedBy: 'tester', endedWhy: 'moved' },
    ]);
    expect(history[1]?.until).toBe(history[0]?.since);
  });

  it('does not grow by pushing the same again', async () => {
    const image = await here.pushNew(R, 'v1');
    await here.push(R, image, 'v1');
    expect(await of('v1')).toHaveLength(1);
  });

  it('is not there for a tag that never was', async () => {
    await expect(of('never')).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' });
  });
});

describe('rolling back', () => {
  it('points the tag at what it pointed at before, as a revision of its own', async () => {
    const [one] = [await here.pushNew(R, 'v1'), await here.pushNew(R, 'v1')];
    await rooms.registry.history.rollBack({ repository: R, name: 'v1', revision: 1 }, ORIGIN);
    expect(await digestOf('v1')).toBe(one.digest);
    expect((await of('v1')).map(({ revision, setWhy }) => [revision, setWhy])).toEqual([
      [3, 'rollback'],
      [2, 'push'],
      [1, 'push'],
    ]);
  });

  it('brings back what it pointed at if that was deleted', async () => {
    const [one] = [await here.pushNew(R, 'v1'), await here.pushNew(R, 'v1')];
    await rooms.registry.manifests.remove(R, { digest: one.digest }, ORIGIN);
    await rooms.registry.history.rollBack({ repository: R, name: 'v1', revision: 1 }, ORIGIN);
    expect(await here.isWhole(R, one)).toBe(true);
  });

  it.each([9, 0])('to revision %d that never was says so', async (revision) => {
    await here.pushNew(R, 'v1');
    await expect(
      rooms.registry.history.rollBack({ repository: R, name: 'v1', revision }, ORIGIN),
    ).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' });
  });

  it('to what is gone for good says so, and moves nothing', async () => {
    const [one, two] = [await here.pushNew(R, 'v1'), await here.pushNew(R, 'v1')];
    await rooms.registry.manifests.remove(R, { digest: one.digest }, ORIGIN);
    rooms.advance(8 * DAY);
    await here.collect();
    await expect(
      rooms.registry.history.rollBack({ repository: R, name: 'v1', revision: 1 }, ORIGIN),
    ).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' });
    expect(await digestOf('v1')).toBe(two.digest);
  });
});

describe('restoring', () => {
  it('brings back a tag', async () => {
    const image = await here.pushNew(R, 'v1');
    await removeTag('v1');
    expect(await rooms.registry.history.restore(R, { tag: 'v1' }, ORIGIN)).toEqual({
      digest: image.digest,
      manifests: [],
      tags: ['v1'],
      held: [],
    });
    expect(await digestOf('v1')).toBe(image.digest);
  });

  it('brings back a manifest with the tags it went with, and none that has another meaning since', async () => {
    const image = await here.pushNew(R, 'v1');
    await here.push(R, image, 'v2');
    await here.push(R, image, 'before');
    await removeTag('before');
    rooms.advance(HOUR);
    await rooms.registry.manifests.remove(R, { digest: image.digest }, ORIGIN);
    const other = await here.pushNew(R, 'v2');
    expect(await rooms.registry.history.restore(R, { digest: image.digest }, ORIGIN)).toEqual({
      digest: image.digest,
      manifests: [image.digest],
      tags: ['v1'],
      held: [],
    });
    expect([await digestOf('v1'), await digestOf('v2')]).toEqual([image.digest, other.digest]);
  });

  it('brings back an index with its children and what belongs to any of them', async () => {
    const children = [await here.pushNew(R), await here.pushNew(R)];
    const index = await here.push(R, anIndex(children), 'v1');
    const belonging = [await here.push(R, aReferrer(index)), await here.push(R, aReferrer(children[0] ?? index))];
    for (const { digest } of [index, ...children]) await rooms.registry.manifests.remove(R, { digest }, ORIGIN);
    rooms.advance(25 * HOUR);
    await here.collect();
    for (const one of [index, ...children, ...belonging]) expect(await here.has(R, one.digest)).toBe(false);
    const { manifests } = await rooms.registry.history.restore(R, { tag: 'v1' }, ORIGIN);
    expect(manifests).toHaveLength(5);
    for (const one of [index, ...children, ...belonging]) expect(await here.isWhole(R, one)).toBe(true);
  });

  it('answers 404 meanwhile', async () => {
    const image = await here.pushNew(R, 'v1');
    await rooms.registry.manifests.remove(R, { digest: image.digest }, ORIGIN);
    for (const reference of [{ tag: 'v1' }, { digest: image.digest }] as const) {
      await expect(rooms.registry.manifests.find(R, reference, 'outsider')).rejects.toMatchObject({
        code: 'MANIFEST_UNKNOWN',
      });
    }
  });

  it('refuses what is there, what never was, and what is gone for good', async () => {
    const [there, gone] = [await here.pushNew(R, 'there'), await here.pushNew(R, 'gone')];
    await rooms.registry.manifests.remove(R, { digest: gone.digest }, ORIGIN);
    rooms.advance(8 * DAY);
    await here.collect();
    const restore = (reference: Parameters<typeof rooms.registry.history.restore>[1]) =>
      rooms.registry.history.restore(R, reference, ORIGIN);
    await expect(restore({ tag: 'there' })).rejects.toMatchObject({ code: 'UNSUPPORTED', reason: 'conflict' });
    await expect(restore({ digest: there.digest })).rejects.toMatchObject({ reason: 'conflict' });
    for (const reference of [{ tag: 'never' }, { tag: 'gone' }, { digest: gone.digest }] as const) {
      await expect(restore(reference)).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' });
    }
  });

  it('leaves its events in the trail', async () => {
    const image = await here.pushNew(R, 'v1');
    await rooms.registry.manifests.remove(R, { digest: image.digest }, ORIGIN);
    await rooms.registry.history.restore(R, { digest: image.digest }, ORIGIN);
    const events = await eventsAfter(rooms.metadata, 0, 100);
    expect(events.map(({ kind, reference }) => [kind, reference])).toEqual([
      ['manifest.push', 'v1'],
      ['tag.set', 'v1'],
      ['tag.delete', 'v1'],
      ['manifest.delete', null],
      ['manifest.restore', null],
      ['tag.set', 'v1'],
    ]);
  });
});
