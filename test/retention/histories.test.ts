import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RegistryError } from '#oci/errors.ts';
import { DAY, HOUR, type Playground, aPlayground, aReferrer } from '#test/support/history.ts';
import { type TestManifest, aManifest, anIndex } from '#test/support/images.ts';
import { ORIGIN, type Rooms, keysOf, openRooms } from '#test/support/rooms.ts';

/*
 * Random histories against a model that knows nothing of queues, graces or transactions: which manifests are there, and
 * where each tag points. Nothing that lives is ever missing; nothing dead stays for ever.
 */
const R = 'p/app';
const TAGS = ['v1', 'v2', 'latest'] as const;
const UNDO = 7 * DAY;

interface Removed {
  readonly at: number;
  readonly tags: readonly string[];
}

/** What should be. */
interface Model {
  readonly images: TestManifest[];
  readonly present: Set<TestManifest>;
  readonly removed: Map<TestManifest, Removed>;
  readonly tags: Map<string, TestManifest>;
  now: number;
}

const ACTS = ['push', 'untag', 'sign', 'index', 'remove', 'restore', 'retag', 'collect', 'hours', 'days'] as const;

interface Step {
  readonly act: (typeof ACTS)[number];
  readonly image: number;
  readonly tag: string;
}

const step: fc.Arbitrary<Step> = fc.record({
  act: fc.constantFrom(...ACTS),
  image: fc.nat(5),
  tag: fc.constantFrom(...TAGS),
});

it('nothing that lives is ever missing, and nothing dead stays for ever', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const rooms = await openRooms();
      try {
        const here = aPlayground(rooms);
        const model: Model = { images: [], present: new Set(), removed: new Map(), tags: new Map(), now: 0 };
        for (const one of steps) {
          await take(one, { rooms, here, model });
          await compare(here, rooms, model);
        }
        await untilQuiet(rooms, here, model);
        await compare(here, rooms, model);
        const needed = new Set(
          [...model.present].flatMap(({ digest, blobs }) => [digest, ...blobs.map((blob) => blob.digest)]),
        );
        expect(await keysOf(rooms, 'blobs/')).toHaveLength(needed.size);
      } finally {
        await rooms.close();
      }
    }),
    { numRuns: Number(process.env['GATEHOUSE_HISTORIES'] ?? 12), endOnFailure: false },
  );
}, 420_000);

interface World {
  readonly rooms: Rooms;
  readonly here: Playground;
  readonly model: Model;
}

async function take({ act, image: index, tag }: Step, { rooms, here, model }: World): Promise<void> {
  const image = model.images[index % Math.max(model.images.length, 1)];
  const arrive = async (pushed: TestManifest, name?: string): Promise<void> => {
    // Two indexes over the same image are one and the same.
    const known = model.images.find(({ digest }) => digest === pushed.digest) ?? pushed;
    await here.push(R, known, name);
    if (known === pushed) model.images.push(known);
    model.present.add(known);
    model.removed.delete(known);
    if (name !== undefined) model.tags.set(name, known);
  };
  switch (act) {
    case 'push':
      return await arrive(aManifest({ layers: 1 }), tag);
    case 'retag':
      return image === undefined ? undefined : await pushAgain(image, tag, { rooms, here, model });
    case 'sign':
      return image === undefined ? undefined : await arrive(aReferrer(image));
    case 'index':
      return image !== undefined && model.present.has(image) ? await arrive(anIndex([image])) : undefined;
    case 'untag':
      model.tags.delete(tag);
      return await tolerant(() => rooms.registry.manifests.remove(R, { tag }, ORIGIN));
    case 'remove':
      return image === undefined ? undefined : await remove(image, { rooms, here, model });
    case 'restore':
      return image === undefined ? undefined : await restore(image, { rooms, here, model });
    case 'collect':
      return await collected(here, model);
    case 'hours':
    case 'days':
      model.now += act === 'hours' ? 5 * HOUR : 3 * DAY;
      return rooms.advance(act === 'hours' ? 5 * HOUR : 3 * DAY);
  }
}

/** An index may have lost its children; everything else can always be pushed again. */
async function pushAgain(image: TestManifest, tag: string, { here, model }: World): Promise<void> {
  try {
    await here.push(R, image, tag);
  } catch (error) {
    if (isRefusal(error)) return;
    throw error;
  }
  model.present.add(image);
  model.removed.delete(image);
  model.tags.set(tag, image);
}

async function remove(image: TestManifest, { rooms, model }: World): Promise<void> {
  try {
    await rooms.registry.manifests.remove(R, { digest: image.digest }, ORIGIN);
  } catch (error) {
    if (isRefusal(error)) return;
    throw error;
  }
  const tags = [...model.tags].filter(([, target]) => target === image).map(([name]) => name);
  for (const name of tags) model.tags.delete(name);
  model.present.delete(image);
  model.removed.set(image, { at: model.now, tags });
}

/** What the registry says came back is taken over; that it lives from then on is what is held against it. */
async function restore(image: TestManifest, { rooms, model }: World): Promise<void> {
  let restored: Awaited<ReturnType<typeof rooms.registry.history.restore>>;
  try {
    restored = await rooms.registry.history.restore(R, { digest: image.digest }, ORIGIN);
  } catch (error) {
    if (isRefusal(error)) return;
    throw error;
  }
  expect(model.removed.has(image)).toBe(true);
  for (const one of model.images.filter(({ digest }) => restored.manifests.includes(digest))) {
    model.present.add(one);
    model.removed.delete(one);
  }
  expect(model.present.has(image)).toBe(true);
  for (const name of restored.tags) model.tags.set(name, image);
}

/** Collection takes from what is there only what belongs to a manifest that is not. */
async function collected(here: Playground, model: Model): Promise<void> {
  await here.collect(UNDO);
  for (const image of model.images) {
    if (!model.present.has(image) || (await here.has(R, image.digest))) continue;
    expect(isTaggedOrListed(image, model)).toBe(false);
    const subject = subjectOf(image);
    expect(model.images.some((one) => one.digest === subject && model.present.has(one))).toBe(false);
    model.present.delete(image);
    model.removed.set(image, { at: model.now, tags: [] });
  }
}

function subjectOf({ bytes }: TestManifest): string | undefined {
  const document: { subject?: { digest: string } } = JSON.parse(bytes.toString());
  return document.subject?.digest;
}

function isTaggedOrListed(image: TestManifest, { tags, present }: Model): boolean {
  const isListed = [...present].some(
    (one) => one !== image && one.blobs.length === 0 && one.bytes.includes(image.digest),
  );
  return isListed || [...tags.values()].includes(image);
}

async function compare(here: Playground, rooms: Rooms, model: Model): Promise<void> {
  for (const image of model.present) expect(await here.isWhole(R, image)).toBe(true);
  for (const image of model.removed.keys()) expect(await here.has(R, image.digest)).toBe(false);
  const { entries } = await rooms.registry.listings
    .tags(R, { after: '', limit: 100 }, 'outsider')
    .catch(() => ({ entries: [] as readonly string[] }));
  expect(entries).toEqual([...model.tags.keys()].toSorted());
  for (const [tag, image] of model.tags) {
    expect((await rooms.registry.manifests.find(R, { tag }, 'outsider')).digest).toBe(image.digest);
  }
}

async function untilQuiet(rooms: Rooms, here: Playground, model: Model): Promise<void> {
  for (let round = 0; round < 4; round += 1) {
    rooms.advance(30 * DAY);
    model.now += 30 * DAY;
    await collected(here, model);
  }
}

async function tolerant(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof RegistryError || (error instanceof Error && error.name === 'RegistryErrors');
}
