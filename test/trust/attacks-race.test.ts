import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventsBefore } from '#metadata/events.ts';
import { sql } from '#metadata/sql.ts';
import type { Digest } from '#oci/digest.ts';
import { type TestManifest, aManifest, pushBlob } from '#test/support/images.ts';
import { startElsewhere } from '#test/support/people.ts';
import { bundleFor } from '#test/support/signing.ts';
import { type AttackScene, MALLORY, type Place, RELEASE, comesTrue, openAttackScene, placeAt } from './attack-scene.ts';

/*
 * Pushes, signatures and changes of the policy at once, at two processes over the same data, while somebody who only
 * pulls looks all the time.
 */
let scene: AttackScene;
let elsewhere: Awaited<ReturnType<typeof startElsewhere>>;
let viewer: string;
beforeAll(async () => {
  scene = await openAttackScene();
  ({ viewer } = scene);
  await scene.configure({ mode: 'hold' });
  elsewhere = await startElsewhere(scene.gatehouse);
});
afterAll(async () => {
  await elsewhere.stop();
  await scene[Symbol.asyncDispose]();
});

/** A repository as both processes show it. */
function twoDoors(): { here: Place; there: Place } {
  const here = scene.place();
  return { here, there: placeAt(elsewhere.url, here.repository, scene.people) };
}

/** Looks again and again, at both doors, until stopped; returns each answer that differed from the one before it. */
function watching({ here, there }: { here: Place; there: Place }): () => Promise<(Digest | number)[]> {
  let isOver = false;
  const look = async (door: Place): Promise<(Digest | number)[]> => {
    const seen: (Digest | number)[] = [];
    while (!isOver) {
      const now = await door.seen(viewer, '1.0');
      if (now !== seen.at(-1)) seen.push(now);
    }
    return seen;
  };
  const looks = Promise.all([look(here), look(there)]);
  return async () => {
    isOver = true;
    return (await looks).flat();
  };
}

/** The digests that a tag was pushed for, in the order of their transactions. */
async function pushesOf(repository: string): Promise<(string | null)[]> {
  const rows = await eventsBefore(
    scene.people.metadata,
    { kind: 'manifest.push', repository },
    Number.MAX_SAFE_INTEGER,
    100,
  );
  return rows
    .filter(({ reference }) => reference === '1.0')
    .map(({ digest }) => digest)
    .toReversed();
}

/** Has whatever a process left behind judged, as jobs do. */
const settled = async (repository: string): Promise<void> =>
  comesTrue(async () => {
    const rows = await scene.people.metadata.all(sql`
      select digest from verdicts where repository = ${repository} and judge_at <= ${Date.now()} limit 1`);
    return rows.length;
  }, 0);

const ROUNDS = Array.from({ length: 8 }, (_, round) => round);

test.each(ROUNDS)('race of two pushes of a tag and their two signatures, round %i', async (round) => {
  const doors = twoDoors();
  const { here, there } = doors;
  const images = [aManifest(), aManifest()] as const;
  const signatures = images.map((image) => bundleFor(image, RELEASE));
  for (const { blobs } of [...images, ...signatures]) {
    for (const blob of blobs) await pushBlob(scene.gatehouse.url, here.repository, blob);
  }
  const bare = (image: TestManifest): TestManifest => ({ ...image, blobs: [] });
  const stop = watching(doors);
  const acts = [
    () => here.push(bare(images[0]), '1.0'),
    () => there.push(bare(images[1]), '1.0'),
    () => there.push(bare(signatures[0] ?? images[0])),
    () => here.push(bare(signatures[1] ?? images[1])),
  ];
  // Both orders, and those between: a later start for one of them each time.
  const late = acts.splice(round % acts.length, 1);
  const answers = await Promise.all([...acts, ...(round % 2 === 0 ? [] : late)].map((act) => act()));
  if (round % 2 === 0) answers.push(...(await Promise.all(late.map((act) => act()))));
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
  await settled(here.repository);
  const newest = (await pushesOf(here.repository)).at(-1);
  await comesTrue(() => here.seen(viewer, '1.0'), newest);
  const seen = await stop();
  expect(await there.seen(viewer, '1.0')).toBe(newest);
  for (const one of seen) expect([404, images[0].digest, images[1].digest]).toContain(one);
  // Each door by itself never goes back from the newer to the older.
  const older = images.find(({ digest }) => digest !== newest)?.digest;
  expect(seen.join(' ')).not.toContain(`${newest ?? ''} ${older ?? ''}`);
});

test.each(ROUNDS)(
  'race of a signed and an unsigned push of a tag, round %i: nobody sees what is unsigned',
  async (round) => {
    const doors = twoDoors();
    const { here, there } = doors;
    const [old, signed, unsigned] = [aManifest(), aManifest(), aManifest()];
    await here.push(old, '1.0');
    await here.release(old);
    for (const { blobs } of [signed, unsigned]) {
      for (const blob of blobs) await pushBlob(scene.gatehouse.url, here.repository, blob);
    }
    const stop = watching(doors);
    const acts = [
      () => here.push({ ...signed, blobs: [] }, '1.0'),
      () => there.push({ ...unsigned, blobs: [] }, '1.0'),
      () => there.push(bundleFor(signed, RELEASE)),
      () => here.push(bundleFor(unsigned, MALLORY)),
    ];
    const turned = [...acts.slice(round % 4), ...acts.slice(0, round % 4)];
    await Promise.all(turned.map((act) => act()));
    await comesTrue(() => here.seen(viewer, signed.digest), signed.digest);
    await settled(here.repository);
    const seen = await stop();
    for (const one of seen) expect([old.digest, signed.digest]).toContain(one);
    // The newest push counts: signed it is seen by everybody, unsigned it waits.
    const last = (await pushesOf(here.repository)).at(-1);
    expect(await here.seen(scene.editor, '1.0')).toBe(last);
    const waiting = await here.seen(viewer, '1.0');
    expect(last === signed.digest ? [signed.digest] : [old.digest, signed.digest]).toContain(waiting);
  },
);

test('policy toggled off, on, strict and audit, and its key taken and given back, under load', async () => {
  const doors = twoDoors();
  const { here, there } = doors;
  const stop = watching(doors);
  let isOver = false;
  const statuses = new Set<number>();
  const load = async (door: Place): Promise<void> => {
    for (let number = 0; !isOver; number += 1) {
      const image = aManifest();
      statuses.add((await door.push(image, `v${number % 3}`)).status);
      statuses.add((await door.push(bundleFor(image, number % 2 === 0 ? RELEASE : MALLORY))).status);
      statuses.add((await door.ask(viewer, 'GET', `/manifests/v${number % 3}`)).status);
      statuses.add((await door.ask(viewer, 'GET', '/tags/list')).status);
    }
  };
  const loads = [load(here), load(there)];
  const policies = [
    undefined,
    { mode: 'hold' },
    { mode: 'off', pull: 'enforce' },
    { mode: 'strict' },
    { mode: 'audit' },
    { mode: 'hold', pull: 'enforce' },
  ];
  for (const policy of policies) {
    await scene.configure(policy);
    await scene.configure(policy ?? { mode: 'hold' }, [MALLORY]);
  }
  await scene.configure({ mode: 'hold' });
  isOver = true;
  await Promise.all(loads);
  await stop();
  expect([...statuses].filter((status) => status >= 500)).toEqual([]);
  // After all of it the gate does what it is for.
  const [image, unsigned] = [await here.pushNew('1.0'), await here.pushNew('2.0')];
  await here.release(image);
  expect(await here.seen(viewer, '1.0')).toBe(image.digest);
  expect(await here.seen(viewer, '2.0')).toBe(404);
  expect(await here.seen(viewer, unsigned.digest)).toBe(404);
});

test('kill -9 between a signature and its judgement: another process publishes what was left due', async () => {
  const { here, there } = twoDoors();
  const image = await here.pushNew('1.0');
  await here.sign(image, MALLORY);
  await settled(here.repository);
  const signature = bundleFor(image, RELEASE);
  await here.push(signature);
  await comesTrue(() => there.seen(viewer, '1.0'), image.digest);
  // As the rows are when a process dies after its transaction: due, and nobody who was woken.
  await scene.people.metadata.transaction(async (inside) => {
    await inside.all(sql`
      update verdicts set is_satisfied = 0, is_withheld = 1, judge_at = 1 where repository = ${here.repository}`);
    await inside.all(sql`delete from tags where repository = ${here.repository} and name = '1.0'`);
    await inside.all(sql`
      insert into held_tags (repository, name, digest, since, held_by, why, lapses_at)
      values (${here.repository}, '1.0', ${image.digest}, 1, 'test', 'push', ${Date.now() + 60_000})`);
  });
  expect(await there.seen(viewer, image.digest)).toBe(404);
  await expect.poll(() => there.seen(viewer, '1.0'), { timeout: 10_000, interval: 50 }).toBe(image.digest);
});
