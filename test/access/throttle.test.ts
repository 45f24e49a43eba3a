import { describe, expect, test } from 'vitest';
import { AuthenticationError } from '#access/errors.ts';
import { type Throttle, openThrottle } from '#access/throttle.ts';

/** A throttle whose waits are written down instead of waited for. */
function aThrottle(): { throttle: Throttle; waits: number[] } {
  const waits: number[] = [];
  const throttle = openThrottle((ms) => {
    waits.push(ms);
    return Promise.resolve();
  });
  return { throttle, waits };
}

/** Fails so often, each time after the wait it takes. */
async function fail(throttle: Throttle, times: number, account: string, address: string): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    await throttle.wait(account, address);
    throttle.failed(account, address);
  }
}

/** What the next one waits for, in milliseconds. */
async function waitOf(
  { throttle, waits }: ReturnType<typeof aThrottle>,
  account: string,
  address: string,
): Promise<number> {
  const before = waits.length;
  await throttle.wait(account, address);
  return waits.slice(before).reduce((sum, ms) => sum + ms, 0);
}

test('forgives five wrong passwords, and doubles the wait from there to eight seconds', async () => {
  const { throttle, waits } = aThrottle();
  await fail(throttle, 15, 'alice', 'a');
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 8000, 8000, 8000, 8000]);
});

test('makes nobody else wait', async () => {
  const one = aThrottle();
  await fail(one.throttle, 10, 'alice', '192.0.2.1');
  expect(await waitOf(one, 'bob', '192.0.2.2')).toBe(0);
  expect(await waitOf(one, 'alice', '192.0.2.2')).toBe(8000);
  expect(await waitOf(one, 'bob', '192.0.2.1')).toBe(0);
});

test('counts an address over all accounts, whatever names there are', async () => {
  const one = aThrottle();
  for (let index = 0; index < 22; index += 1) one.throttle.failed(`user-${index}`, '192.0.2.1');
  expect(await waitOf(one, 'someone', '192.0.2.1')).toBe(1000);
});

test('a right password clears its account, and not its address', async () => {
  const one = aThrottle();
  for (let index = 0; index < 21; index += 1) one.throttle.failed('alice', '192.0.2.1');
  one.throttle.succeeded('alice');
  expect(await waitOf(one, 'alice', '192.0.2.9')).toBe(0);
  expect(await waitOf(one, 'alice', '192.0.2.1')).toBe(500);
  expect(await waitOf(one, 'mallory', '192.0.2.1')).toBe(500);
});

test('lets four wait for one account, and turns the fifth away', async () => {
  const gates: (() => void)[] = [];
  const throttle = openThrottle(() => new Promise<void>((resolve) => gates.push(resolve)));
  for (let index = 0; index < 6; index += 1) throttle.failed('alice', `192.0.2.${index}`);
  const waiting = Array.from({ length: 4 }, (_, index) => throttle.wait('alice', `198.51.100.${index}`));
  await expect(throttle.wait('alice', '198.51.100.9')).rejects.toEqual(
    new AuthenticationError('slow-down', 'too many wrong passwords', { retryAfterSeconds: 1 }),
  );
  await throttle.wait('bob', '198.51.100.9');
  for (const open of gates.splice(0)) open();
  await Promise.all(waiting);
  const next = throttle.wait('alice', '198.51.100.9');
  gates[0]?.();
  await next;
});

test('gives a place back when the wait is broken off', async () => {
  const throttle = openThrottle(() => Promise.reject(new Error('broken off')));
  for (let index = 0; index < 6; index += 1) throttle.failed('alice', 'a');
  for (let index = 0; index < 20; index += 1) await expect(throttle.wait('alice', 'b')).rejects.toThrow('broken off');
});

describe('an address of IPv6', () => {
  const NETWORK = '2001:db8:1:2';

  test.each([
    [`${NETWORK}::1`, `${NETWORK}:ffff:ffff:ffff:ffff`],
    ['2001:db8::1', '2001:db8::2'],
    ['2001:db8::1', '2001:db8::a:b:c:d'],
    ['2001:db8::1:0:0:1', '2001:db8:0:0:2::'],
    ['2001::1', '2001::2'],
    ['fe80::1%eth0', 'fe80::2%eth0'],
    ['::1', '::2'],
    ['1::', '1:0:0:0:5:6:7:8'],
  ])('%s counts as %s, which is of the same /64', async (one, other) => {
    const seen = aThrottle();
    for (let index = 0; index < 21; index += 1) seen.throttle.failed(`user-${index}`, one);
    expect(await waitOf(seen, 'someone', other)).toBe(500);
  });

  test.each([
    [`${NETWORK}::1`, '2001:db8:1:3::1'],
    ['2001:db8::1', '2001:db8:0:1::1'],
    ['::1', '1::'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.2'],
    ['192.0.2.1', '192.0.2.2'],
  ])('%s does not count as %s, which is of another network', async (one, other) => {
    const seen = aThrottle();
    for (let index = 0; index < 21; index += 1) seen.throttle.failed(`user-${index}`, one);
    expect(await waitOf(seen, 'someone', other)).toBe(0);
    expect(await waitOf(seen, 'someone', one)).toBe(500);
  });
});

test('remembers little of a name that is as long as a form', async () => {
  const one = aThrottle();
  await fail(one.throttle, 6, 'x'.repeat(60_000), 'a');
  expect(await waitOf(one, `${'x'.repeat(80)}and more`, 'b')).toBe(500);
  expect(await waitOf(one, 'x'.repeat(64), 'b')).toBe(0);
});
