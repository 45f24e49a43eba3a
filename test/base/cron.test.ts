import { validate } from 'node-cron';
import { describe, expect, test } from 'vitest';
import { cron } from '#base/cron.ts';

const SOUND = ['* * * * *', '*/10 * * * *', '0 3 * * 1-5', '0,30 9-17 1 1,7 0', '15 */10 * * * *', '0-59/5 0 31 12 7'];
const UNSOUND = [
  '',
  '* * * *',
  '* * * * * * *',
  '60 * * * *',
  '* 24 * * *',
  '* * 0 * *',
  '* * * 13 *',
  '* * * * 8',
  '5-1 * * * *',
  '*/0 * * * *',
  'a * * * *',
  '1,, * * * *',
];

describe('a cron expression', () => {
  test.each(SOUND)('may be %j', (text) => {
    expect(cron.parse(text)).toBe(text);
  });

  test.each(UNSOUND)('may not be %j', (text) => {
    expect(cron.safeParse(text, { reportInput: true }).error?.issues[0]?.message).toBe(
      `expected a cron expression such as "*/10 * * * *", found ${JSON.stringify(text)}`,
    );
  });

  test('that passes here passes the scheduler', () => {
    expect(SOUND.filter((text) => !validate(text))).toEqual([]);
  });
});
