import { expect, test } from 'vitest';
import { z } from 'zod';
import { share } from '#base/share.ts';

test.each([
  ['50%', 0.5],
  ['0%', 0],
  ['100%', 1],
  ['12.5%', 0.125],
])('reads %s, and writes it again', (text, part) => {
  expect(share.parse(text)).toBe(part);
  expect(z.encode(share, part)).toBe(text);
});

test.each(['50', '', '%', '-1%', '101%', '1.234%', '0.5', 0.5, null])('refuses %j', (value) => {
  expect(share.safeParse(value, { reportInput: true }).error?.issues[0]?.message).toMatch(/^expected a share /);
});
