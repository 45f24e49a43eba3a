import { expect, test } from 'vitest';
import { Turnstile, TurnstileFull } from '#base/turnstile.ts';

test('lets no more in than it has places, in the order they asked', async () => {
  const turnstile = new Turnstile(2);
  const started: number[] = [];
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const runs = gates.map((gate, index) =>
    turnstile.run(async () => {
      started.push(index);
      await gate.promise;
      return index;
    }),
  );
  await settle();
  expect(started).toEqual([0, 1]);
  gates[1]?.resolve();
  await settle();
  expect(started).toEqual([0, 1, 2]);
  // The place was handed on, not freed: whoever comes now waits behind the others.
  const latecomer = turnstile.run(async () => {
    started.push(5);
  });
  await settle();
  expect(started).toEqual([0, 1, 2]);
  for (const gate of gates) gate.resolve();
  expect(await Promise.all(runs)).toEqual([0, 1, 2, 3, 4]);
  await latecomer;
  expect(started).toEqual([0, 1, 2, 3, 4, 5]);
});

test('takes the next in when someone fails', async () => {
  const turnstile = new Turnstile(1);
  const failing = turnstile.run(() => Promise.reject(new Error('no')));
  const next = turnstile.run(() => Promise.resolve('in'));
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('in');
  expect(await turnstile.run(() => Promise.resolve('again'))).toBe('again');
});

test('turns away whom the line has no place for, and no one else', async () => {
  const turnstile = new Turnstile(1, { waitingMax: 2 });
  const gate = Promise.withResolvers<void>();
  const ran: string[] = [];
  const enter = (name: string): Promise<void> =>
    turnstile.run(async () => {
      ran.push(name);
      await gate.promise;
    });
  const admitted = [enter('inside'), enter('first in line'), enter('second in line')];
  await expect(enter('one too many')).rejects.toThrow(new TurnstileFull(2));
  gate.resolve();
  await Promise.all(admitted);
  // The line is short again, and its place was not lost.
  await enter('later');
  expect(ran).toEqual(['inside', 'first in line', 'second in line', 'later']);
});

/** Lets everything run that waits for nothing but its turn. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
